"""Charts as values: what stands where, in which words; a renderer only draws them.

Every chart says in one sentence what it shows, and holds the same numbers as a table.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from perfgate.units import format_ratio, format_seconds

__all__ = [
    "Axis",
    "Chart",
    "Lane",
    "Line",
    "Mark",
    "Plot",
    "clipped_effect",
    "effect_axis",
    "plain_axis",
    "rounded",
    "seconds_axis",
]

_MOST_TICKS: Final = 9
_LARGEST_EFFECT: Final = 50.0
"""Natural logarithm: a factor of 10^21, beyond what a chart can show."""
_SECONDS: Final = (1e-15, 1e15)
_LOG_FROM: Final = 8.0
"""Ratio of the longest to the shortest time from which an axis is logarithmic."""
_FINEST_RATIO: Final = 0.001
"""Ratios are written with one decimal of a per cent."""
_PADDING: Final = 0.04
_WILD: Final = 8.0
"""Thresholds beyond which single pairs are drawn at the edge, so that the rest stays readable."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a chart; positions are numbers of the axis, words are for people."""


class Axis(_Part, frozen=True, kw_only=True):
    """A scale from its low end to its high one, with what is written at which place."""

    title: str
    low: float
    high: float
    is_log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()


class Mark(_Part, frozen=True, kw_only=True):
    """A line across all lanes: no change, a threshold, a limit."""

    at: float
    label: str
    kind: str
    """zero, threshold, floor, slower or faster; which line it is drawn with."""


class Lane(_Part, frozen=True, kw_only=True):
    """One row of a chart, and the same as a row of its table."""

    label: str
    is_reference: bool = False
    bar: tuple[float, float] | None = None
    """Drawn thin: the whole range, or an interval."""
    box: tuple[float, float] | None = None
    """Drawn thick: where most lie."""
    middle: float | None = None
    hollow: tuple[float, ...] = ()
    solid: tuple[float, ...] = ()
    cells: tuple[str, ...]


class Chart(_Part, frozen=True, kw_only=True):
    """Lanes above one axis."""

    title: str
    summary: str
    """What it shows, in words."""
    key: str
    """How to read its shapes."""
    axis: Axis
    marks: tuple[Mark, ...] = ()
    lanes: tuple[Lane, ...]
    columns: tuple[str, ...]
    """Titles of the lanes' cells."""

    @property
    def axes(self) -> dict[str, Axis]:
        """Its scale, by the name of its place."""
        return {"axis": self.axis}


class Line(_Part, frozen=True, kw_only=True):
    """Points that belong together, in the order of their places."""

    label: str
    kind: str = ""
    """first, second or failed; which line it is drawn with."""
    points: tuple[tuple[float, float], ...]


class Plot(_Part, frozen=True, kw_only=True):
    """Lines and bars between two axes, and their numbers as rows of a table."""

    title: str
    summary: str
    key: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    bars: tuple[tuple[float, float, float], ...] = ()
    """Left, right, height."""
    dots: tuple[tuple[float, float], ...] = ()
    rings: tuple[tuple[float, float], ...] = ()
    """Points that are told apart."""
    marks: tuple[Mark, ...] = ()
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def axes(self) -> dict[str, Axis]:
        """Its scales, by the name of their place."""
        return {"x": self.x, "y": self.y}


def rounded(value: float, digits: int = 4) -> float:
    """Keep so many significant digits: a screen can show no more."""
    return float(f"{value:.{digits}g}")


def clipped_effect(log_ratio: float) -> float:
    """Return an effect that a chart can show, whatever a report says."""
    return rounded(max(-_LARGEST_EFFECT, min(_LARGEST_EFFECT, log_ratio)), digits=3)


# --- effects -----------------------------------------------------------------------------------


def effect_axis(
    anchors: Iterable[float], pairs: Iterable[float], threshold_log: float, title: str
) -> Axis:
    """Return a scale of effects that holds no change, the threshold and all anchors.

    Single pairs that are far off do not stretch it.
    """
    known = [clipped_effect(value) for value in (0.0, threshold_log, *anchors)]
    reach = max(_WILD * abs(threshold_log), 3 * max(map(abs, known)))
    near = [value for value in map(clipped_effect, pairs) if abs(value) <= reach]
    low, high = _padded(min(*known, -0.4 * known[1], *near), max(*known, 1.4 * known[1], *near))
    return Axis(
        title=title, low=low, high=high, ticks=_named(_effect_ticks(low, high), format_ratio)
    )


