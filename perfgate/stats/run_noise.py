"""What all benchmarks of a run have in common: noise of the run, or a shift of the whole suite.

A slow machine lifts every benchmark of one run, and the next run is back; a slower parser lifts
every benchmark and stays. So the common part is a series like any other: what is no lasting part
of it is taken out of every benchmark. Its drift stays in, and so do its steps, unless they go back
and forth between the same two levels, as kinds of machines do. No suite-wide shift is divided away.
"""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from perfgate.stats.changepoint import Change, ChangeKind, describe

__all__ = ["Shared", "Timed", "shared_changes", "without_run_noise"]

Timed = Sequence[tuple[int, float]]
"""A series: the number of the run and the time, oldest first."""

_FEWEST: Final = 5
"""Benchmarks of a run below which their median says more of one of them than of the run."""
_POLISHES: Final = 3
"""Rounds of the median polish; it hardly moves after that."""
_MOST_POLISHED: Final = 200
"""Benchmarks, evenly from all, whose median is good enough: a tenth of their own noise off."""
_NEAR: Final = 3
"""Runs by which the same change may be seen earlier or later in another series."""
_MOST: Final = 0.5
"""Share of the benchmarks at hand that makes a change one of the whole suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A change that most benchmarks made in the same direction at the same time."""

    run: int
    """Number of the run that it was first seen in by most."""
    log_ratio: float
    """Median over those that changed."""
    changed: tuple[tuple[str, int], ...]
    """Which series, and the place in each; of two changes of one series the first."""
    measured: int
    """Benchmarks that could have changed then."""


def without_run_noise(series: Mapping[str, Timed]) -> dict[str, tuple[float, ...]]:
    """Return the times of each series without what is common to its run and does not last."""
    common = _common_part(series)
    noise = _passing(common)
    return {
        name: tuple(value / noise.get(run, 1.0) for run, value in timed)
        for name, timed in series.items()
    }


def _common_part(series: Mapping[str, Timed]) -> dict[int, float]:
    """Return ln of what lifted each run, by median polish (Tukey 1977): deaf to single benchmarks.

    Runs of too few benchmarks are left out.
    """
    names = sorted(name for name, timed in series.items() if timed)
    logs = [
        [(run, math.log(value)) for run, value in series[name]]
        for name in names[:: -(-len(names) // _MOST_POLISHED) or 1]
    ]
    counts = Counter(run for timed in logs for run, _ in timed)
    common = {run: 0.0 for run, count in sorted(counts.items()) if count >= _FEWEST}
    known = [[(run, log) for run, log in timed if run in common] for timed in logs]
    for _ in range(_POLISHES):
        distances: dict[int, list[float]] = {run: [] for run in common}
        for timed in filter(None, known):
            level = statistics.median([log - common[run] for run, log in timed])
            for run, log in timed:
                distances[run].append(log - level)
        common = {run: statistics.median(found) for run, found in distances.items()}
    return common


def _passing(common: Mapping[int, float]) -> dict[int, float]:
    """Return the factor by which each run was lifted, less what lasts: steps and slow drift."""
    shape = describe([math.exp(log) for log in common.values()])
    lasting = {
        change.index: change.log_ratio
        for change in shape.changes
        if change.kind is not ChangeKind.FLIP
    }
    last = shape.changes[-1].index if shape.changes else 0
    slope = (shape.drift or 0.0) / max(1, len(common) - last)
    step = 0.0
    factors = {}
    for at, (run, log) in enumerate(common.items()):
        step += lasting.get(at, 0.0)
        factors[run] = math.exp(log - step - slope * max(0, at - last))
    return factors


def shared_changes(
    series: Mapping[str, Timed], changes: Mapping[str, Sequence[Change]]
) -> tuple[Shared, ...]:
    """Find the changes that most of the benchmarks at hand made together, oldest first."""
    spans = [(timed[0][0], timed[-1][0]) for timed in series.values() if timed]
    moves = sorted(
        (series[name][change.index][0], name, change.index, change.log_ratio)
        for name, found in changes.items()
        for change in found
    )
    shared: list[Shared] = []
    for sign in (1, -1):
        rest = [move for move in moves if move[3] * sign > 0]
        while rest:
            group = [move for move in rest if move[0] <= rest[0][0] + _NEAR]
            rest = rest[len(group) :]
            run = statistics.mode(move[0] for move in group)
            measured = sum(first < run <= last for first, last in spans)
            places = {name: at for _, name, at, _ in reversed(group)}
            if measured >= _FEWEST and len(places) > _MOST * measured:
                ratio = statistics.median(move[3] for move in group)
                shared.append(
                    Shared(
                        run=run, log_ratio=ratio, changed=tuple(places.items()), measured=measured
                    )
                )
    return tuple(sorted(shared, key=lambda one: one.run))
