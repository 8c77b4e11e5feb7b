"""Which lines an approval rewrites: those that changed by more than noise, and no other."""

import dataclasses
import enum
import math
from collections.abc import Collection, Mapping
from typing import Final

from perfgate.baselines.store import BaselineFile, baseline_from
from perfgate.config import Config, Limit, Rule
from perfgate.errors import UsageError
from perfgate.gate import allowed_growth, is_other_count
from perfgate.model import MEMORY_METRICS, Baseline, Benchmark, Results

__all__ = ["ChangeKind", "LineChange", "UpdatePlan", "check_only", "is_beyond_noise", "plan_update"]

# Chosen on 4,560 comparisons of five processes with five of identical code, half on a quiet
# machine and half beside bursts on both cores: none went beyond. Without the smallest spread 18
# did (five processes that happen to agree say little about the sixth), with a factor of 4 instead
# 5, with a factor of 3 instead 168.
_NOISE_FACTOR: Final = 5.0
_SMALLEST_SPREAD: Final = 0.03
_UNKNOWN_SPREAD: Final = 0.05
"""Taken where a single process cannot tell how far processes differ."""


class ChangeKind(enum.Enum):
    """Why a line is written or removed."""

    ADDED = "added"
    NAMED = "named"
    """Asked for by its id, whatever the noise."""
    OTHER_HARDWARE = "other-hardware"
    """The old number comes from another CPU model."""
    BEYOND_NOISE = "beyond-noise"
    OTHER_MEMORY = "other-memory"
    """It needs more or less memory than approved, or none is approved yet."""
    OTHER_COUNT = "other-count"
    """It takes more or fewer instructions than approved, or none are approved for this build."""
    BEYOND_LIMIT = "beyond-limit"
    """A limit is relative to a number that is not approved yet, or that it was exceeded by."""
    PRUNED = "pruned"
    MOVED = "moved"
    """Its benchmark now belongs to another suite, whose file holds it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """One line before and after; old is None when added, new when removed."""

    benchmark: str
    kind: ChangeKind
    old: Baseline | None
    new: Baseline | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePlan:
    """What an approval would do to one file; nothing is written yet."""

    file: BaselineFile
    """The whole new content."""
    changes: tuple[LineChange, ...]
    untouched: tuple[str, ...]
    """Measured, and within the noise of their line or not asked for."""
    prunable: tuple[str, ...]
    """Not measured any more; kept, since nobody asked to prune."""
    failed: tuple[str, ...]
    """Without a number to approve; their lines are kept."""


def check_only(only: Collection[str], results: Results) -> None:
    """Refuse to approve single benchmarks that have no number.

    Raises:
        UsageError: An id was not measured, or its benchmark failed.
    """
    measured = {benchmark.id: benchmark for benchmark in results.benchmarks}
    for name in sorted(only):
        benchmark = measured.get(name)
        if benchmark is None:
            raise UsageError(f"--only {name}: no benchmark with this id was measured")
        if benchmark.failure is not None:
            raise UsageError(
                f"--only {name}: it has no number to approve ({benchmark.failure.kind.value})"
            )


def plan_update(
    old: BaselineFile,
    results: Results,
    *,
    config: Config,
    only: frozenset[str],
    prune: bool,
    reason: str,
) -> UpdatePlan:
    """Decide which lines of a suite's file an approval rewrites.

    Args:
        old: The suite's file as it is; without a line where there is none.
        results: A complete run, of other suites too.
        config: Tells what limits are relative to; such numbers are approved too.
        only: Ids of the lines that may change, and then do; empty: every line that has to.
        prune: Remove the lines of benchmarks that were not measured, as far as ``only`` lets.
        reason: Why the new numbers are right, kept in each new line.
    """
    suite, lines = old.suite, old.baselines
    own = {each.id: each for each in results.benchmarks if each.suite == suite}
    cpu = results.environment.cpu_model
    written = _written_lines(lines, own, config=config, only=only, cpu=cpu, reason=reason)
    moved = {
        each.id
        for each in results.benchmarks
        if each.suite != suite and _is_approvable(each, only) and each.id in lines
    }
    gone = lines.keys() - own.keys() - moved
    pruned = (gone & only if only else gone) if prune else set[str]()
    removed = [
        LineChange(benchmark=name, kind=kind, old=lines[name], new=None)
        for names, kind in ((moved, ChangeKind.MOVED), (pruned, ChangeKind.PRUNED))
        for name in names
    ]
    changes = sorted((*written, *removed), key=lambda change: change.benchmark)
    failed = sorted(name for name, each in own.items() if each.failure is not None)
    changed = {change.benchmark: change.new for change in changes}
    content = {**lines, **changed}
    return UpdatePlan(
        file=BaselineFile(
            environment=results.environment.key,
            suite=suite,
            baselines={name: line for name, line in sorted(content.items()) if line is not None},
        ),
        changes=tuple(changes),
        untouched=tuple(sorted(own.keys() - changed.keys() - set(failed))),
        prunable=tuple(sorted(gone - pruned)),
        failed=tuple(failed),
    )


def is_beyond_noise(old: Baseline, new: Baseline) -> bool:
    """Say whether two approved numbers of the same hardware differ by more than noise.

    Compares ln(new / old) with five standard errors of the difference of two means of processes
    (Welch, 1947), no spread counting as less than 3 %: with five processes on each side a change
    below 10 % leaves the line alone, so that two runs without a change of code do.
    """
    variance = sum(_spread(each) ** 2 / each.processes for each in (old, new))
    return abs(math.log(new.low_s / old.low_s)) > _NOISE_FACTOR * math.sqrt(variance)


def _spread(baseline: Baseline) -> float:
    if baseline.spread is None:
        return _UNKNOWN_SPREAD
    return max(baseline.spread, _SMALLEST_SPREAD)


def _written_lines(
    lines: Mapping[str, Baseline],
    own: Mapping[str, Benchmark],
    *,
    config: Config,
    only: frozenset[str],
    cpu: str,
    reason: str,
) -> tuple[LineChange, ...]:
    changes: list[LineChange] = []
    for name, benchmark in own.items():
        if not _is_approvable(benchmark, only):
            continue
        rule = config.rule_for(name, benchmark.suite)
        metrics = {limit.metric for limit in rule.limits if limit.is_relative}
        metrics |= set() if rule.memory_threshold is None else set(MEMORY_METRICS)
        old, new = lines.get(name), baseline_from(benchmark, cpu, reason, metrics=metrics)
        kind = _kind(old, new, rule, is_named=name in only)
        if kind is None and old is not None and is_other_count(old, new, rule.counts_threshold):
            kind = ChangeKind.OTHER_COUNT
        if kind is not None:
            changes.append(LineChange(benchmark=name, kind=kind, old=old, new=new))
    return tuple(changes)


def _is_approvable(benchmark: Benchmark, only: frozenset[str]) -> bool:
    return benchmark.failure is None and (not only or benchmark.id in only)


def _kind(old: Baseline | None, new: Baseline, rule: Rule, *, is_named: bool) -> ChangeKind | None:
    if old is None:
        return ChangeKind.ADDED
    if is_named:
        return ChangeKind.NAMED
    if old.cpu != new.cpu:
        return ChangeKind.OTHER_HARDWARE
    if is_beyond_noise(old, new):
        return ChangeKind.BEYOND_NOISE
    if rule.memory_threshold is not None and _is_other_memory(rule.memory_threshold, old, new):
        return ChangeKind.OTHER_MEMORY
    is_exceeded = any(_is_exceeded(limit, old.metrics, new.metrics) for limit in rule.limits)
    return ChangeKind.BEYOND_LIMIT if is_exceeded else None


def _is_other_memory(threshold: float, old: Baseline, new: Baseline) -> bool:
    """Say whether memory is not approved yet, or differs by more than the threshold."""
    for name in MEMORY_METRICS:
        before, after = old.metrics.get(name), new.metrics.get(name)
        if after is not None and (
            before is None or abs(after - before) > allowed_growth(name, before, threshold)
        ):
            return True
    return False


def _is_exceeded(limit: Limit, old: Mapping[str, float], new: Mapping[str, float]) -> bool:
    """Say whether the gate would not let the new number pass beside the old one."""
    if not limit.is_relative or limit.metric not in new:
        return False
    approved = old.get(limit.metric)
    if approved is None:
        return True
    if approved <= 0:
        return new[limit.metric] != approved
    return not limit.is_kept(new[limit.metric] / approved)