def _padded(low: float, high: float) -> tuple[float, float]:
    padding = _PADDING * (high - low) or 0.01
    return rounded(low - padding), rounded(high + padding)


def _effect_ticks(low: float, high: float) -> list[float]:
    """Place ticks at whole per cents, or at whole factors from a factor of two."""
    if max(abs(low), abs(high)) < math.log(2):
        first, last = math.expm1(low), math.expm1(high)
        return [math.log1p(ratio) for ratio in _even_ticks(first, last, finest=_FINEST_RATIO)]
    most = math.log(10) * math.ceil(max(abs(low), abs(high)) / math.log(10))
    ticks: list[float] = []
    for digits, decades in (((1, 1.5, 2, 3, 5, 7), 1), ((1, 2, 5), 1), ((1,), 1), ((1,), 5)):
        powers = range(0, round(most / math.log(10)) + 1, decades)
        logs = [math.log(digit) + math.log(10) * power for power in powers for digit in digits]
        ticks = [each for log in logs for each in sorted({-log, log}) if low <= each <= high]
        if len(ticks) <= _MOST_TICKS:
            break
    return sorted(ticks)


def _even_ticks(low: float, high: float, *, finest: float = 0.0) -> list[float]:
    """Place at most nine ticks at multiples of 1, 2 or 5 times a power of ten.

    ``finest`` is the smallest step that can be told in writing.
    """
    rough = max((high - low) / _MOST_TICKS, finest * 0.999)
    if not (math.isfinite(rough) and rough > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough)
    return [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _named(values: Iterable[float], name: Callable[[float], str]) -> tuple[tuple[float, str], ...]:
    """Write every tick; of those that read the same only the first."""
    names: dict[str, float] = {}
    for value in values:
        names.setdefault(name(value), rounded(value) if value else 0.0)
    return tuple((value, text) for text, value in names.items())


# --- seconds and plain numbers ------------------------------------------------------------------


def seconds_axis(values_s: Sequence[float], title: str) -> Axis:
    """Return a scale of times that holds all of them; logarithmic where they differ widely.

    ``values_s`` are at least one, all positive.
    """
    least, most = _SECONDS
    known = [max(least, min(most, value)) for value in values_s]
    low, high = min(known), max(known)
    if high < _LOG_FROM * low:
        low, high = _around(low, high)
        return Axis(
            title=title,
            low=low,
            high=high,
            ticks=_named(_even_ticks(low, high, finest=_finest(high)), format_seconds),
        )
    low, high = rounded(0.9 * low), rounded(1.1 * high)
    ticks = _named(_log_ticks(low, high), format_seconds)
    return Axis(title=title, low=low, high=high, is_log=True, ticks=ticks)


def _around(low: float, high: float) -> tuple[float, float]:
    """Return a little more than a range; a tenth more of one that four digits cannot tell."""
    wider = _padded(low, high)
    if low < high and wider[0] < wider[1]:
        return wider
    return rounded(0.9 * low), rounded(1.1 * high)


def _finest(value: float) -> float:
    """Return the last of the three digits that times are written with."""
    return 10.0 ** (math.floor(math.log10(value)) - 2)


def _log_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if decades <= 2 else (1,)  # noqa: PLR2004 - more would not fit
    stride = max(1, math.ceil(decades / _MOST_TICKS))
    ticks = [digit * 10.0**power for power in range(first, last + 1, stride) for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def plain_axis(
    low: float, high: float, title: str, name: Callable[[float], str], *, finest: float = 0.0
) -> Axis:
    """Return an even scale of numbers that ``name`` writes, in steps of ``finest`` or more."""
    ticks = _named(_even_ticks(low, high, finest=finest), name)
    return Axis(title=title, low=low, high=high, ticks=ticks)
