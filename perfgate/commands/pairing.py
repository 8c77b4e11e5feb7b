"""Explore, then confirm: which pairs `perfgate check` measures, and of what."""

import enum
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from perfgate.config import Config
from perfgate.gate import is_left, is_left_faster, is_left_larger, memory_of
from perfgate.measure.lockstep import GroupOutcome, GroupPlan, Side, measure_groups
from perfgate.measure.process import Progress, place_outcomes
from perfgate.measure.worker import CollectedBenchmark
from perfgate.model import Benchmark, Failure, PairedSamples, ProcessRun, ReferenceKind
from perfgate.stats.paired import pairs_needed

__all__ = ["EXPLORE_PAIRS", "PairJob", "Pairing", "References", "measure_pairs"]

EXPLORE_PAIRS: Final = 4
"""Even, so that two pairs at once fill two cores."""
_SURE_SHARE: Final = 0.7
"""Of the time left, what benchmarks may need by the time that exploring took."""
_SMALLEST_COST_S: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What one benchmark is held against; equal for benchmarks that run in the same group."""

    merge_base: Side | None
    approved: Side | None
    """None where nothing was approved, or where it is the merge base's code."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The distinct trees, in the order they are measured."""
        return tuple(side for side in (self.merge_base, self.approved) if side is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJob:
    """What to measure in lockstep."""

    candidate: Side
    references: Mapping[str, References]
    """By benchmark, in the order to run them."""
    places: Mapping[str, CollectedBenchmark]
    suites: Mapping[str, str]
    files: tuple[str, ...]
    environ: Mapping[str, str]
    commits: Mapping[str, str]
    """Commit by the name of a side."""
    timeout_s: float
    rounds: int
    measures_memory: bool = False
    deadline_s: float
    """On the monotonic clock."""
    seed: int


@dataclass(slots=True)
class Pairing:
    """What the pairs have shown so far."""

    runs: dict[str, list[ProcessRun]] = field(default_factory=dict)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    explore: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """By benchmark and name of the reference."""
    confirm: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    references: dict[tuple[str, str], list[ProcessRun]] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    """Why a reference did not run, by its name: the first reason."""
    out_of_budget: set[str] = field(default_factory=set)

    def add(self, outcomes: Mapping[str, GroupOutcome], *, is_confirming: bool) -> None:
        """Take what one group of processes found."""
        into = self.confirm if is_confirming else self.explore
        for name, outcome in outcomes.items():
            if isinstance(outcome.candidate, Failure):
                self.failures.setdefault(name, []).append(outcome.candidate)
            else:
                self.runs.setdefault(name, []).append(outcome.candidate)
            for reference, estimate in outcome.log_ratios.items():
                into.setdefault((name, reference), []).append(estimate)
            for reference, run in outcome.references.items():
                if isinstance(run, ProcessRun):
                    self.references.setdefault((name, reference), []).append(run)
                else:
                    self.dropped.setdefault(reference, f"{name}: {run.message}")

    def explored(
        self, name: str, sides: Iterable[Side | None]
    ) -> Iterator[tuple[str, list[float]]]:
        """Yield each of these references that a benchmark was explored against, with estimates."""
        for side in sides:
            if side is not None and (name, side.name) in self.explore:
                yield side.name, self.explore[name, side.name]

    def benchmarks(self, job: PairJob) -> tuple[Benchmark, ...]:
        """Return the candidate's own numbers."""
        return tuple(
            place_outcomes(
                place, job.suites[name], self.runs.get(name, []), self.failures.get(name, [])
            )
            for name, place in job.places.items()
            if name in self.runs or name in self.failures
        )

    def samples(self, name: str, job: PairJob) -> tuple[PairedSamples, ...]:
        """Return the paired estimates of one benchmark as the gate takes them."""
        references = job.references[name]
        wanted: list[tuple[ReferenceKind, Side | None]] = [
            (ReferenceKind.MERGE_BASE, references.merge_base),
            (ReferenceKind.APPROVED, references.approved),
        ]
        return tuple(
            PairedSamples(
                reference=kind,
                commit=job.commits[side.name],
                explore=tuple(self.explore[name, side.name]),
                confirm=tuple(self.confirm.get((name, side.name), ())),
                reference_s=median(run.median_s for run in self.references[name, side.name]),
                reference_memory=memory_of(self.references[name, side.name])
                if job.measures_memory
                else {},
            )
            for kind, side in wanted
            if side is not None and (name, side.name) in self.explore
        )


class _Stage(enum.IntEnum):
    """What a group of pairs is for; each stage has hash seeds of its own."""

    EXPLORING = 0
    CONFIRMING_SLOWER = 1
    CONFIRMING_FASTER = 2


def measure_pairs(job: PairJob, config: Config, progress: Progress) -> Pairing:
    """Explore every benchmark, then confirm with fresh pairs what is left.

    The number of confirming pairs follows from how many benchmarks are left, before any of them
    is measured. Those that look slowest come first, then those that look larger, and those that
    look faster come last and with a number of their own, so that the budget ends among what
    matters least.

    Raises:
        MeasurementError: the candidate's processes could not start.
        ReferenceTreeError: a side imported the project from somewhere else than its own tree.
    """
    pairing = Pairing()
    names = list(job.references)
    start_s = time.monotonic()
    _measure(job, names, pairing, progress, pairs=EXPLORE_PAIRS, stage=_Stage.EXPLORING)
    pairing.out_of_budget |= {name for name in names if _is_short(pairing, name, job)}
    slower = _left_slower(names, job, pairing, config)
    slower += [name for name in _left_larger(names, job, pairing, config) if name not in slower]
    faster = [name for name in _left_faster(names, job, pairing, config) if name not in slower]
    if slower:
        pairs = config.pairs or pairs_needed(len(slower), config.false_alarms)
        cost_s = (time.monotonic() - start_s) / (EXPLORE_PAIRS * len(names)) * pairs
        waiting = slower
        while waiting and time.monotonic() < job.deadline_s:
            count = _affordable(job.deadline_s - time.monotonic(), cost_s)
            now, waiting = waiting[:count], waiting[count:]
            stage = _Stage.CONFIRMING_SLOWER
            _measure(job, now, pairing, progress, pairs=pairs, stage=stage)
        pairing.out_of_budget |= {
            name
            for name in slower
            if name not in pairing.failures
            and any(
                len(pairing.confirm.get((name, reference), ())) < pairs
                for reference, _ in pairing.explored(name, job.references[name].sides)
            )
        }
    if faster:  # an improvement that the budget cuts off is none, and no doubt either
        pairs = config.pairs or pairs_needed(len(faster), config.false_alarms)
        stage = _Stage.CONFIRMING_FASTER
        _measure(job, faster, pairing, progress, pairs=pairs, stage=stage)
    return pairing


def _affordable(left_s: float, cost_s: float) -> int:
    """Return how many benchmarks can be confirmed to their last pair, at least one.

    All that are confirmed together have as many pairs when the time is up: too few each.
    """
    return max(1, int(_SURE_SHARE * left_s / max(cost_s, _SMALLEST_COST_S)))


def _is_short(pairing: Pairing, name: str, job: PairJob) -> bool:
    if name in pairing.failures or not job.references[name].sides:
        return False
    measured = len(pairing.runs.get(name, ()))
    return measured < EXPLORE_PAIRS


def _left_slower(names: Sequence[str], job: PairJob, pairing: Pairing, config: Config) -> list[str]:
    """Return the benchmarks that exploring did not settle, the slowest first."""
    worst: dict[str, float] = {}
    for name in names:
        if name in pairing.failures:
            continue
        threshold = config.rule_for(name, job.suites[name]).threshold
        medians = [
            median(values)
            for _, values in pairing.explored(name, job.references[name].sides)
            if is_left(values, threshold)
        ]
        if medians:
            worst[name] = max(medians)
    return sorted(worst, key=lambda name: -worst[name])


def _left_larger(
    names: Sequence[str], job: PairJob, pairing: Pairing, config: Config
) -> Iterator[str]:
    """Yield the benchmarks that look as if they needed more memory than any reference."""
    for name in names:
        threshold = config.rule_for(name, job.suites[name]).memory_threshold
        if threshold is None or name in pairing.failures:
            continue
        sides = pairing.explored(name, job.references[name].sides)
        before = [pairing.references[name, side] for side, _ in sides]
        after = pairing.runs.get(name, ())
        if any(is_left_larger(runs, after, threshold) for runs in before):
            yield name


def _left_faster(
    names: Sequence[str], job: PairJob, pairing: Pairing, config: Config
) -> Iterator[str]:
    """Yield the benchmarks that look faster than what was approved, else than the merge base."""
    for name in names:
        if name in pairing.failures or name in pairing.out_of_budget:
            continue
        references = job.references[name]
        threshold = config.rule_for(name, job.suites[name]).threshold
        first = next(pairing.explored(name, (references.approved, references.merge_base)), None)
        if first is not None and is_left_faster(first[1], threshold):
            yield name


def _measure(
    job: PairJob,
    names: Sequence[str],
    pairing: Pairing,
    progress: Progress,
    *,
    pairs: int,
    stage: _Stage,
) -> None:
    for references, members in _by_references(job, names):
        if time.monotonic() >= job.deadline_s:
            return
        plan = GroupPlan(
            sides=(job.candidate, *references.sides),
            files=job.files,
            benchmarks=tuple(members),
            environ=job.environ,
            timeout_s=job.timeout_s,
            rounds=job.rounds,
            measures_memory=job.measures_memory,
            deadline_s=job.deadline_s,
        )
        seed = job.seed * len(_Stage) + stage
        for outcomes in measure_groups(plan, groups=pairs, seed=seed, progress=progress):
            pairing.add(outcomes, is_confirming=stage is not _Stage.EXPLORING)


def _by_references(job: PairJob, names: Iterable[str]) -> Iterator[tuple[References, list[str]]]:
    """Group benchmarks that are held against the same trees, in order of their first one."""
    groups: dict[References, list[str]] = {}
    for name in names:
        groups.setdefault(job.references[name], []).append(name)
    yield from groups.items()
