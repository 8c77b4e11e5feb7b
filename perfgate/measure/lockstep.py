"""Lockstep measurement: two or three processes run the same benchmark in alternating rounds.

The processes are alive at the same time and pinned to the same CPU; the controller here passes the
turn between them, so all see the same noise within milliseconds. A group of processes yields one
estimate per benchmark and reference; between groups everything that is drawn once per process
(memory layout, hash seed) is drawn anew.
"""

import itertools
import math
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perfgate.errors import MeasurementError, ReferenceTreeError
from perfgate.measure.crew import Crew
from perfgate.measure.process import Outcome, Progress, outcome_of
from perfgate.measure.turns import Finish, take_turns
from perfgate.measure.worker import Worker, WorkerLost, WorkerSettings
from perfgate.model import Failure, FailureKind
from perfgate.stats.paired import pair_estimate

__all__ = [
    "GroupOutcome",
    "GroupPlan",
    "Side",
    "available_cpus",
    "measure_groups",
    "side_order",
]

_COLLECT_TIMEOUT_S: Final = 120.0
_MOST_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the trees that are compared."""

    name: str
    python: Path
    root: Path
    source_paths: tuple[Path, ...]
    modules: tuple[str, ...]
    """The project's own modules: each that is loaded must come from this tree."""
    pytest_configuration: Path | None = None
    """The candidate's, for the tree of another commit; None: as pytest finds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """What to measure in lockstep, and with what."""

    sides: tuple[Side, ...]
    """The candidate first, then its references."""
    files: tuple[str, ...]
    benchmarks: tuple[str, ...]
    """Ids in the order to run them."""
    environ: Mapping[str, str]
    timeout_s: float
    """For one answer of one process."""
    rounds: int
    """Most rounds of one benchmark."""
    measures_memory: bool = False
    deadline_s: float = math.inf
    """On the monotonic clock: no benchmark is begun after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOutcome:
    """What one group of processes found out about one benchmark."""

    candidate: Outcome
    log_ratios: Mapping[str, float]
    """Estimate of ln(candidate / reference) by the reference's name."""
    errors: Mapping[str, float]
    """Standard error of each estimate as far as rounds tell, by the reference's name."""
    failures: Mapping[str, Failure]
    """Why a reference has no estimate, by its name."""
    references: Mapping[str, Outcome]


@dataclass(slots=True)
class _Registry(Crew):
    """What all threads know besides: what hung already."""

    hung: dict[tuple[str, str], Failure] = field(default_factory=dict)
    """By side and benchmark."""


def available_cpus() -> tuple[int | None, ...]:
    """Return the CPUs to pin groups to, one group at a time each; None where pinning cannot be."""
    if not hasattr(os, "sched_getaffinity"):
        return (None,)
    cpus = sorted(os.sched_getaffinity(0))
    return tuple(cpus[:_MOST_AT_ONCE])


