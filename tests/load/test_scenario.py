import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfgate.errors import MeasurementError, UsageError
from perfgate.load.scenario import find_operation, prepared

CODE = """
from contextlib import asynccontextmanager
events = []

async def plain():
    return 1

async def with_setup():
    events.append("open")
    yield lambda: "async"
    events.append("close")

def with_blocking_setup():
    yield lambda: "blocking"

@asynccontextmanager
async def decorated():
    yield lambda: "decorated"

async def yields_nothing():
    yield 3

number = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    modules, paths = set(sys.modules), list(sys.path)
    (tmp_path / "loads").mkdir()
    (tmp_path / "loads" / "shop_scenario.py").write_text(CODE)
    yield tmp_path
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and "scenario" in name:
            del sys.modules[name]


def test_a_file_and_a_module_name_the_same_function(folder: Path) -> None:
    by_file = find_operation("loads/shop_scenario.py:plain", folder)
    by_module = find_operation("loads.shop_scenario:plain", folder)
    assert by_file.__name__ == by_module.__name__ == "plain"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        pytest.param("loads/shop_scenario.py", "write FILE.py:FUNCTION", id="no-function"),
        pytest.param("loads/shop_scenario.py:pay", "there are: plain, with_setup", id="unknown"),
        pytest.param("loads/shop_scenario.py:number", "no function is called number", id="number"),
        pytest.param("loads/gone.py:pay", "there is no file", id="no-file"),
        pytest.param("gone_module.pay:pay", "there is no module gone_module", id="no-module"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, reference: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        find_operation(reference, folder)


def test_a_scenario_that_cannot_be_imported_shows_where(folder: Path) -> None:
    (folder / "broken_scenario.py").write_text("import os\nos.no_such_thing\n")
    with pytest.raises(MeasurementError, match="cannot be imported: AttributeError") as caught:
        find_operation("broken_scenario.py:pay", folder)
    assert any("line 2" in line for line in caught.value.details)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "answer"),
    [("with_setup", "async"), ("with_blocking_setup", "blocking"), ("decorated", "decorated")],
)
async def test_what_yields_prepares_the_operation(folder: Path, name: str, answer: str) -> None:
    operation = find_operation(f"loads/shop_scenario.py:{name}", folder)
    async with prepared(operation) as inner:
        assert inner() == answer


@pytest.mark.anyio
async def test_what_was_prepared_is_cleaned_up(folder: Path) -> None:
    operation = find_operation("loads/shop_scenario.py:with_setup", folder)
    events = operation.__globals__["events"]
    async with prepared(operation):
        assert events == ["open"]
    assert events == ["open", "close"]


@pytest.mark.anyio
async def test_what_yields_no_operation_is_refused(folder: Path) -> None:
    operation = find_operation("loads/shop_scenario.py:yields_nothing", folder)
    with pytest.raises(MeasurementError, match="yields int, not what is to be called"):
        async with prepared(operation):
            pass
