"""Plain measurement: every suite in fresh processes, rounds as pytest-benchmark makes them.

The process is the unit of replication (memory layout and hash seed differ between processes and
move a benchmark by percents), so each process runs everything once and contributes one run.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from perfgate.errors import MeasurementError
from perfgate.measure.worker import (
    CollectedBenchmark,
    Collection,
    Worker,
    WorkerLost,
    WorkerSettings,
)
from perfgate.model import Benchmark, Failure, FailureKind, ProcessRun
from perfgate.stats.quantiles import summarise

__all__ = [
    "Progress",
    "SuiteFiles",
    "SuitePlan",
    "SuiteResults",
    "collect_suites",
    "measure_suites",
    "outcome_of",
    "place_outcomes",
]

_LARGEST_SEED: Final = 2**32 - 1
_COLLECT_TIMEOUT_S: Final = 120.0

Outcome = ProcessRun | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFiles:
    """A suite and the files it consists of, relative to the root."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlan:
    """How suites are to be measured."""

    root: Path
    suites: tuple[SuiteFiles, ...]
    python: Path
    environ: Mapping[str, str]
    source_paths: tuple[Path, ...]
    processes: int
    seed: int
    """Of the hash seeds: the same seed gives the same sequence."""
    max_time_s: float | None = 0.1
    timeout_s: float
    """For one benchmark in one process."""
    measures_memory: bool = False
    selection: frozenset[str] | None = None
    """Ids to measure; None: all."""


class Progress:
    """Told how far a measurement is; does nothing by itself."""

    def plan(self, steps: int) -> None:
        """Announce that so many more steps will come."""

    def step(self, name: str) -> None:
        """Announce that a benchmark was measured once."""