def measure_groups(
    plan: GroupPlan, *, groups: int, seed: int, progress: Progress
) -> tuple[Mapping[str, GroupOutcome], ...]:
    """Measure every benchmark in ``groups`` fresh groups of processes.

    Each group has a hash seed of its own, drawn from ``seed``. A benchmark that was not begun
    before the deadline is absent from that group's mapping. One that hung on a side is not begun
    there again: it would hold up every group for as long as the first.

    Raises:
        MeasurementError: the candidate's processes could not start.
        ReferenceTreeError: a side imported the project from somewhere else than its own tree.
    """
    seeds = random.Random(seed)  # noqa: S311 - reproducible, not secret
    hash_seeds = [seeds.randrange(2**32) for _ in range(groups)]
    cpus = available_cpus()
    free: list[int | None] = list(cpus)
    registry = _Registry()
    results: list[Mapping[str, GroupOutcome]] = []
    progress.plan(groups * len(plan.benchmarks))

    def run(number: int) -> Mapping[str, GroupOutcome]:
        cpu = free.pop()
        try:
            order = side_order(len(plan.sides), number)
            return _Group(plan, order, hash_seeds[number], cpu, registry, progress).run()
        finally:
            free.append(cpu)

    with ThreadPoolExecutor(max_workers=len(cpus)) as pool:
        futures = [pool.submit(run, number) for number in range(groups)]
        try:
            _wait(futures)
            results = [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            registry.stop()
            raise
    return tuple(results)


def _wait(futures: Sequence[Future[Mapping[str, GroupOutcome]]]) -> None:
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def side_order(sides: int, number: int) -> Sequence[int]:
    """Return which side begins, and which follows, in the group of that number.

    Whoever begins meets colder caches, by percents where a benchmark allows a few rounds only. No
    order inside a pair is fair then, but every two consecutive groups mirror each other, so who
    begins is no part of the difference: the exact test needs both sides to be exchangeable.
    """
    orders = list(itertools.permutations(range(sides)))
    mirrored = [order for one in orders if one < one[::-1] for order in (one, one[::-1])]
    return mirrored[number % len(mirrored)] if mirrored else orders[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """A living process and the benchmarks that it has."""

    side: Side
    worker: Worker
    names: frozenset[str]


class _Group:
    """Two or three processes that take turns on one CPU."""

    def __init__(
        self,
        plan: GroupPlan,
        order: Sequence[int],
        hash_seed: int,
        cpu: int | None,
        registry: _Registry,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._order = [plan.sides[place] for place in order]
        self._hash_seed = hash_seed
        self._cpu = cpu
        self._registry = registry
        self._progress = progress
        self._excluded = dict(registry.hung)
        """By side and benchmark: what takes no part again, a reference that failed or what hung."""

    def run(self) -> Mapping[str, GroupOutcome]:
        """Measure all benchmarks, with fresh processes after one that was lost."""
        outcomes: dict[str, GroupOutcome] = {}
        remaining = self._plan.benchmarks
        while remaining and time.monotonic() < self._plan.deadline_s:
            for name, outcome in self._run_processes(remaining):
                outcomes[name] = outcome
                self._progress.step(name)
            remaining = tuple(name for name in remaining if name not in outcomes)
        return outcomes

    def _run_processes(self, names: Sequence[str]) -> Iterator[tuple[str, GroupOutcome]]:
        """Yield outcomes until all are done, the time is up, or a process was lost."""
        with ExitStack() as stack:
            started, dropped = self._start(stack, names)
            for name in names:
                if time.monotonic() >= self._plan.deadline_s:
                    return
                players = [one for one in started if name in one.names]
                ends = self._play(players)
                results = dict(zip([one.side for one in players], ends, strict=True))
                self._remember_hung(name, results)
                if not self._exclude_failed_references(name, results):
                    yield name, self._outcome(results, self._absent(name, players, dropped))
                if any(isinstance(end, WorkerLost) for end in ends):
                    return
            for one in started:
                with suppress(WorkerLost):  # its benchmarks are done: how it ends changes nothing
                    one.worker.receive(self._plan.timeout_s)
                one.worker.finish()

    def _play(self, players: Sequence[_Started]) -> Sequence[Finish | WorkerLost]:
        if not players:  # on no side: it failed everywhere else, or its file no longer collects
            return ()
        workers = [one.worker for one in players]
        return take_turns(workers, self._plan.timeout_s, self._plan.rounds)

    def _remember_hung(self, name: str, results: Mapping[Side, Finish | WorkerLost]) -> None:
        for side, end in results.items():
            run = self._run_of(end)
            if isinstance(run, Failure) and run.kind is FailureKind.TIMED_OUT:
                self._registry.hung[side.name, name] = run

    def _exclude_failed_references(
        self, name: str, results: Mapping[Side, Finish | WorkerLost]
    ) -> bool:
        """Say whether the benchmark must run again without a reference that failed by itself."""
        candidate, *_ = self._plan.sides
        if candidate in results and _failed_by_itself(results[candidate]):
            return False
        failed = {
            (side.name, name): self._run_of(end)
            for side, end in results.items()
            if side is not candidate and _failed_by_itself(end)
        }
        self._excluded |= {key: run for key, run in failed.items() if isinstance(run, Failure)}
        return bool(failed)

    def _absent(
        self, name: str, players: Sequence[_Started], dropped: Mapping[str, Failure]
    ) -> dict[str, Failure]:
        present = {one.side.name for one in players}
        return {
            side.name: self._excluded.get((side.name, name), dropped.get(side.name, _NOT_FOUND))
            for side in self._plan.sides
            if side.name not in present
        }

    def _start(
        self, stack: ExitStack, names: Sequence[str]
    ) -> tuple[list[_Started], dict[str, Failure]]:
        """Start all sides at once, then wait for each; a reference may fail to start."""
        workers = []
        for side in self._order:
            worker = self._registry.start(self._settings(side))
            stack.callback(self._registry.end, worker)
            workers.append(worker)
        started = []
        dropped = {}
        for side, worker in zip(self._order, workers, strict=True):
            try:
                worker.configure()
                collection = worker.collect(_COLLECT_TIMEOUT_S)
                found = {place.id for place in collection.benchmarks}
                plan = [
                    name
                    for name in names
                    if name in found and (side.name, name) not in self._excluded
                ]
                worker.send({"plan": plan})
            except WorkerLost as lost:
                if side is self._plan.sides[0]:
                    raise _not_started(side, lost) from lost
                dropped[side.name] = Failure(kind=FailureKind.CRASHED, message=lost.problem)
                continue
            if collection.errors:
                dropped[side.name] = Failure(
                    kind=FailureKind.RAISED, message=": ".join(collection.errors[0])
                )
            started.append(_Started(side=side, worker=worker, names=frozenset(plan)))
        return started, dropped

    def _settings(self, side: Side) -> WorkerSettings:
        return WorkerSettings(
            python=side.python,
            root=side.root,
            source_paths=side.source_paths,
            files=self._plan.files,
            environ=self._plan.environ,
            hash_seed=self._hash_seed,
            is_lockstep=True,
            measures_memory=self._plan.measures_memory,
            cpu=self._cpu,
            modules=side.modules,
            pytest_configuration=side.pytest_configuration,
        )

    def _outcome(
        self, results: Mapping[Side, Finish | WorkerLost], absent: Mapping[str, Failure]
    ) -> GroupOutcome:
        candidate_side, *references = self._plan.sides
        for side, end in results.items():
            if isinstance(end, Finish):
                _check_origins(side, end.message["modules"])
        runs = {side.name: self._run_of(end) for side, end in results.items()}
        runs.update(absent)
        rounds_s = {
            side.name: end.rounds_s
            for side, end in results.items()
            if isinstance(end, Finish) and not isinstance(runs[side.name], Failure)
        }
        candidate_s = rounds_s.get(candidate_side.name)
        estimates = {}
        failures = {}
        for reference in references:
            run = runs[reference.name]
            if isinstance(run, Failure):
                failures[reference.name] = run
            elif candidate_s is not None:
                estimates[reference.name] = pair_estimate(
                    candidate_s, rounds_s[reference.name], len(results)
                )
        return GroupOutcome(
            candidate=runs[candidate_side.name],
            log_ratios={name: one.log_ratio for name, one in estimates.items()},
            errors={name: one.error for name, one in estimates.items()},
            failures=failures,
            references={name: run for name, run in runs.items() if name != candidate_side.name},
        )

    def _run_of(self, end: Finish | WorkerLost) -> Outcome:
        if isinstance(end, Finish):
            return outcome_of(end.message, end.rounds_s, self._hash_seed)
        kind = FailureKind.TIMED_OUT if end.is_timeout else FailureKind.CRASHED
        return Failure(kind=kind, message=end.problem)


_NOT_FOUND: Final = Failure(kind=FailureKind.SKIPPED, message="it does not exist there")


def _failed_by_itself(end: Finish | WorkerLost) -> bool:
    if isinstance(end, WorkerLost):
        return True
    return end.message["failure"] is not None and not end.message["abandoned"]


def _not_started(side: Side, lost: WorkerLost) -> MeasurementError:
    problem, *details = lost.problem.splitlines()
    return MeasurementError(f"the {side.name} benchmarks", problem, details)


def _check_origins(side: Side, modules: Mapping[str, str]) -> None:
    """Fail loudly where a tree was said to be measured and another one was."""
    for name, origin in modules.items():
        if not Path(origin).resolve().is_relative_to(side.root.resolve()):
            raise ReferenceTreeError(
                side.name,
                f"module {name} was imported from {origin}, not from {side.root}: "
                "its numbers would be those of other code; uninstall that copy, install it "
                "editable, or set [tool.perfgate] setup",
            )
