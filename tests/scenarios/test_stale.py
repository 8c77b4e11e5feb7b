"""Committed numbers that say little about this machine, or nothing."""

from pathlib import Path

import pytest

from perfgate.model import NoteKind, Reason, ReferenceKind, Verdict
from tests.scenarios.project import HERE, LOOPS, Project

pytestmark = pytest.mark.scenarios

FEW_PAIRS = "pairs = 8\n"


def test_a_slowdown_does_not_hide_under_a_stale_number(tmp_path: Path) -> None:
    """A public gate on committed numbers passed exactly this."""
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    unchanged = project.check()
    now_s = unchanged.judgement("test_total").candidate_s
    assert now_s is not None
    project.approve({"total": 3.6 * now_s}, reason="measured long ago")
    project.commit("approve it")
    project.change("total", round(2.3 * LOOPS))

    outcome = project.check()

    judgement = outcome.judgement("test_total")
    effects = {one.reference: one.log_ratio for one in judgement.comparisons}
    assert (outcome.status, judgement.verdict) == (1, Verdict.REGRESSED)
    assert effects[ReferenceKind.COMMITTED] < 0 < effects[ReferenceKind.MERGE_BASE]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(HERE.key, id="another-cpu"),
        pytest.param(f"{HERE.system}-{HERE.machine}-cpython-3.9", id="another-python"),
    ],
)
def test_pairs_decide_where_numbers_come_from_elsewhere(tmp_path: Path, environment: str) -> None:
    project = Project.create(tmp_path / "checkout", names=("total", "tax"), settings=FEW_PAIRS)
    for file in project.root.glob("baselines/*/*.json"):
        file.unlink()
    far_off = {"total": 1.0, "tax": 1e-7}
    project.approve(far_off, cpu="MOS 6502", environment=environment)
    approved = project.commit("numbers from elsewhere")
    project.write("README.md", "Prices are in cents.\n")
    project.commit("say what a price is")
    project.change("total", 2 * LOOPS)

    outcome = project.check()

    assert outcome.status == 1
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED, "test_tax": Verdict.PASSED}
    judgement = outcome.judgement("test_total")
    assert judgement.baseline is not None
    assert {one.reference: one.commit for one in judgement.comparisons} == {
        ReferenceKind.MERGE_BASE: project.repository.git("rev-parse", "main"),
        ReferenceKind.APPROVED: approved,
    }


# --- without a repository ----------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A project without git whose baselines were measured, for what they are worth."""
    project = Project.create(tmp_path / "checkout")
    (project.root / ".git").rename(tmp_path / "elsewhere")
    return project


def test_without_git_numbers_from_here_show_a_large_slowdown(bare: Project) -> None:
    bare.write_code("total", 6 * LOOPS)

    outcome = bare.check()

    assert outcome.status == 1
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}
    assert NoteKind.NO_REPOSITORY in {note.kind for note in outcome.judged.notes}


def test_without_git_numbers_from_elsewhere_cannot_tell(bare: Project) -> None:
    bare.approve({"total": 1e-4}, cpu="MOS 6502")

    outcome = bare.check()

    assert outcome.status == 3
    assert outcome.verdicts == {"test_total": Verdict.UNDECIDED}
    assert outcome.judgement("test_total").reason is Reason.OTHER_HARDWARE


def test_without_git_pairs_cannot_be_had(bare: Project) -> None:
    outcome = bare.check("--paired", "always")

    assert (outcome.status, outcome.report) == (2, None)
    assert "needs a git repository" in outcome.stderr
