"""Instructions beside time: who counts, of what tree, and what is told where nobody can."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from perfgate.commands.selection import suite_files
from perfgate.config import Config, Counters, Suite
from perfgate.errors import UsageError
from perfgate.gate import INSTRUCTIONS, is_more
from perfgate.measure.counters import CountPlan, count_suites
from perfgate.measure.instruments import (
    Callgrind,
    Instrument,
    Processor,
    find_valgrind,
    why_no_callgrind,
    why_no_processor_counter,
)
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress
from perfgate.model import Baseline, Benchmark, Counts, Note, NoteKind

__all__ = [
    "check_counters",
    "count_side",
    "counted_again",
    "counts_here",
    "suspects",
    "uncounted_notes",
    "with_counts",
]

_UNSTEADY_SHARE: Final = 0.5
"""Share of the threshold that two counts of one tree may differ by: addresses make for less."""


def check_counters(config: Config, environ: Mapping[str, str]) -> None:
    """Refuse before anything is measured where instructions must be counted and cannot be.

    Raises:
        UsageError: valgrind is missing, the system is another one, or the processor has no counter.
    """
    if config.counters in {Counters.CALLGRIND, Counters.PERF}:
        why = _why_not(config, environ)
        if why:
            raise UsageError(why)


def counts_here(config: Config, environ: Mapping[str, str]) -> bool:
    """Say whether instructions are counted in this run."""
    return config.counters is not Counters.OFF and not _why_not(config, environ)


def with_counts(
    benchmarks: Sequence[Benchmark], counts: Mapping[str, Counts]
) -> tuple[Benchmark, ...]:
    """Put counts beside the times of the benchmarks that have some."""
    return tuple(
        msgspec.structs.replace(one, counts=counts[one.id])
        if one.id in counts and one.runs
        else one
        for one in benchmarks
    )


def count_side(  # noqa: PLR0913 - what, where, and until when
    side: Side,
    suites: Iterable[Suite],
    config: Config,
    environ: Mapping[str, str],
    progress: Progress,
    *,
    names: Collection[str],
    deadline_s: float | None = None,
) -> dict[str, Counts]:
    """Count the named benchmarks in one tree, within the budget."""
    instrument = _instrument(config, environ)
    if instrument is None or not names:
        return {}
    plan = CountPlan(
        root=side.root,
        source_paths=side.source_paths,
        suites=suite_files(suites),
        python=side.python,
        environ=environ,
        instrument=instrument,
        timeout_s=config.timeout_s,
        deadline_s=time.monotonic() + config.budget_s if deadline_s is None else deadline_s,
        selection=frozenset(names),
        jobs=_cpus(),
        pytest_configuration=side.pytest_configuration,
    )
    return count_suites(plan, progress)


def suspects(
    benchmarks: Iterable[Benchmark], approved: Mapping[str, Baseline], config: Config
) -> frozenset[str]:
    """Return the benchmarks that take more instructions than approved for this build."""
    found = set()
    for one in benchmarks:
        line = approved.get(one.id)
        if line is None or one.counts is None or line.counted_with != one.counts.build:
            continue
        before, after = line.metrics.get(INSTRUCTIONS), one.counts.instructions
        threshold = config.rule_for(one.id, one.suite).counts_threshold
        if before is not None and after is not None and is_more(before, after, threshold):
            found.add(one.id)
    return frozenset(found)


def counted_again(
    benchmarks: Sequence[Benchmark],
    approved: Mapping[str, Baseline],
    config: Config,
    count: Callable[[frozenset[str]], Mapping[str, Counts]],
) -> tuple[Benchmark, ...]:
    """Count once more what takes more than approved; what differs from itself is left to time.

    With the same hash seeds the same work is the same count: where it is not, the work itself was
    drawn anew, and one more draw would be red without any change.

    Args:
        benchmarks: the candidate's, with counts.
        approved: the line of each benchmark that has one.
        config: the settings, for the thresholds.
        count: counts the benchmarks of these names in the candidate's tree.
    """
    more = suspects(benchmarks, approved, config)
    again = count(more) if more else {}
    return tuple(
        msgspec.structs.replace(
            one,
            counts=_of_both(
                one.counts, again[one.id], config.rule_for(one.id, one.suite).counts_threshold
            ),
        )
        if one.counts is not None and one.id in again
        else one
        for one in benchmarks
    )


def _of_both(first: Counts, second: Counts, threshold: float) -> Counts:
    """Return the lower count, or why there is none."""
    if first.instructions is None or second.instructions is None:
        return second
    lower, higher = sorted((first.instructions, second.instructions))
    if is_more(lower, higher, _UNSTEADY_SHARE * threshold):
        why = (
            f"it took {first.instructions:,.0f} instructions, then {second.instructions:,.0f}: "
            "its work seems to be drawn at random"
        )
        return msgspec.structs.replace(second, instructions=None, spread=None, why=why)
    return first if first.instructions == lower else second


def uncounted_notes(
    config: Config, benchmarks: Iterable[Benchmark], environ: Mapping[str, str]
) -> list[Note]:
    """Say what was not counted although it was to be, and why."""
    if config.counters is Counters.OFF:
        return []
    if not counts_here(config, environ):
        return [Note(kind=NoteKind.UNCOUNTED, facts=(_why_not(config, environ),))]
    left = tuple(
        f"{one.id}: {one.counts.why}"
        for one in benchmarks
        if one.counts is not None and one.counts.why
    )
    return [Note(kind=NoteKind.UNCOUNTED, facts=left)] if left else []


def _why_not(config: Config, environ: Mapping[str, str]) -> str:
    """Say why instructions cannot be counted as the settings ask; empty where they can."""
    if config.counters is Counters.PERF:
        return why_no_processor_counter()
    return why_no_callgrind(environ)


def _instrument(config: Config, environ: Mapping[str, str]) -> Instrument | None:
    if config.counters is Counters.PERF:
        return Processor()
    valgrind = find_valgrind(environ)
    return Callgrind(valgrind) if valgrind is not None else None


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
