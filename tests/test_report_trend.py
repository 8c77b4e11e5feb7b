import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.report.trend import sparkline, trend

TIMES = st.floats(1e-12, 1e6)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([1.0], "▁", id="one"),
        pytest.param([1.0, 1.0, 1.0], "▁▁▁", id="flat"),
        pytest.param([1.0, 1.01, 1.0], "▁▂▁", id="noise-stays-low"),
        pytest.param([1.0, 1.1], "▁█", id="a-tenth-fills-the-height"),
        pytest.param([1.0, 2.0, 4.0], "▁▅█", id="in-proportion-to-logarithms"),
        pytest.param([8.0, 4.0, 2.0, 1.0], "█▆▃▁", id="falling"),
    ],
)
def test_a_series_is_drawn(values: list[float], drawn: str) -> None:
    assert sparkline(values) == drawn


@given(st.lists(TIMES), st.floats(1e-3, 1e3))
def test_the_unit_does_not_change_the_drawing_by_more_than_rounding(
    values: list[float], factor: float
) -> None:
    drawn = [ord(block) for block in sparkline(values)]
    scaled = [ord(block) for block in sparkline([value * factor for value in values])]
    assert all(abs(a - b) <= 1 for a, b in zip(drawn, scaled, strict=True))


def test_only_the_latest_runs_are_shown_and_now_stands_last() -> None:
    text = trend([9.0] * 5 + [1.0] * 20, 1.2)
    assert text == f"{'▁' * 20}█ 20 earlier runs: 1.00 s"


@pytest.mark.parametrize("now_s", [None, math.nan, math.inf, 0.0, -1.0])
def test_a_time_that_is_not_known_is_not_drawn(now_s: float | None) -> None:
    assert trend([1.0], now_s) == "▁ 1 earlier run: 1.00 s"


def test_what_cannot_be_a_time_is_left_out() -> None:
    assert trend([math.nan, 0.0, -1.0, math.inf], 1.0) == ""
    assert trend([math.nan, 1.0, 2.0], 4.0) == "▁▅█ 2 earlier runs: 1.00 s to 2.00 s"


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        pytest.param([1.0] * 30 + [1.2] * 8, "; +20.0 % for 8 runs", id="a-step"),
        pytest.param([1.0] * 30 + [1.2] * 25, "", id="a-step-before-what-is-shown"),
        pytest.param(
            [1.0] * 20 + [1.2] * 10 + [1.0] * 8,
            "; back on an earlier level for 8 runs",
            id="an-episode",
        ),
        pytest.param(
            ([1.0] * 10 + [1.2] * 10) * 3,
            "; it goes back and forth between two levels",
            id="machines-that-take-turns",
        ),
    ],
)
def test_a_change_within_what_is_shown_is_said(levels: list[float], said: str) -> None:
    assert trend(levels, None).partition(" s")[2].endswith(said)
    assert trend(levels, None).count(";") == said.count(";")


@given(st.lists(st.floats(), max_size=40), st.none() | st.floats())
def test_a_trend_is_our_own_words_whatever_the_numbers(
    past_s: list[float], now_s: float | None
) -> None:
    assert not set(trend(past_s, now_s)) & set("`|<>[]()@#*_~&\\\n")
