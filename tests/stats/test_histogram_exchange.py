import dataclasses
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData
from perfgate.stats.histogram_exchange import (
    ExponentialPoint,
    NativeHistogram,
    from_native,
    from_point,
    to_native,
    to_point,
)

_VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False))


def _data(values: list[float], scale: int = 6) -> HistogramData:
    histogram = ExponentialHistogram(scale)
    histogram.record_many(values)
    return histogram.data()


@given(_VALUES, st.integers(-10, 6))
def test_a_point_of_opentelemetry_gives_back_the_same_histogram(
    values: list[float], scale: int
) -> None:
    data = _data(values, scale)
    point = to_point(data)
    assert point.count == len(values)
    assert from_point(point) == data


@given(_VALUES, st.integers(-4, 8))
def test_a_native_histogram_of_prometheus_gives_back_the_same_but_for_the_ends(
    values: list[float], scale: int
) -> None:
    data = _data(values, scale)
    assert from_native(to_native(data)) == msgspec.structs.replace(data, min=None, max=None)


def test_the_fields_are_those_of_the_messages() -> None:
    data = _data([-2.0, 0.0, 3.0, 3.5, 40.0], scale=0)
    assert to_point(data) == ExponentialPoint(
        count=5,
        scale=0,
        zero_count=1,
        zero_threshold=0,
        positive_offset=1,
        positive_counts=(2, 0, 0, 0, 1),
        negative_offset=0,
        negative_counts=(1,),
        sum=44.5,
        min=-2,
        max=40,
    )
    # Prometheus' bucket 2 is (2, 4], its bucket 6 is (32, 64]: three lie empty between them.
    assert to_native(data) == NativeHistogram(
        count=5,
        sum=44.5,
        schema=0,
        zero_threshold=0,
        zero_count=1,
        positive_spans=((2, 1), (3, 1)),
        positive_deltas=(2, -1),
        negative_spans=((1, 1),),
        negative_deltas=(1,),
    )


def _point_of_the_sdk(values: list[float]) -> ExponentialHistogramDataPoint:
    reader = InMemoryMetricReader()
    view = View(
        instrument_name="*",
        aggregation=ExponentialBucketHistogramAggregation(max_size=160, max_scale=6),
    )
    provider = MeterProvider(metric_readers=[reader], views=[view])
    instrument = provider.get_meter("perfgate").create_histogram("times")
    for value in values:
        instrument.record(value)
    data = reader.get_metrics_data()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    provider.shutdown()
    assert isinstance(point, ExponentialHistogramDataPoint)
    return point


def test_the_sdk_of_opentelemetry_fills_the_same_buckets() -> None:
    values = [0.0, *(1.01**exponent for exponent in range(40, 150))]
    point = _point_of_the_sdk(values)
    theirs = from_point(
        ExponentialPoint(
            count=point.count,
            scale=point.scale,
            zero_count=point.zero_count,
            zero_threshold=0.0,  # the SDK has no other
            positive_offset=point.positive.offset,
            positive_counts=tuple(point.positive.bucket_counts),
            negative_offset=point.negative.offset,
            negative_counts=tuple(point.negative.bucket_counts),
            sum=point.sum,
            min=point.min,
            max=point.max,
        )
    )
    assert theirs.scale == 6
    ours = msgspec.structs.replace(_data(values), sum=theirs.sum)
    assert theirs == ours


def test_a_point_that_would_be_endless_is_made_coarser_and_loses_no_value() -> None:
    point = to_point(_data([1e-300, 1.0, 1e300], scale=20))
    assert point.scale == 7
    assert point.count == sum(point.positive_counts) == 3
    assert len(point.positive_counts) <= 1 << 18


def test_what_prometheus_has_no_schema_for_is_coarser_or_refused() -> None:
    assert to_native(_data([1.0, 2.0], scale=20)).schema == 8
    with pytest.raises(ValueError, match="-4"):
        to_native(_data([1.0], scale=-5))


def test_an_unknown_sum_is_unknown_on_both_sides() -> None:
    data = HistogramData(scale=0, positive=((3, 2),))
    assert math.isnan(to_native(data).sum)
    assert from_native(to_native(data)) == data
    assert from_point(to_point(data)) == data


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"count": 6}, id="count"),
        pytest.param({"zero_count": -1}, id="negative-zero"),
        pytest.param({"positive_counts": (6, -1)}, id="negative-bucket"),
        pytest.param({"positive_offset": 1 << 40}, id="beyond-all-numbers"),
        pytest.param({"sum": math.inf}, id="infinite-sum"),
    ],
)
def test_a_damaged_point_is_refused(changes: dict[str, Any]) -> None:
    good = to_point(_data([-2.0, 0.0, 3.0, 3.5, 40.0], scale=0))
    with pytest.raises(ValueError, match=r"count|beyond|finite"):
        from_point(dataclasses.replace(good, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"count": 6}, id="count"),
        pytest.param({"positive_deltas": (2,)}, id="too-few-deltas"),
        pytest.param({"positive_deltas": (2, -3)}, id="negative-bucket"),
        pytest.param({"positive_spans": ((2, 1), (-3, 1))}, id="overlapping-spans"),
    ],
)
def test_a_damaged_native_histogram_is_refused(changes: dict[str, Any]) -> None:
    good = to_native(_data([-2.0, 0.0, 3.0, 3.5, 40.0], scale=0))
    with pytest.raises(ValueError, match=r"count|length|ascend"):
        from_native(dataclasses.replace(good, **changes))
