import math
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.stats.histogram import ExponentialHistogram, merged, relative_error
from perfgate.stats.histogram_data import MAX_SCALE, MIN_SCALE, HistogramData, power

_SMALLEST = 5e-324
_ANY = st.floats(allow_nan=True, allow_infinity=True)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_SCALES = st.integers(MIN_SCALE, MAX_SCALE)
_ROOMS = st.sampled_from((16, 40, 2048))


def _histogram(
    values: Sequence[float], *, scale: int = 6, max_buckets: int = 2048
) -> ExponentialHistogram:
    histogram = ExponentialHistogram(scale, max_buckets=max_buckets)
    for value in values:
        histogram.record(value)
    return histogram


def _without_sum(histogram: ExponentialHistogram) -> HistogramData:
    return msgspec.structs.replace(histogram.data(), sum=None)


def _nearest_rank(ordered: Sequence[float], percent: int) -> float:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


# --- laws


@given(st.lists(_FINITE, min_size=1), st.integers(0, 100), _SCALES, _ROOMS)
def test_a_quantile_is_off_by_no_more_than_the_stated_error_and_within_its_bounds(
    values: list[float], percent: int, scale: int, room: int
) -> None:
    histogram = _histogram(values, scale=scale, max_buckets=room)
    true = _nearest_rank(sorted(values), percent)
    quantile, bounds = histogram.quantile(percent), histogram.bounds(percent)
    assert quantile is not None
    assert bounds is not None
    assert bounds[0] <= true <= bounds[1]
    # Subnormal numbers have few digits: there the last one is the error.
    error = relative_error(histogram.scale) * (1 + 1e-9) + 1e-12
    assert abs(quantile - true) <= error * abs(true) + 2 * _SMALLEST


@given(st.lists(_ANY), st.lists(_ANY), st.lists(_ANY), _SCALES, _SCALES, _ROOMS)
def test_merging_is_the_same_in_any_order_and_the_same_as_recording_all_in_one(
    first: list[float],
    second: list[float],
    third: list[float],
    scale: int,
    other_scale: int,
    room: int,
) -> None:
    def make(values: list[float], scale: int) -> ExponentialHistogram:
        return _histogram(values, scale=scale, max_buckets=room)

    left = make(first, scale)
    left.add(make(second, other_scale))
    left.add(make(third, scale))
    right = make(second, other_scale)
    right.add(make(third, scale))
    turned = make(first, scale)
    turned.add(right)
    swapped = make(third, scale)
    swapped.add(make(first, scale))
    swapped.add(make(second, other_scale))
    assert _without_sum(left) == _without_sum(turned) == _without_sum(swapped)
    whole = make([*first, *second, *third], min(scale, other_scale))
    assert _without_sum(left) == _without_sum(whole)


@given(st.lists(_ANY), _SCALES)
def test_recording_many_is_recording_each(values: list[float], scale: int) -> None:
    together = ExponentialHistogram(scale)
    together.record_many(values)
    assert _without_sum(together) == _without_sum(_histogram(values, scale=scale))


@given(st.lists(_FINITE), _SCALES, _SCALES)
def test_a_coarser_histogram_is_the_one_that_had_been_recorded_so(
    values: list[float], fine: int, coarse: int
) -> None:
    histogram = _histogram(values, scale=max(fine, coarse))
    histogram.downscale(min(fine, coarse))
    # The logarithm rounds before a finer bucket is halved, so one of many may lie one further.
    direct = _histogram(values, scale=min(fine, coarse))
    assert histogram.count == direct.count == len(values)
    assert histogram.scale == direct.scale
    moved = (
        abs(one - other)
        for one, other in zip(_places(histogram.positive), _places(direct.positive), strict=True)
    )
    assert all(distance <= 1 for distance in moved)


def _places(buckets: Mapping[int, int]) -> list[int]:
    return [index for index, count in sorted(buckets.items()) for _ in range(count)]


