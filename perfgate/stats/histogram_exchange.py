"""Exponential histograms as OpenTelemetry and Prometheus write them, as plain values.

Neither library is imported: the values have the fields of the messages, and exporters copy them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from perfgate.stats.histogram_data import Buckets, HistogramData, coarser

__all__ = [
    "ExponentialPoint",
    "NativeHistogram",
    "from_native",
    "from_point",
    "to_native",
    "to_point",
]

MIN_SCHEMA: Final = -4
MAX_SCHEMA: Final = 8
"""The resolutions that Prometheus knows."""
_LONGEST_POINT: Final = 1 << 18
"""Places of a point; all floats at scale 6 need half as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialPoint:
    """The fields of OTLP's ``ExponentialHistogramDataPoint`` that hold the values.

    Offsets are 0 where there are no counts; sum, min and max are None where unknown.
    """

    count: int
    scale: int
    zero_count: int
    zero_threshold: float
    positive_offset: int
    positive_counts: tuple[int, ...]
    negative_offset: int
    negative_counts: tuple[int, ...]
    sum: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeHistogram:
    """The fields of Prometheus' native ``Histogram`` message, which has no min and no max.

    Spans are pairs of an offset (of the first bucket, then from the end of the span before) and a
    length; deltas are the first count and then the differences. ``sum`` is NaN where unknown.
    """

    count: int
    sum: float
    schema: int
    zero_threshold: float
    zero_count: int
    positive_spans: tuple[tuple[int, int], ...]
    positive_deltas: tuple[int, ...]
    negative_spans: tuple[tuple[int, int], ...]
    negative_deltas: tuple[int, ...]


def to_point(data: HistogramData) -> ExponentialPoint:
    """Write as OpenTelemetry does, with a place for every bucket between the outermost.

    Nothing is lost, unless these are more than a quarter of a million: then it is made coarser.
    Rejected values have no field.
    """
    while _longest(data) > _LONGEST_POINT:
        data = _coarser_by_one(data)
    return ExponentialPoint(
        count=_count(data),
        scale=data.scale,
        zero_count=data.zero,
        zero_threshold=data.zero_threshold,
        positive_offset=data.positive[0][0] if data.positive else 0,
        positive_counts=_dense(data.positive),
        negative_offset=data.negative[0][0] if data.negative else 0,
        negative_counts=_dense(data.negative),
        sum=data.sum,
        min=data.min,
        max=data.max,
    )


def from_point(point: ExponentialPoint) -> HistogramData:
    """Read what OpenTelemetry wrote.

    Raises:
        ValueError: the counts do not add up, or a field is out of its range.
    """
    data = HistogramData(
        scale=point.scale,
        positive=_sparse(point.positive_offset, point.positive_counts),
        negative=_sparse(point.negative_offset, point.negative_counts),
        zero=point.zero_count,
        zero_threshold=point.zero_threshold,
        sum=point.sum,
        min=point.min,
        max=point.max,
    )
    _check_count(data, point.count)
    return data


def to_native(data: HistogramData) -> NativeHistogram:
    """Write as Prometheus does; nothing is lost but min, max and a scale finer than 8.

    Raises:
        ValueError: the scale is below -4, the coarsest that Prometheus knows.
    """
    if data.scale < MIN_SCHEMA:
        raise ValueError(f"Prometheus knows no scale below {MIN_SCHEMA}")
    while data.scale > MAX_SCHEMA:
        data = _coarser_by_one(data)
    positive_spans, positive_deltas = _spans(data.positive)
    negative_spans, negative_deltas = _spans(data.negative)
    return NativeHistogram(
        count=_count(data),
        sum=float("nan") if data.sum is None else data.sum,
        schema=data.scale,
        zero_threshold=data.zero_threshold,
        zero_count=data.zero,
        positive_spans=positive_spans,
        positive_deltas=positive_deltas,
        negative_spans=negative_spans,
        negative_deltas=negative_deltas,
    )


def from_native(native: NativeHistogram) -> HistogramData:
    """Read what Prometheus wrote; min and max are unknown.

    Raises:
        ValueError: the counts do not add up, spans and deltas do not fit, or a field is out of
            its range.
    """
    data = HistogramData(
        scale=native.schema,
        positive=_from_spans(native.positive_spans, native.positive_deltas),
        negative=_from_spans(native.negative_spans, native.negative_deltas),
        zero=native.zero_count,
        zero_threshold=native.zero_threshold,
        sum=None if isnan(native.sum) else native.sum,
    )
    _check_count(data, native.count)
    return data


def _count(data: HistogramData) -> int:
    filled = (*data.positive, *data.negative)
    return data.zero + sum(count for _, count in filled)


def _check_count(data: HistogramData, count: int) -> None:
    filled = (*data.positive, *data.negative)
    if any(each < 0 for _, each in filled) or data.zero < 0 or _count(data) != count:
        raise ValueError(f"the buckets hold {_count(data)} values where the count is {count}")


def _coarser_by_one(data: HistogramData) -> HistogramData:
    return HistogramData(
        scale=data.scale - 1,
        positive=tuple(sorted(coarser(dict(data.positive), 1).items())),
        negative=tuple(sorted(coarser(dict(data.negative), 1).items())),
        zero=data.zero,
        zero_threshold=data.zero_threshold,
        rejected=data.rejected,
        sum=data.sum,
        min=data.min,
        max=data.max,
    )


def _longest(data: HistogramData) -> int:
    return max(
        (each[-1][0] - each[0][0] + 1 for each in (data.positive, data.negative) if each), default=0
    )


def _dense(buckets: Buckets) -> tuple[int, ...]:
    if not buckets:
        return ()
    first = buckets[0][0]
    counts = [0] * (buckets[-1][0] - first + 1)
    for index, count in buckets:
        counts[index - first] = count
    return tuple(counts)


def _sparse(offset: int, counts: Sequence[int]) -> Buckets:
    return tuple((offset + place, count) for place, count in enumerate(counts) if count)


def _spans(buckets: Buckets) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    spans: list[tuple[int, int]] = []
    deltas: list[int] = []
    end = before = 0
    for index, count in buckets:
        place = index + 1  # Prometheus counts by the upper ends
        if spans and place == end:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((place - end, 1))
        deltas.append(count - before)
        end, before = place + 1, count
    return tuple(spans), tuple(deltas)


def _from_spans(spans: Sequence[tuple[int, int]], deltas: Sequence[int]) -> Buckets:
    if sum(length for _, length in spans) != len(deltas):
        raise ValueError("spans and deltas are not of the same length")
    buckets: list[tuple[int, int]] = []
    rest = iter(deltas)
    place = count = 0
    for offset, length in spans:
        place += offset
        for _ in range(length):
            count += next(rest)
            if count:
                buckets.append((place - 1, count))
            place += 1
    return tuple(buckets)
