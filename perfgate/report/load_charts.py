"""The charts of a load: how long operations took, when, how many how long, and what failed."""

import dataclasses
import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from perfgate.report.charts import Axis, Chart, Lane, Line, Plot, plain_axis, rounded, seconds_axis
from perfgate.report.text import shorten, visible
from perfgate.units import format_duration, format_percent, format_seconds

__all__ = [
    "CURVE_PERCENTS",
    "Bin",
    "Instant",
    "Quantile",
    "bins_of",
    "draw_curve",
    "draw_errors",
    "draw_histogram",
    "draw_timeline",
    "quantiles_of",
]

CURVE_PERCENTS: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999)
"""Where a percentile curve is read; each nine takes as much room as the one before."""
_MOST_NINES: Final = 5.0
_ERRORS_SHOWN: Final = 20
_MOST_BINS: Final = 40
_WHOLE: Final = 100_000
"""Thousandths of a per cent: ranks are whole numbers, since 0.1 has no exact fraction."""
_NAME_LIMIT: Final = 80


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """The time that a share of the operations did not exceed."""

    percent: float
    time_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many operations took a time between two bounds."""

    low_s: float
    high_s: float
    count: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """What was seen in one interval of a load."""

    at_s: float
    """Since its start."""
    median_s: float | None
    p99_s: float | None
    count: int
    """Operations that ended, well or not."""
    failed: int


def quantiles_of(ordered_s: Sequence[float]) -> tuple[Quantile, ...]:
    """Read ascending times at the places of a percentile curve, nearest-rank.

    A percentile is left out where fewer than one time lies beyond it.
    """
    count = len(ordered_s)
    ranks = [(percent, round(1_000 * percent) * count) for percent in CURVE_PERCENTS]
    return tuple(
        Quantile(percent=percent, time_s=ordered_s[max(0, -(-rank // _WHOLE) - 1)])
        for percent, rank in ranks
        if count * _WHOLE - rank >= _WHOLE
    )


def bins_of(ordered_s: Sequence[float]) -> tuple[Bin, ...]:
    """Count ascending times in ranges that are each as much longer than the one before."""
    known = [time_s for time_s in ordered_s if time_s > 0]
    if not known:
        return ()
    low, high = known[0], known[-1]
    count = min(_MOST_BINS, max(1, math.ceil(math.sqrt(len(known)))))
    step = (math.log(high) - math.log(low)) / count
    if not step:
        return (Bin(low_s=low, high_s=high, count=len(known)),)
    bounds = [low * math.exp(step * place) for place in range(1, count)]
    ends = [0, *(bisect_left(known, bound) for bound in bounds), len(known)]
    edges = [low, *bounds, high]
    return tuple(
        Bin(low_s=edges[place], high_s=edges[place + 1], count=ends[place + 1] - ends[place])
        for place in range(count)
    )


def draw_curve(quantiles: Sequence[Quantile]) -> Plot | None:
    """Draw the percentile curve, its upper end stretched: a nine is as wide as the next one."""
    known = [one for one in quantiles if 0 < one.percent < 100 and one.time_s > 0]  # noqa: PLR2004 - per cent
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    most = min(_MOST_NINES, max(_nines(one.percent) for one in known))
    ticks = tuple(
        (rounded(_nines(percent)), format_percent(percent / 100))
        for percent in (0, 50, 90, 99, 99.9, 99.99, 99.999)
        if _nines(percent) <= most
    )
    median = min(known, key=lambda one: abs(one.percent - 50))
    last = known[-1]
    return Plot(
        title="Percentiles",
        summary=f"{_percent(median)} took up to {format_seconds(median.time_s)}, "
        f"{_percent(last)} up to {format_seconds(last.time_s)}.",
        key="Further right are the slowest operations; each nine is as wide as the one before.",
        x=Axis(title="Operations that took no longer", low=0.0, high=rounded(most), ticks=ticks),
        y=seconds_axis([one.time_s for one in known], "Time"),
        lines=(
            Line(
                label="time",
                kind="first",
                points=tuple(
                    (rounded(min(most, _nines(one.percent))), rounded(one.time_s)) for one in known
                ),
            ),
        ),
        columns=("Percentile", "Time"),
        rows=tuple((_percent(one), format_seconds(one.time_s)) for one in known),
    )


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _percent(one: Quantile) -> str:
    return f"{one.percent:g} %"


def draw_histogram(bins: Sequence[Bin]) -> Plot | None:
    """Draw how many operations took how long."""
    known = [one for one in bins if one.count > 0 and one.high_s > 0]
    if not known:
        return None
    tallest = max(known, key=lambda one: one.count)
    total = sum(one.count for one in known)
    least = min((one.low_s for one in known if one.low_s > 0), default=known[0].high_s / 2)
    return Plot(
        title="How many took how long",
        summary=f"The fullest range is {format_seconds(tallest.low_s)} to "
        f"{format_seconds(tallest.high_s)}, with {tallest.count:,} of {total:,} operations.",
        key="A bar for each range of times; its height is the number of operations.",
        x=seconds_axis([least, known[-1].high_s], "Time"),
        y=plain_axis(0.0, float(tallest.count), "Operations", _whole, finest=1.0),
        bars=tuple(
            (rounded(max(least, one.low_s)), rounded(one.high_s), float(one.count)) for one in known
        ),
        columns=("From", "To", "Operations"),
        rows=tuple(
            (format_seconds(one.low_s), format_seconds(one.high_s), f"{one.count:,}")
            for one in known
        ),
    )


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def draw_timeline(instants: Sequence[Instant]) -> Plot | None:
    """Draw how latency stood over the time of a load."""
    timed = [one for one in instants if one.median_s is not None and one.median_s > 0]
    if len(timed) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    drawn = (
        Line(label="median", kind="first", points=_points(timed, "median_s")),
        Line(label="p99", kind="second", points=_points(timed, "p99_s")),
    )
    lines = tuple(line for line in drawn if line.points)
    values = [height for line in lines for _, height in line.points]
    failed = sum(one.failed for one in instants)
    worst = max(timed, key=lambda one: one.median_s or 0)
    return Plot(
        title="Latency over time",
        summary=f"The median was highest {format_duration(worst.at_s)} after the start: "
        f"{format_seconds(worst.median_s or 0)}; {failed:,} operations failed.",
        key="Solid: the median; dashed: the 99th percentile.",
        x=plain_axis(instants[0].at_s, instants[-1].at_s, "Since the start", format_duration),
        y=seconds_axis(values, "Time"),
        lines=lines,
        columns=("After", "Median", "p99", "Ended", "Failed"),
        rows=tuple(
            (
                format_duration(one.at_s),
                _time(one.median_s),
                _time(one.p99_s),
                f"{one.count:,}",
                f"{one.failed:,}",
            )
            for one in instants
        ),
    )


def _points(instants: Sequence[Instant], name: str) -> tuple[tuple[float, float], ...]:
    found = [(one.at_s, getattr(one, name)) for one in instants]
    return tuple((rounded(at_s), rounded(time_s)) for at_s, time_s in found if time_s)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else format_seconds(seconds)


def draw_errors(counts: Sequence[tuple[str, int]]) -> Chart | None:
    """Draw what failed how often, the most frequent first."""
    known = sorted((one for one in counts if one[1] > 0), key=lambda one: (-one[1], one[0]))
    if not known:
        return None
    total = sum(count for _, count in known)
    names = [(shorten(visible(name), _NAME_LIMIT), count) for name, count in known]
    left_out = len(known) - _ERRORS_SHOWN
    more = f"; {left_out} more kinds are not drawn" if left_out > 0 else ""
    return Chart(
        title="Errors by kind",
        summary=f"{total:,} failed; the most frequent is {names[0][0]}, {names[0][1]:,} times"
        f"{more}.",
        key="A bar for each kind; its length is how often it happened.",
        axis=plain_axis(0.0, float(names[0][1]), "Failures", _whole, finest=1.0),
        lanes=tuple(
            Lane(label=f"{name}: {count:,}", box=(0.0, float(count)), cells=(name, f"{count:,}"))
            for name, count in names[:_ERRORS_SHOWN]
        ),
        columns=("Kind", "Failures"),
    )
