"""`perfgate report` on what a load and a monitor saved."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfgate.commands.render import rendering_of
from perfgate.errors import InputFileError
from perfgate.monitor import PerformanceMonitor
from tests.command_line import files_in, perfgate

OPERATIONS = """
import itertools

turns = itertools.count()

async def look():
    if next(turns) % 8 == 0:
        raise LookupError("<b>no such | cart</b>")
"""
_JUNK: tuple[Any, ...] = (
    *(0, -1, 1, 0.5, 1e-300, 1e300, 2**53, True, None),
    *("", "|`\n\x1b<b>", [], {}),
)
FORMATS = ("--markdown", "r.md", "--html", "r.html", "--json", "r.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    (folder / "shop.py").write_text(OPERATIONS)
    done = perfgate(
        folder, "load", "shop.py:look", "--operations", "40", "--json", "load.json", *FORMATS[:4]
    )
    assert done.status == 0
    (folder / "load.txt").write_text(done.out)
    monitor = PerformanceMonitor()
    for number in range(100):
        monitor.record_operation("shop", "<i>cart|", number + 1.0, success=number % 9 > 0)
    monitor.generate_performance_report().save(folder / "monitor.json")
    return folder


def test_a_load_looks_as_it_did_when_it_ended(folder: Path, tmp_path: Path) -> None:
    load = folder / "load.json"
    shown = perfgate(tmp_path, "report", load)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == (folder / "load.txt").read_text()
    assert perfgate(tmp_path, "report", load, *FORMATS).status == 0
    for name in ("r.md", "r.html"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert (tmp_path / "r.json").read_bytes() == load.read_bytes()


def test_a_monitors_report_is_shown_as_table_and_markdown(folder: Path, tmp_path: Path) -> None:
    monitor = folder / "monitor.json"
    shown = perfgate(tmp_path, "report", monitor)
    assert (shown.status, shown.err) == (0, "")
    assert "shop:<i>cart|    100       88 %" in shown.out
    markdown = perfgate(tmp_path, "report", monitor, "--markdown", "-").out
    assert r"| `shop:<i>cart\|` | 100 | 88 %" in markdown
    assert perfgate(tmp_path, "report", monitor, "--json", "-").out == monitor.read_text()


@pytest.mark.parametrize(
    ("saved", "option", "problem"),
    [
        ("load.json", "--junit", "--junit: a load is rendered by --markdown, --html, --json"),
        ("monitor.json", "--html", "--html: a monitor's report is rendered by --markdown, --json"),
    ],
)
def test_a_format_that_there_is_not_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, saved: str, option: str, problem: str
) -> None:
    done = perfgate(tmp_path, "report", folder / saved, "--json", "r.json", option, "r")
    assert (done.status, done.out, done.err) == (2, "", f"perfgate: {problem}\n")
    assert files_in(tmp_path) == {}


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict):
        children = [*value.items()]
    else:
        children = [*enumerate(value)] if isinstance(value, list) else []
    for key, child in children:
        yield from _places(child, (*place, key))


@pytest.mark.parametrize("saved", ["load.json", "monitor.json"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_was_done_to_it_it_is_rendered_or_refused_in_one_line(
    folder: Path, tmp_path: Path, saved: str, data: st.DataObject
) -> None:
    document = json.loads((folder / saved).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        document = _damaged(document, data)
    path = tmp_path / saved
    path.write_text(json.dumps(document))
    try:
        rendering = rendering_of(path)
    except InputFileError as error:
        said = str(error)
    else:
        said = "rendered"
        assert all(rendering.render(name) for name in rendering.formats)
    assert said.count("\n") == 0


def _damaged(document: Any, data: st.DataObject) -> Any:
    document = copy.deepcopy(document)
    place = data.draw(st.sampled_from([place for place in _places(document) if place]))
    *way, last = place
    holder = document
    for key in way:
        holder = holder[key]
    if data.draw(st.integers(0, 3)):
        holder[last] = data.draw(st.sampled_from(_JUNK))
    else:
        del holder[last]
    return document