@given(st.lists(_ANY), _SCALES, _ROOMS)
def test_json_gives_back_the_same_histogram(values: list[float], scale: int, room: int) -> None:
    histogram = _histogram(values, scale=scale, max_buckets=room)
    data = msgspec.json.decode(msgspec.json.encode(histogram.data()), type=HistogramData)
    again = ExponentialHistogram.from_data(data, max_buckets=room)
    assert again.data() == histogram.data()
    assert again.quantiles((0, 50, 100)) == histogram.quantiles((0, 50, 100))
    histogram.record(3.0)
    again.record(3.0)
    assert _without_sum(again) == _without_sum(histogram)


@given(st.lists(_ANY), _ROOMS)
def test_no_value_is_lost_whatever_it_is_and_no_more_buckets_are_filled_than_allowed(
    values: list[float], room: int
) -> None:
    histogram = _histogram(values, max_buckets=room)
    rejected = sum(not math.isfinite(value) for value in values)
    assert (histogram.rejected, histogram.count) == (rejected, len(values) - rejected)
    assert len(histogram.positive) + len(histogram.negative) <= room


@given(st.lists(_FINITE, min_size=1))
def test_sum_least_and_greatest_are_exact(values: list[float]) -> None:
    histogram = _histogram(values)
    assert (histogram.min, histogram.max) == (min(values), max(values))
    total = 0.0
    for value in values:
        total += value
    assert histogram.sum == (total if math.isfinite(total) else None)


# --- cases


def test_a_bucket_holds_its_upper_end_and_not_its_lower() -> None:
    histogram = _histogram([1.0, math.nextafter(1.0, 2.0), 2.0, 4.0], scale=0)
    assert dict(histogram.positive) == {-1: 1, 0: 2, 1: 1}


@pytest.mark.parametrize("scale", [-10, -3, 0, 6, 20])
def test_powers_of_two_fall_into_exactly_their_bucket(scale: int) -> None:
    for exponent in range(-1074, 1024):
        (index,) = _histogram([2.0**exponent], scale=scale).positive
        assert index == math.ceil(exponent * 2.0**scale) - 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(math.nan, (0, 1), id="nan"),
        pytest.param(math.inf, (0, 1), id="infinity"),
        pytest.param(-math.inf, (0, 1), id="minus-infinity"),
        pytest.param(0.0, (1, 0), id="zero"),
        pytest.param(-0.0, (1, 0), id="minus-zero"),
        pytest.param(_SMALLEST, (1, 0), id="subnormal"),
        pytest.param(-_SMALLEST, (1, 0), id="minus-subnormal"),
        pytest.param(sys.float_info.max, (1, 0), id="largest"),
        pytest.param(-sys.float_info.max, (1, 0), id="most-negative"),
        pytest.param(10**400, (0, 1), id="no-float"),
    ],
)
def test_hostile_values_are_counted_or_rejected_and_a_lone_one_is_its_own_quantile(
    value: float, expected: tuple[int, int]
) -> None:
    histogram = _histogram([value])
    assert (histogram.count, histogram.rejected) == expected
    assert histogram.quantile(50) == (value if expected[0] else None)


def test_an_empty_histogram_has_no_quantile_no_ends_and_no_mean() -> None:
    histogram = ExponentialHistogram()
    assert histogram.quantiles((0, 50, 100)) == (None, None, None)
    assert histogram.bounds(50) is None
    assert (histogram.min, histogram.max, histogram.mean, histogram.sum) == (None, None, None, 0)


def test_a_sum_beyond_floats_is_unknown_and_not_infinite() -> None:
    histogram = _histogram([1e308] * 20)
    assert histogram.sum is None
    assert histogram.mean is None
    assert histogram.quantile(50) == 1e308


def test_ranks_are_exact_where_floating_point_would_miscount() -> None:
    # 99.9 % of 1000 is the 999th; 99.9 * 1000 / 100 in floating point is above 999.
    histogram = _histogram([1.0] * 999 + [1000.0])
    assert histogram.quantile(99.9) == pytest.approx(1.0, rel=relative_error(6))
    assert histogram.quantile(99.91) == 1000.0


