"""What changes in the benchmarks themselves, and what changes for all of them."""

from pathlib import Path

import pytest

from perfgate.model import Reason, Verdict
from tests.scenarios.project import LOOPS, SUITE, Project

pytestmark = pytest.mark.scenarios

FEW_PAIRS = "pairs = 10\n"

SLOWER_HOOK = """
import importlib.abc
import importlib.machinery
import sys


class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.LOOPS = round(module.LOOPS * 1.3)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and name.startswith("shop."):
            spec.loader = Loader(name, spec.origin)
        return spec


sys.meta_path.insert(0, Finder())
"""

SHARED = """
LOOPS = {loops}


def work(value):
    for step in range(LOOPS):
        value = (value * 31 + step) % 65537
    return value
"""

CALLER = """
from shop.shared import work


def {name}(start):
    return work(start + {salt})
"""

UNRELATED = '''"""Prices, and how they come about.

They are in cents.
"""

import collections
import decimal
import functools


def rounded(value, digits=2):
    """Round as banks do."""
    return decimal.Decimal(value).quantize(decimal.Decimal(10) ** -digits)


@functools.cache
def kinds():
    """Return all kinds of prices."""
    return collections.Counter(["net", "gross"])


class Price:
    """A price."""

    def __init__(self, cents):
        self.cents = cents

'''


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "checkout", settings=FEW_PAIRS)


def test_more_work_in_the_benchmark_itself_is_no_slowdown(project: Project) -> None:
    project.branch("change")
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, suite.replace("benchmark(total, 7)", "benchmark(lambda: total(total(7)))"))
    project.commit("measure more")

    outcome = project.check()

    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.PASSED}


def test_code_added_around_what_is_measured_is_no_slowdown(project: Project) -> None:
    project.branch("change")
    code = project.root / "shop" / "total.py"
    code.write_text(UNRELATED + code.read_text() + UNRELATED.replace("Price", "Cost"))
    project.commit("say more")

    outcome = project.check()

    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.PASSED}


def test_a_benchmark_that_is_added_is_new_and_the_others_are_judged(project: Project) -> None:
    project.branch("change")
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, f"{suite}\n\ndef test_twice(benchmark):\n    benchmark(total, 8)\n")
    project.commit("measure more")

    outcome = project.check()

    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.PASSED, "test_twice": Verdict.NEW}


def test_an_added_benchmark_shows_that_the_code_under_it_became_slower(project: Project) -> None:
    project.change("total", 2 * LOOPS)
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, f"{suite}\n\ndef test_twice(benchmark):\n    benchmark(total, 8)\n")
    project.commit("measure more")

    outcome = project.check()

    assert outcome.status == 1
    assert outcome.verdicts["test_twice"] is Verdict.REGRESSED


@pytest.mark.parametrize(
    ("drops_line", "status", "verdict"),
    [
        pytest.param(False, 1, Verdict.MISSING, id="benchmark-alone"),
        pytest.param(True, 0, Verdict.ACCEPTED, id="with-its-baseline"),
    ],
)
def test_a_benchmark_must_not_go_without_its_baseline(
    tmp_path: Path, *, drops_line: bool, status: int, verdict: Verdict
) -> None:
    project = Project.create(tmp_path / "checkout", names=("total", "tax"), settings=FEW_PAIRS)
    project.branch("change")
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, suite.partition("from shop.tax")[0])
    if drops_line:
        (file,) = project.root.glob("baselines/*/shop.json")
        kept = [line for line in file.read_text().splitlines() if "::test_tax" not in line]
        file.write_text("\n".join(kept) + "\n")
    project.commit("measure less")

    outcome = project.check()

    assert outcome.status == status
    assert outcome.verdicts == {"test_total": Verdict.PASSED, "test_tax": verdict}


@pytest.mark.parametrize("moves_line", [False, True])
def test_a_renamed_benchmark_is_recognised(project: Project, *, moves_line: bool) -> None:
    project.branch("change")
    for file in (project.root / SUITE, *project.root.glob("baselines/*/shop.json")):
        if moves_line or file.suffix == ".py":
            file.write_text(file.read_text().replace("test_total", "test_totals"))
    project.commit("rename it")

    outcome = project.check()

    if moves_line:
        assert outcome.status == 0
        assert set(outcome.verdicts.values()) == {Verdict.ACCEPTED}
    else:
        assert outcome.status == 1
        assert outcome.verdicts == {"test_total": Verdict.MISSING, "test_totals": Verdict.NEW}
        assert outcome.judgement("test_total").similar == f"{SUITE}::test_totals"
        assert outcome.judgement("test_totals").similar == f"{SUITE}::test_total"


# --- what makes all of them slower -------------------------------------------------------------

ALL = ("total", "tax", "refund")


def test_a_whole_suite_slowed_by_an_import_hook_is_found(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", names=ALL)
    project.branch("change")
    project.write("shop/__init__.py", SLOWER_HOOK)
    project.commit("look closer at imports")

    outcome = project.check()

    assert outcome.status == 1
    assert outcome.verdicts == {f"test_{name}": Verdict.REGRESSED for name in ALL}


def test_a_whole_suite_slowed_by_a_shared_function_is_found(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", names=ALL)
    project.write("shop/shared.py", SHARED.format(loops=LOOPS))
    for salt, name in enumerate(ALL):
        project.write(f"shop/{name}.py", CALLER.format(name=name, salt=salt))
    project.commit("share the work")
    project.branch("change")
    project.write("shop/shared.py", SHARED.format(loops=round(1.3 * LOOPS)))
    project.commit("do more in it")

    outcome = project.check()

    assert outcome.status == 1
    assert {one.reason for one in outcome.judged.judgements} == {Reason.SLOWER}
    assert outcome.verdicts == {f"test_{name}": Verdict.REGRESSED for name in ALL}
