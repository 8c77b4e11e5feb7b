"""Benchmarks that raise, hang or die, and budgets that end too early."""

from pathlib import Path

import pytest

from perfgate.model import FailureKind, NoteKind, Reason, Verdict
from tests.scenarios.project import LOOPS, SUITE, Project

pytestmark = pytest.mark.scenarios

FEW_PAIRS = "pairs = 8\n"

ENDS = {
    "raise": "raise RuntimeError('no money')",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "hang": "import threading; threading.Event().wait()",
}


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        pytest.param("raise", FailureKind.RAISED, "no money", id="raise"),
        pytest.param("kill", FailureKind.CRASHED, "SIGKILL", id="kill"),
        pytest.param("hang", FailureKind.TIMED_OUT, "took too long", id="hang"),
    ],
)
def test_a_benchmark_that_ends_badly_is_the_only_one_without_a_number(
    tmp_path: Path, end: str, kind: FailureKind, message: str
) -> None:
    project = Project.create(
        tmp_path / "checkout",
        names=("total", "tax", "refund"),
        settings=f'{FEW_PAIRS}timeout = "2s"\n',
    )
    project.branch("change")
    project.write("shop/tax.py", f"def tax(start):\n    {ENDS[end]}\n")
    project.commit("break it")

    outcome = project.check()

    (broken,) = (one for one in outcome.judged.results.benchmarks if one.failure is not None)
    assert outcome.status == 1
    assert outcome.verdicts == {
        "test_total": Verdict.PASSED,
        "test_tax": Verdict.ERRORED,
        "test_refund": Verdict.PASSED,
    }
    assert broken.failure is not None
    assert (broken.id, broken.failure.kind) == (f"{SUITE}::test_tax", kind)
    assert message in broken.failure.message


@pytest.mark.parametrize("end", ["raise", "kill"])
def test_a_change_may_mend_a_benchmark_that_ended_badly_before(tmp_path: Path, end: str) -> None:
    project = Project.create(tmp_path / "checkout", names=("total", "tax"), settings=FEW_PAIRS)
    project.write("shop/tax.py", f"def tax(start):\n    {ENDS[end]}\n")
    project.commit("break it")
    project.change("tax", LOOPS)

    outcome = project.check()

    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.PASSED, "test_tax": Verdict.PASSED}
    assert NoteKind.REFERENCE_FAILED in {note.kind for note in outcome.judged.notes}


# --- budget ------------------------------------------------------------------------------------

SLOW_SETUP = """
import threading
import pytest


@pytest.fixture
def warehouse():
    threading.Event().wait(3)
"""


def test_what_looks_slowest_is_confirmed_before_the_time_is_up(tmp_path: Path) -> None:
    """The other suspect cannot be: preparing it takes 3 s in each of eight pairs."""
    project = Project.create(
        tmp_path / "checkout", names=("total", "tax", "refund"), settings=FEW_PAIRS
    )
    project.write("benchmarks/conftest.py", SLOW_SETUP)
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, suite.replace("test_total(benchmark)", "test_total(benchmark, warehouse)"))
    project.commit("fill the warehouse first")
    project.change("total", round(1.3 * LOOPS))
    project.write_code("refund", 3 * LOOPS)
    project.commit("refunds take longer, too")

    outcome = project.check("--budget", "20s")

    assert outcome.status == 1
    assert outcome.verdicts == {
        "test_refund": Verdict.REGRESSED,
        "test_tax": Verdict.PASSED,
        "test_total": Verdict.UNDECIDED,
    }
    assert outcome.judgement("test_total").reason is Reason.OUT_OF_BUDGET
    assert NoteKind.BUDGET in {note.kind for note in outcome.judged.notes}


def test_without_time_everything_is_undecided_and_nothing_is_missing(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", names=("total", "tax"), settings=FEW_PAIRS)
    project.change("total", 3 * LOOPS)
    suite = (project.root / SUITE).read_text()
    project.write(SUITE, f"{suite}\n\ndef test_new(benchmark):\n    benchmark(total, 8)\n")
    project.commit("measure more")

    outcome = project.check("--budget", "10ms")

    assert outcome.status == 3
    assert outcome.verdicts == dict.fromkeys(
        ("test_total", "test_tax", "test_new"), Verdict.UNDECIDED
    )
    assert {one.reason for one in outcome.judged.judgements} == {Reason.OUT_OF_BUDGET}
