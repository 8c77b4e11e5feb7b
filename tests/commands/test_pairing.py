import math
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from perfgate.commands.pairing import EXPLORE_PAIRS, Pairing, PairJob, References, measure_pairs
from perfgate.gate import judge
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress
from perfgate.measure.worker import CollectedBenchmark
from perfgate.model import Environment, Evidence, Results, Verdict
from tests.evidence import baseline, config

SHOP = """
def same():
    return sum(range(300))

def quicker():
    return sum(range({quicker}))
"""
SUITE = """
import shop

def test_same(benchmark):
    assert benchmark(shop.same) == 44850

def test_quicker(benchmark):
    assert benchmark(shop.quicker) > 0
"""
FILE = "benchmarks/test_shop.py"
NAMES = tuple(f"{FILE}::test_{what}" for what in ("quicker", "same"))


def _side(root: Path, name: str, *, quicker: int) -> Side:
    (root / "benchmarks").mkdir(parents=True)
    (root / FILE).write_text(SUITE)
    (root / "shop.py").write_text(SHOP.format(quicker=quicker))
    return Side(
        name=name, python=Path(sys.executable), root=root, source_paths=(root,), modules=("shop",)
    )


def _job(tmp_path: Path, *, allowed_s: float) -> PairJob:
    base = _side(tmp_path / "base", "merge base", quicker=2000)
    candidate = _side(tmp_path / "candidate", "candidate", quicker=300)
    return PairJob(
        candidate=candidate,
        references=dict.fromkeys(NAMES, References(merge_base=base, approved=None)),
        places={name: CollectedBenchmark(id=name, path=FILE, line=None) for name in NAMES},
        suites=dict.fromkeys(NAMES, "shop"),
        files=(FILE,),
        environ=dict(os.environ),
        commits={"merge base": "c0ffee"},
        timeout_s=60,
        rounds=12,
        deadline_s=time.monotonic() + allowed_s,
        seed=1,
    )


def _confirmed(pairing: Pairing) -> dict[str, int]:
    return {name: len(values) for (name, _), values in pairing.confirm.items()}


def test_an_improvement_is_confirmed_by_fresh_pairs_and_what_did_not_change_is_not(
    tmp_path: Path,
) -> None:
    job = _job(tmp_path, allowed_s=300)
    settings = config(pairs=7, threshold=0.5)
    pairing = measure_pairs(job, settings, Progress())

    explored = {name: len(values) for (name, _), values in pairing.explore.items()}
    assert explored == dict.fromkeys(NAMES, EXPLORE_PAIRS)
    # all of seven pairs have the same sign by chance in 1 of 128 runs
    assert _confirmed(pairing) == {NAMES[0]: 7}
    assert pairing.out_of_budget == set()
    given = [
        Evidence(
            benchmark=name,
            suite="shop",
            baseline=baseline(),
            pairs=pairing.samples(name, job),
        )
        for name in NAMES
    ]
    results = Results(
        environment=Environment(
            system="linux", machine="x86_64", implementation="cpython", python="3.12.4"
        ),
        benchmarks=pairing.benchmarks(job),
    )
    verdicts = [one.verdict for one in judge(given, results, settings)]
    assert verdicts == [Verdict.IMPROVED, Verdict.PASSED]
    assert all(math.isfinite(value) for values in pairing.confirm.values() for value in values)


def test_without_any_time_everything_is_out_of_budget(tmp_path: Path) -> None:
    pairing = measure_pairs(_job(tmp_path, allowed_s=0), config(), Progress())
    assert pairing.out_of_budget == set(NAMES)
    assert pairing.explore == {}


def test_what_keeps_more_is_confirmed_by_fresh_pairs(tmp_path: Path) -> None:
    job = replace(_job(tmp_path, allowed_s=300), measures_memory=True)
    shop = job.candidate.root / "shop.py"
    shop.write_text("KEPT = []\n" + shop.read_text().replace("return", "KEPT.append([]); return"))
    settings = config(pairs=8, threshold=9.0, memory_threshold=0.1)  # time is never suspect
    pairing = measure_pairs(job, settings, Progress())
    assert _confirmed(pairing) == dict.fromkeys(NAMES, 8)
    for name in NAMES:
        (samples,) = pairing.samples(name, job)
        kept = samples.reference_memory["blocks_per_op"]
        assert len(kept) == EXPLORE_PAIRS + 8
        more = [run.metrics["blocks_per_op"] for run in pairing.runs[name]]
        assert min(more) > max(kept)
