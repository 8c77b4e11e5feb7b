"""Small benchmark suites in folders of their own, measured by real processes."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from perfgate.measure.lockstep import GroupOutcome, GroupPlan, Side, measure_groups
from perfgate.measure.process import Progress, SuiteFiles, SuitePlan, measure_suites
from perfgate.model import Benchmark, Failure, ProcessRun

ENVIRON: Mapping[str, str] = {
    name: value
    for name, value in os.environ.items()
    if name not in {"PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"}
}
INI = "[pytest]\naddopts =\n"
FILE = "test_suite.py"
BUSY = """
def busy(count):
    total = 0
    for number in range(count):
        total += number
    return total
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write a project; it is its own pytest root even where a folder above has settings."""
    for name, content in {"pytest.ini": INI, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def plan_of(root: Path, *files: str) -> SuitePlan:
    return SuitePlan(
        root=root,
        suites=(SuiteFiles(name="suite", files=files or (FILE,)),),
        python=Path(sys.executable),
        environ=ENVIRON,
        source_paths=(root,),
        processes=1,
        seed=1,
        max_time_s=0.001,
        timeout_s=20.0,
    )


def measure(plan: SuitePlan) -> dict[str, Benchmark]:
    """Measure by process runs; return the benchmarks by name within their file."""
    results = measure_suites(plan, Progress())
    return {one.id.partition("::")[2] or one.id: one for one in results.benchmarks}


def run_of(benchmark: Benchmark) -> ProcessRun:
    assert benchmark.failure is None, benchmark.failure
    return benchmark.runs[0]


def side_of(name: str, root: Path, *modules: str) -> Side:
    return Side(
        name=name, python=Path(sys.executable), root=root, source_paths=(root,), modules=modules
    )


def pair_plan(*sides: Side, benchmarks: tuple[str, ...], timeout_s: float = 20.0) -> GroupPlan:
    return GroupPlan(
        sides=sides,
        files=(FILE,),
        benchmarks=tuple(f"{FILE}::{name}" for name in benchmarks),
        environ=ENVIRON,
        timeout_s=timeout_s,
        rounds=20,
    )


def lockstep(plan: GroupPlan, *, groups: int = 1) -> tuple[dict[str, GroupOutcome], ...]:
    """Measure by groups of processes; return the outcomes by name within their file."""
    measured = measure_groups(plan, groups=groups, seed=1, progress=Progress())
    return tuple(
        {name.partition("::")[2]: outcome for name, outcome in group.items()} for group in measured
    )


def candidate_run(outcome: GroupOutcome) -> ProcessRun:
    assert isinstance(outcome.candidate, ProcessRun), outcome.candidate
    return outcome.candidate


def candidate_failure(outcome: GroupOutcome) -> Failure:
    assert isinstance(outcome.candidate, Failure)
    return outcome.candidate


def with_processes(plan: SuitePlan, processes: int) -> SuitePlan:
    return replace(plan, processes=processes)