@dataclass(slots=True)
class _Outcomes:
    """What is known of one benchmark while its processes run."""

    suite: str
    place: CollectedBenchmark
    runs: list[ProcessRun] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def has_hung(self) -> bool:
        """Whether it took too long once: it is not waited for again in every other process."""
        return any(failure.kind is FailureKind.TIMED_OUT for failure in self.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResults:
    """The benchmarks of a measurement and the pytest-benchmark that made them."""

    benchmarks: tuple[Benchmark, ...]
    pytest_benchmark: str


def collect_suites(plan: SuitePlan) -> dict[str, Collection]:
    """Find the benchmarks of every suite without running any.

    Raises:
        MeasurementError: a suite's process could not start or refused.
    """
    return {suite.name: _collect(plan, suite) for suite in plan.suites}


def measure_suites(plan: SuitePlan, progress: Progress) -> SuiteResults:
    """Measure every suite in ``plan.processes`` fresh processes, in turn.

    A benchmark that raises, hangs or kills its process is a failure of that benchmark alone.

    Raises:
        MeasurementError: a suite's process could not start or refused to measure.
    """
    outcomes: dict[str, _Outcomes] = {}
    version = ""
    seeds = random.Random(plan.seed)  # noqa: S311 - reproducible, not secret
    for number in range(plan.processes):
        hash_seed = seeds.randint(0, _LARGEST_SEED)
        for suite in plan.suites:
            version = _run_suite(plan, suite, hash_seed, outcomes, progress) or version
            if number == 0:
                progress.plan((plan.processes - 1) * _count(outcomes, suite.name))
    benchmarks = tuple(
        place_outcomes(one.place, one.suite, one.runs, one.failures) for one in outcomes.values()
    )
    return SuiteResults(benchmarks=benchmarks, pytest_benchmark=version)


def _count(outcomes: Mapping[str, _Outcomes], suite: str) -> int:
    return sum(outcome.suite == suite for outcome in outcomes.values())


def _worker(plan: SuitePlan, suite: SuiteFiles, hash_seed: int) -> Worker:
    return Worker(
        WorkerSettings(
            python=plan.python,
            root=plan.root,
            source_paths=plan.source_paths,
            files=suite.files,
            environ=plan.environ,
            hash_seed=hash_seed,
            is_lockstep=False,
            measures_memory=plan.measures_memory,
            max_time_s=plan.max_time_s,
        )
    )


def _started(worker: Worker, suite: SuiteFiles) -> Collection:
    try:
        worker.configure()
        return worker.collect(_COLLECT_TIMEOUT_S)
    except WorkerLost as lost:
        problem, *details = lost.problem.splitlines()
        raise MeasurementError(f"suite {suite.name}", problem, details) from lost


def _collect(plan: SuitePlan, suite: SuiteFiles) -> Collection:
    with _worker(plan, suite, hash_seed=0) as worker:
        collection = _started(worker, suite)
        worker.send({"plan": []})
        worker.finish()
    return collection


def _run_suite(
    plan: SuitePlan,
    suite: SuiteFiles,
    hash_seed: int,
    outcomes: dict[str, _Outcomes],
    progress: Progress,
) -> str:
    """Run a suite once; a process that a benchmark ended is followed by another for the rest."""
    remaining: Sequence[str] | None = None
    version = ""
    while remaining is None or remaining:
        with _worker(plan, suite, hash_seed) as worker:
            collection = _started(worker, suite)
            version = collection.pytest_benchmark
            if remaining is None:
                remaining = _first_plan(plan, suite, collection, outcomes)
                if not outcomes or not remaining:
                    return version
                progress.plan(len(remaining))
            worker.send({"plan": list(remaining)})
            done = list(_outcomes(worker, remaining, hash_seed, plan.timeout_s, progress))
            for name, outcome in done:
                _note(outcomes[name], outcome)
            remaining = remaining[len(done) :]
            if not remaining:
                worker.finish()
    return version


def _first_plan(
    plan: SuitePlan, suite: SuiteFiles, collection: Collection, outcomes: dict[str, _Outcomes]
) -> Sequence[str]:
    for name, text in collection.errors:
        place = CollectedBenchmark(id=name or suite.name, path=name.split("::")[0], line=None)
        broken = outcomes.setdefault(place.id, _Outcomes(suite.name, place))
        broken.failures.append(Failure(kind=FailureKind.RAISED, message=text))
    chosen = [
        place
        for place in collection.benchmarks
        if plan.selection is None or place.id in plan.selection
    ]
    for place in chosen:
        outcomes.setdefault(place.id, _Outcomes(suite.name, place))
    return [place.id for place in chosen if not outcomes[place.id].has_hung]


def _outcomes(
    worker: Worker,
    names: Iterable[str],
    hash_seed: int,
    timeout_s: float,
    progress: Progress,
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcome of each benchmark; the last one may be the loss of the process."""
    for name in names:
        try:
            message, rounds = worker.receive(timeout_s)
        except WorkerLost as lost:
            if lost.is_refusal:
                raise
            kind = FailureKind.TIMED_OUT if lost.is_timeout else FailureKind.CRASHED
            yield name, Failure(kind=kind, message=lost.problem)
            return
        progress.step(name)
        yield name, outcome_of(message, rounds, hash_seed)


def outcome_of(message: Mapping[str, Any], rounds: Sequence[float], hash_seed: int) -> Outcome:
    """Turn a ``finished`` event into a run or a failure; a round of no time at all is a failure."""
    if message["failure"] is not None:
        kind, text = message["failure"]
        return Failure(kind=FailureKind(kind), message=text)
    if min(rounds) <= 0:
        return Failure(kind=FailureKind.UNFIT, message="a round took no time at all")
    return ProcessRun(
        **summarise(rounds),
        iterations=message["iterations"],
        rss_growth_bytes=message["rss"],
        hash_seed=hash_seed,
        metrics=message["metrics"],
    )


def _note(outcomes: _Outcomes, outcome: Outcome) -> None:
    if isinstance(outcome, Failure):
        outcomes.failures.append(outcome)
    else:
        outcomes.runs.append(outcome)


def place_outcomes(
    place: CollectedBenchmark, suite: str, runs: Sequence[ProcessRun], failures: Sequence[Failure]
) -> Benchmark:
    """Combine what several processes found of one benchmark: one failure is a failure."""
    failure = failures[0] if failures else None
    if failure is not None and runs:
        total = len(runs) + len(failures)
        failure = Failure(
            kind=FailureKind.UNSTABLE,
            message=f"failed in {len(failures)} of {total} processes: {failure.message}",
        )
    return Benchmark(
        id=place.id,
        suite=suite,
        runs=() if failure else tuple(runs),
        failure=failure,
        path=place.path,
        line=place.line,
    )
