"""The base-2 exponential histogram: many times in little memory, with quantiles of known error.

Buckets grow by a constant factor, so the error is relative and the same for a microsecond and an
hour. Bucket ``i`` of scale ``s`` holds ``base**i < value <= base**(i + 1)`` with ``base =
2**(2**-s)``: the law of OpenTelemetry's exponential histogram and, counted from one further, of
Prometheus' native ones, so that both take our counts as they are (``histogram_exchange``). Chosen
over HdrHistogram for its record, its size and that law, and over t-digests because those bound no
error in the tails (Masson, Rim & Lee 2019, "DDSketch", compare the three kinds).
"""

import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from math import ceil, exp2, inf, isfinite, log2, nan
from typing import Final, Self

from perfgate.stats.histogram_data import HistogramData, check_scale, coarser, power

__all__ = [
    "DEFAULT_SCALE",
    "ExponentialHistogram",
    "merged",
    "relative_error",
]

DEFAULT_SCALE: Final = 6
"""64 buckets for each doubling: quantiles within 0.54 %."""
DEFAULT_MAX_BUCKETS: Final = 2048
_MIN_MAX_BUCKETS: Final = 16
_LARGEST: Final = sys.float_info.max
_BLUR: Final = 2.0**-40
"""Rounding of a logarithm may move a value over the edge of its bucket by so much of itself."""


