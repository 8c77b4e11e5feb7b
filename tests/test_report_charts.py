"""Laws of scales: what is drawn lies within, and a tick says what stands there."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfgate.report.charts import Axis, effect_axis, plain_axis, seconds_axis
from perfgate.units import format_seconds, parse_seconds

TIMES = st.lists(st.floats(1e-12, 1e9), min_size=1, max_size=20)
EFFECTS = st.lists(st.floats(-40, 40), min_size=1, max_size=20)


def _check(axis: Axis) -> None:
    assert axis.low < axis.high
    assert all(axis.low <= at <= axis.high for at, _ in axis.ticks)
    assert len({text for _, text in axis.ticks}) == len(axis.ticks) <= 12


@given(TIMES)
@example([0.8])  # nine tenths of it are a little more than its tick of 720 ms
@example([999_950_001.0, 999_950_002.0])
def test_every_time_lies_on_its_scale(times_s: list[float]) -> None:
    axis = seconds_axis(times_s, "Time")
    _check(axis)
    assert axis.low <= min(times_s) * 1.001
    assert axis.high >= max(times_s) * 0.999


@given(TIMES)
def test_a_tick_of_time_says_exactly_where_it_stands(times_s: list[float]) -> None:
    for at, text in seconds_axis(times_s, "Time").ticks:
        if "e" not in text:
            assert parse_seconds(text) == pytest.approx(at, rel=1e-3)


@given(EFFECTS, EFFECTS, st.floats(0.001, 2))
def test_anchors_and_the_threshold_lie_on_the_scale_of_effects(
    anchors: list[float], pairs: list[float], threshold: float
) -> None:
    axis = effect_axis(anchors, pairs, math.log1p(threshold), "Change")
    _check(axis)
    for value in (0.0, math.log1p(threshold), *anchors):
        assert axis.low - 0.01 <= value <= axis.high + 0.01


@pytest.mark.parametrize(
    ("anchor", "ticks"),
    [
        pytest.param(0.05, ["-2.0 %", "0.0 %", "+2.0 %", "+4.0 %"], id="per-cents"),
        pytest.param(math.log(6), ["0.0 %", "+50.0 %", "2.0x slower", "3.0x slower"], id="factors"),
        pytest.param(math.log(1e6), ["0.0 %", "10x slower", "100x slower"], id="powers-of-ten"),
    ],
)
def test_ticks_of_effects_are_round(anchor: float, ticks: list[str]) -> None:
    axis = effect_axis([anchor], [], math.log1p(0.05), "Change")
    assert [text for _, text in axis.ticks][: len(ticks)] == ticks


def test_times_over_several_powers_of_ten_are_drawn_by_their_logarithms() -> None:
    assert seconds_axis([1e-6, 1.0], "Time").is_log
    assert not seconds_axis([1.0, 2.0], "Time").is_log


def test_counts_have_no_ticks_between_them() -> None:
    axis = plain_axis(0.0, 2.0, "Operations", lambda value: f"{value:g}", finest=1.0)
    assert [text for _, text in axis.ticks] == ["0", "1", "2"]


def test_one_time_alone_has_a_scale() -> None:
    axis = seconds_axis([12e-6], "Time")
    assert axis.low < 12e-6 < axis.high
    assert format_seconds(12e-6) in [text for _, text in axis.ticks]
