"""Small slowdowns that add up, and the approved code that shows them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from perfgate.model import Reason, ReferenceKind, Verdict
from tests.scenarios.project import LOOPS, Outcome, Project

pytestmark = pytest.mark.scenarios

STEP = 1.02
STEPS = 10
LATEST = 5
FEW_PAIRS = "pairs = 8\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Creep:
    approved: str
    steps: Sequence[Outcome]
    """Each checked against its predecessor, up to the first that added up to too much."""
    document: Outcome
    main: Outcome


@pytest.fixture(scope="module")
def creep(tmp_path_factory: pytest.TempPathFactory) -> Creep:
    project = Project.create(tmp_path_factory.mktemp("creep") / "checkout")
    approved = project.repository.git("rev-parse", "HEAD")
    steps: list[Outcome] = []
    for number in range(1, STEPS + 1):
        project.change("total", round(LOOPS * STEP**number))
        is_red = any(step.judgement("test_total").reason is Reason.SLOWER_IN_SUM for step in steps)
        if number <= LATEST and not is_red:
            steps.append(project.check())
        project.merge()
    project.branch("document")
    project.write("README.md", "Prices are in cents.\n")
    project.commit("say what a price is")
    document = project.check()
    project.repository.git("checkout", "--quiet", "main")
    return Creep(approved=approved, steps=steps, document=document, main=project.check())


def test_of_steps_below_the_threshold_one_goes_red_by_the_fifth(creep: Creep) -> None:
    *before, last = creep.steps
    judgement = last.judgement("test_total")

    assert (last.status, judgement.verdict) == (1, Verdict.REGRESSED)
    assert judgement.reason is Reason.SLOWER_IN_SUM
    # Noise may leave a step undecided, which stops a change too.
    assert {step.status for step in before} <= {0, 3}


def test_the_red_step_names_the_approved_commit_the_whole_and_its_own_share(creep: Creep) -> None:
    red = creep.steps[-1]
    whole, share = red.judgement("test_total").comparisons[:2]

    assert (whole.reference, whole.commit) == (ReferenceKind.APPROVED, creep.approved)
    assert share.reference is ReferenceKind.MERGE_BASE
    assert 0 < share.log_ratio < whole.log_ratio
    assert creep.approved[:10] in red.stdout


def test_a_commit_that_adds_nothing_stays_green_with_a_warning(creep: Creep) -> None:
    judgement = creep.document.judgement("test_total")

    assert creep.document.status == 0
    assert (judgement.verdict, judgement.reason) == (Verdict.DRIFTED, Reason.DRIFTED_BEFORE)
    # Ten steps of 2 % are 22 %.
    assert judgement.comparisons[0].log_ratio == pytest.approx(10 * math.log(STEP), abs=0.05)


def test_the_default_branch_goes_red(creep: Creep) -> None:
    assert creep.main.judged.is_default_branch
    assert creep.main.status == 1
    assert creep.main.verdicts == {"test_total": Verdict.DRIFTED}
    assert creep.main.judgement("test_total").comparisons[0].commit == creep.approved


# --- approvals that move -----------------------------------------------------------------------


@pytest.mark.parametrize("way", ["squash", "rebase", "merge"])
def test_an_approval_is_found_however_it_was_merged(tmp_path: Path, way: str) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    git = project.repository.git
    project.change("total", LOOPS * 2)
    project.approve({"total": 2e-4}, reason="prices need it")
    project.commit("approve it")
    git("checkout", "--quiet", "main")
    project.write("shop/other.py", "OTHER = 1\n")
    project.commit("meanwhile")
    if way == "squash":
        git("merge", "--quiet", "--squash", "change")
        project.commit("squashed")
    elif way == "rebase":
        git("rebase", "--quiet", "main", "change")
        project.merge()
    else:
        git("merge", "--quiet", "--no-ff", "--message=merged", "change")
    blamed = git("log", "-1", "--format=%H", "--no-merges", "--", "baselines")
    project.write("shop/other.py", "OTHER = 2\n")
    project.commit("later")
    project.change("total", LOOPS * 2 + 1, branch="next")

    outcome = project.check()

    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.PASSED}
    (approved,) = (
        pairs for pairs in outcome.judged.evidence[0].pairs
        if pairs.reference is ReferenceKind.APPROVED
    )  # fmt: skip
    assert approved.commit == blamed


def test_a_change_that_edits_its_own_baseline_is_accepted_for_all_to_see(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    project.change("total", LOOPS * 2)
    project.approve({"total": 2e-4}, reason="prices need it")
    project.commit("approve it")

    outcome = project.check()

    judgement = outcome.judgement("test_total")
    assert outcome.status == 0
    assert (judgement.verdict, judgement.message) == (Verdict.ACCEPTED, "prices need it")
    assert judgement.edit is not None
    assert judgement.edit.old is not None
    assert judgement.edit.new is not None
    assert (judgement.edit.old.low_s, judgement.edit.new.low_s) == (1e-4, 2e-4)
    assert "100 µs → 200 µs" in outcome.stdout