class ExponentialHistogram:
    """Counts of numbers by their size; grows coarser before it grows large.

    Not safe for threads: give each one of its own, or hold a lock.

    Args:
        scale: How fine; each step up halves the error.
        max_buckets: When more would be filled, neighbours are put together (the scale goes down).

    Raises:
        ValueError: a scale outside MIN_SCALE to MAX_SCALE, or room for fewer than 16 buckets.
    """

    __slots__ = (
        "_max",
        "_max_buckets",
        "_min",
        "_negative",
        "_per_octave",
        "_positive",
        "_rejected",
        "_scale",
        "_sum",
        "_zero",
        "_zero_threshold",
    )

    def __init__(
        self, scale: int = DEFAULT_SCALE, *, max_buckets: int = DEFAULT_MAX_BUCKETS
    ) -> None:
        check_scale(scale)
        if max_buckets < _MIN_MAX_BUCKETS:
            raise ValueError(f"a histogram needs room for {_MIN_MAX_BUCKETS} buckets")
        self._scale = scale
        self._per_octave = exp2(scale)
        self._max_buckets = max_buckets
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        self._zero = 0
        self._zero_threshold = 0.0
        self._rejected = 0
        self._sum = 0.0
        # Ends that are unknown, in a histogram from elsewhere, are infinite the other way around:
        # no later value changes them.
        self._min = inf
        self._max = -inf

    @classmethod
    def from_data(cls, data: HistogramData, *, max_buckets: int = DEFAULT_MAX_BUCKETS) -> Self:
        """Return what ``data`` was made of, coarser only where it has more than ``max_buckets``."""
        made = cls(data.scale, max_buckets=max_buckets)
        made._zero_threshold = data.zero_threshold
        made._positive = dict(data.positive)
        made._negative = dict(data.negative)
        made._zero = data.zero
        made._rejected = data.rejected
        if made.count:
            made._sum = nan if data.sum is None else data.sum
            made._min = -inf if data.min is None else data.min
            made._max = inf if data.max is None else data.max
        made._fit()
        return made

    def data(self) -> HistogramData:
        """Return everything that it holds, as a value."""
        return HistogramData(
            scale=self._scale,
            positive=tuple(sorted(self._positive.items())),
            negative=tuple(sorted(self._negative.items())),
            zero=self._zero,
            zero_threshold=self._zero_threshold,
            rejected=self._rejected,
            sum=self.sum,
            min=self.min,
            max=self.max,
        )

    # --- recording

    def record(self, value: float) -> None:
        """Count a value; NaN and infinities are counted as rejected."""
        try:
            index = ceil(log2(value) * self._per_octave) - 1
            total = self._sum + value
        except (ValueError, OverflowError):
            self._record_odd(value)
            return
        try:
            self._positive[index] += 1
        except KeyError:
            self._fill(self._positive, index, 1)
        self._sum = total
        if value < self._min:  # noqa: PLR1730 - min() costs as much again as all the rest
            self._min = value
        if value > self._max:  # noqa: PLR1730 - as above
            self._max = value

    def record_many(self, values: Sequence[float]) -> None:
        """Count values, at little more than half the cost of one after another."""
        factor = self._per_octave
        try:
            indices = [ceil(log2(value) * factor) - 1 for value in values]
            total = self._sum + sum(values)
        except (ValueError, OverflowError):
            indices, total = [], nan
        if not indices or self._zero_threshold:
            for value in values:
                self.record(value)
            return
        counts = self._positive
        count_of = counts.get
        for index in indices:
            counts[index] = count_of(index, 0) + 1
        self._fit()
        self._sum = total
        least, greatest = min(values), max(values)
        self._min = min(self._min, least)
        self._max = max(self._max, greatest)

    def _record_odd(self, value: float) -> None:
        if value == 0:
            self._zero += 1
        elif -inf < value < 0:
            index = ceil(log2(-value) * self._per_octave) - 1
            self._fill(self._negative, index, 1)
        else:
            self._rejected += 1
            return
        self._sum += value
        self._min = min(self._min, value)
        self._max = max(self._max, value)

    def _fill(self, buckets: dict[int, int], index: int, count: int) -> None:
        if power(index + 1, self._scale) <= self._zero_threshold:
            self._zero += count
            return
        buckets[index] = buckets.get(index, 0) + count
        self._fit()

    def _fit(self) -> None:
        while len(self._positive) + len(self._negative) > self._max_buckets:
            self.downscale(self._scale - 1)

    # --- changing as a whole

    def downscale(self, scale: int) -> None:
        """Put neighbours together until the scale is no finer than this.

        Raises:
            ValueError: a scale outside MIN_SCALE to MAX_SCALE.
        """
        check_scale(scale)
        if scale < self._scale:
            self._positive = coarser(self._positive, self._scale - scale)
            self._negative = coarser(self._negative, self._scale - scale)
            self._scale = scale
            self._per_octave = exp2(scale)

    def add(self, other: "ExponentialHistogram") -> None:
        """Count in all that another histogram holds, at the coarser of both scales.

        In any order the same comes out, but for the rounding of the sum, and as long as the zero
        thresholds are the same.
        """
        self.downscale(min(self._scale, other.scale))
        steps = other.scale - self._scale
        for mine, theirs in (
            (self._positive, other.positive),
            (self._negative, other.negative),
        ):
            for index, count in coarser(theirs, steps).items():
                mine[index] = mine.get(index, 0) + count
        self._zero += other.zero
        self._rejected += other.rejected
        if other.count:
            self._sum += nan if other.sum is None else other.sum
            self._min = min(self._min, -inf if other.min is None else other.min)
            self._max = max(self._max, inf if other.max is None else other.max)
        if other.zero_threshold != self._zero_threshold:
            self._widen_zero(max(other.zero_threshold, self._zero_threshold))
        self._fit()

    def _widen_zero(self, threshold: float) -> None:
        """Take in the buckets below; one that would be cut, whole (OpenTelemetry, data model)."""
        for index in sorted({*self._positive, *self._negative}):
            if power(index, self._scale) < threshold:
                self._zero += self._positive.pop(index, 0) + self._negative.pop(index, 0)
                threshold = max(threshold, min(power(index + 1, self._scale), _LARGEST))
        self._zero_threshold = threshold

    # --- reading

    @property
    def scale(self) -> int:
        """How fine it is now."""
        return self._scale

    @property
    def positive(self) -> Mapping[int, int]:
        """The counts of the filled buckets above zero."""
        return self._positive

    @property
    def negative(self) -> Mapping[int, int]:
        """The counts of the filled buckets below zero, by the size of the values."""
        return self._negative

    @property
    def zero(self) -> int:
        """How many values were zero, or taken for it."""
        return self._zero

    @property
    def zero_threshold(self) -> float:
        """The size up to which values are taken for zero."""
        return self._zero_threshold

    @property
    def rejected(self) -> int:
        """How many were no finite numbers."""
        return self._rejected

    @property
    def count(self) -> int:
        """How many values were counted."""
        return self._zero + sum(self._positive.values()) + sum(self._negative.values())

    @property
    def sum(self) -> float | None:
        """The sum of all values; None where unknown, or beyond what a float holds."""
        return self._sum if isfinite(self._sum) else None

    @property
    def min(self) -> float | None:
        """The least value, exactly; None where unknown or empty."""
        return self._min if isfinite(self._min) else None

    @property
    def max(self) -> float | None:
        """The greatest value, exactly; None where unknown or empty."""
        return self._max if isfinite(self._max) else None

    @property
    def mean(self) -> float | None:
        """The mean, from the exact sum; None where that is, or where empty."""
        count = self.count
        return None if self.sum is None or not count else self.sum / count

    def quantile(self, percent: float) -> float | None:
        """Return the nearest-rank quantile, off by ``relative_error(scale)`` at most.

        The first and the last rank are exact. None where empty.

        Raises:
            ValueError: outside 0 to 100 per cent.
        """
        (found,) = self._located((percent,))
        return None if found is None else found[1]

    def quantiles(self, percents: Sequence[float]) -> tuple[float | None, ...]:
        """Return several quantiles for little more than one."""
        return tuple(None if found is None else found[1] for found in self._located(percents))

    def bounds(self, percent: float) -> tuple[float, float] | None:
        """Return what the true nearest-rank quantile lies between; None where empty."""
        (found,) = self._located((percent,))
        return None if found is None else (found[0], found[2])

    def count_at_most(self, bound: float) -> int:
        """Count the values up to a bound; the bucket that it cuts goes where its middle lies."""
        return sum(count for (_, middle, _), count in self._cells() if middle <= bound)

    def _located(self, percents: Sequence[float]) -> tuple[tuple[float, float, float] | None, ...]:
        if not all(0 <= percent <= 100 for percent in percents):  # noqa: PLR2004 - per cent
            raise ValueError("a quantile needs 0 to 100 per cent")
        cells = tuple(self._cells())
        if not cells:
            return (None,) * len(percents)
        reached = tuple(accumulate(count for _, count in cells))
        total = reached[-1]
        found: list[tuple[float, float, float] | None] = []
        for percent in percents:
            # Exactly: 99.9 * 1000 / 100 is more than 999 in floating point.
            rank = max(1, ceil(Fraction(str(percent)) * total / 100))
            at = cells[bisect_left(reached, rank)][0]
            if rank == 1 and isfinite(self._min):
                at = (self._min,) * 3
            elif rank == total and isfinite(self._max):
                at = (self._max,) * 3
            found.append(at)
        return tuple(found)

    def _cells(self) -> Iterator[tuple[tuple[float, float, float], int]]:
        """Yield low end, middle, high end and count of each bucket, ascending."""
        scale = self._scale
        for index, count in sorted(self._negative.items(), reverse=True):
            low, middle, high = _extent(index, scale)
            yield self._within(-high, -middle, -low), count
        if self._zero:
            yield self._within(-self._zero_threshold, 0.0, self._zero_threshold), self._zero
        for index, count in sorted(self._positive.items()):
            yield self._within(*_extent(index, scale)), count

    def _within(self, low: float, middle: float, high: float) -> tuple[float, float, float]:
        least, greatest = self._min, self._max
        return (
            max(low, least),
            min(max(middle, least), greatest),
            min(high, greatest),
        )


def relative_error(scale: int) -> float:
    """Return how far off a quantile may be, as a share of itself.

    Below 2.2e-308 floats have fewer digits, and so have quantiles.
    """
    check_scale(scale)
    return 2 / (1 + exp2(-exp2(-scale))) - 1


def merged(histograms: Iterable[ExponentialHistogram]) -> ExponentialHistogram:
    """Return a new histogram of all values in these; at the default scale where there are none."""
    total: ExponentialHistogram | None = None
    for histogram in histograms:
        if total is None:
            total = ExponentialHistogram.from_data(histogram.data())
        else:
            total.add(histogram)
    return ExponentialHistogram() if total is None else total


def _extent(index: int, scale: int) -> tuple[float, float, float]:
    """Return the low end of a bucket, the point that is nearest to all of it, and the high end.

    That point, 2 * low * high / (low + high), has the same relative error at both ends.
    """
    low = power(index, scale)
    middle = low * (2 / (1 + exp2(-exp2(-scale))))
    return low * (1 - _BLUR), middle, power(index + 1, scale) * (1 + _BLUR)
