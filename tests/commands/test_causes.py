"""What a check says of its regressions, over real processes in two trees."""

import os
import sys
import time
from pathlib import Path

import pytest

from perfgate.commands.causes import with_explanations
from perfgate.commands.pairing import PairJob, References
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress
from perfgate.measure.worker import CollectedBenchmark
from perfgate.model import NoteKind, Report, Verdict
from tests.fake_github.scenes import NAME, report_of

CODE = """\
def order():
    return sum(range({count}))
"""
SUITE = """\
import shop

def {test}(benchmark):
    assert benchmark(shop.order) > 0
"""
FILE, _, TEST = NAME.partition("::")
SLOWER: Report = report_of(30)


def _side(root: Path, name: str, *, count: int, test: str = TEST) -> Side:
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_text(SUITE.format(test=test))
    (root / "shop.py").write_text(CODE.format(count=count))
    return Side(
        name=name, python=Path(sys.executable), root=root, source_paths=(root,), modules=("shop",)
    )


def _job(folder: Path, *, allowed_s: float = 60.0, test: str = TEST) -> PairJob:
    base = _side(folder / "base", "merge base", count=2000, test=test)
    return PairJob(
        candidate=_side(folder / "candidate", "candidate", count=9000),
        references={NAME: References(merge_base=base, approved=None)},
        places={NAME: CollectedBenchmark(id=NAME, path=FILE, line=None)},
        suites={NAME: "api"},
        files=(FILE,),
        environ=dict(os.environ),
        commits={"merge base": "c0ffee"},
        timeout_s=60,
        rounds=12,
        deadline_s=time.monotonic() + allowed_s,
        seed=1,
    )


def test_the_function_that_grew_stands_beside_the_evidence(tmp_path: Path) -> None:
    report = with_explanations(SLOWER, _job(tmp_path), Progress())
    (evidence,) = report.evidence
    assert evidence.explanation is not None
    assert evidence.explanation.commit == "c0ffee"
    first = evidence.explanation.functions[0]
    assert (first.name, first.file, first.line) == ("order", "shop.py", 1)
    assert report.judgements == SLOWER.judgements


@pytest.mark.parametrize(
    ("allowed_s", "test", "why"),
    [
        pytest.param(-1.0, TEST, "the time budget ran out", id="no-budget"),
        pytest.param(0.05, TEST, "", id="hardly-any-budget"),
        pytest.param(60.0, "test_other", "it is not there", id="not-in-the-old-tree"),
    ],
)
def test_what_cannot_be_explained_is_a_note_and_no_verdict(
    tmp_path: Path, allowed_s: float, test: str, why: str
) -> None:
    job = _job(tmp_path, allowed_s=allowed_s, test=test)
    report = with_explanations(SLOWER, job, Progress())
    note = report.notes[-1]
    assert note.kind is NoteKind.UNEXPLAINED
    assert f"{NAME}: " in note.facts[0]
    assert why in note.facts[0]
    assert (report.judgements, report.evidence) == (SLOWER.judgements, SLOWER.evidence)
    assert report.exit_status == SLOWER.exit_status


def test_only_regressions_are_explained(tmp_path: Path) -> None:
    same = report_of(0)
    assert same.judgements[0].verdict is Verdict.PASSED
    assert with_explanations(same, _job(tmp_path), Progress()) == same