def test_the_default_error_is_the_one_that_is_promised() -> None:
    assert relative_error(6) == pytest.approx(0.0054, abs=0.00002)


def test_counts_up_to_a_bound_go_by_the_middle_of_the_bucket_that_it_cuts() -> None:
    histogram = _histogram([-1.0, 0.0, 1.0, 2.0, 3.0])
    assert [histogram.count_at_most(bound) for bound in (-2, -0.99, 0, 1.02, 3)] == [0, 1, 2, 3, 5]


def test_merging_leaves_its_parts_alone() -> None:
    parts = [_histogram([1.0, 2.0]), _histogram([3.0], scale=3)]
    before = [part.data() for part in parts]
    total = merged(parts)
    assert (total.count, total.scale) == (3, 3)
    assert [part.data() for part in parts] == before
    assert merged([]).count == 0


def test_different_zero_thresholds_merge_to_the_wider_and_to_the_end_of_a_bucket_it_would_cut() -> (
    None
):
    wide = ExponentialHistogram.from_data(HistogramData(scale=0, zero=1, zero_threshold=1.5))
    wide.add(_histogram([0.5, 1.2, -1.7, 2.5], scale=0))
    # 1.5 lies within (1, 2], which holds 1.2 and, below zero, 1.7.
    assert (wide.zero, wide.zero_threshold, wide.count) == (4, 2.0, 5)
    assert dict(wide.positive) == {1: 1}
    wide.record(1.9)
    wide.record_many([0.1, 5.0])
    assert (wide.zero, wide.count) == (6, 8)


def test_unknown_ends_stay_unknown() -> None:
    foreign = ExponentialHistogram.from_data(HistogramData(scale=0, positive=((3, 2),)))
    foreign.record(1.0)
    foreign.add(_histogram([100.0]))
    assert (foreign.count, foreign.min, foreign.max, foreign.sum) == (4, None, None, None)
    assert foreign.bounds(100) == pytest.approx((64, 128))
    known = _histogram([1.0])
    known.add(foreign)
    assert (known.min, known.max, known.sum) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('{"scale": 21}', "<= 20", id="scale"),
        pytest.param('{"scale": 6, "positve": []}', "positve", id="unknown-key"),
        pytest.param('{"scale": 6, "positive": [[1, 0]]}', ">= 1", id="empty-bucket"),
        pytest.param('{"scale": 6, "positive": [[2, 1], [1, 1]]}', "ascend", id="order"),
        pytest.param('{"scale": 6, "positive": [[1, 1], [1, 1]]}', "ascend", id="twice"),
        pytest.param('{"scale": 6, "positive": [[99999999999, 1]]}', "beyond", id="too-far"),
        pytest.param('{"scale": 6, "zero": -1}', ">= 0", id="negative-count"),
        pytest.param('{"scale": 6, "min": 2.0, "max": 1.0}', "min is above max", id="ends"),
        pytest.param('{"scale": 6, "sum": "1"}', "float", id="type"),
    ],
)
def test_damaged_json_is_refused(text: str, problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.json.decode(text, type=HistogramData)


def test_values_that_json_has_no_number_for_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        HistogramData(scale=6, sum=math.nan)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: ExponentialHistogram(21), id="too-fine"),
        pytest.param(lambda: ExponentialHistogram(-11), id="too-coarse"),
        pytest.param(lambda: ExponentialHistogram(max_buckets=15), id="no-room"),
        pytest.param(lambda: ExponentialHistogram().downscale(-11), id="downscale"),
        pytest.param(lambda: ExponentialHistogram().quantile(101), id="percent"),
        pytest.param(lambda: ExponentialHistogram().quantile(math.nan), id="nan-percent"),
        pytest.param(lambda: relative_error(21), id="error-of-no-scale"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"scale|room|per cent"):
        make()


def test_the_ends_of_the_outermost_buckets_are_floats() -> None:
    assert power(1024 << 6, 6) == math.inf
    assert power(-1080 << 6, 6) == 0.0
