import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.units import (
    format_bytes,
    format_duration,
    format_instructions,
    format_interval,
    format_measured,
    format_number,
    format_percent,
    format_ratio,
    format_seconds,
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(1.234e-5, "12.3 µs", id="microseconds"),
        pytest.param(0.0, "0 s", id="zero"),
        pytest.param(999.6e-9, "1.00 µs", id="rounds-into-the-next-unit"),
        pytest.param(4.2e-10, "0.420 ns", id="below-a-nanosecond"),
        pytest.param(0.5, "500 ms", id="milliseconds"),
        pytest.param(1234.5, "1230 s", id="three-digits-and-no-more"),
        pytest.param(-2e-3, "-2.00 ms", id="negative"),
        pytest.param(1e308, "1e+308 s", id="absurd"),
    ],
)
def test_a_time_has_three_significant_digits(seconds: float, expected: str) -> None:
    assert format_seconds(seconds) == expected


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        pytest.param(5.2, "+5.2 %", id="slower"),
        pytest.param(-5.2, "-5.2 %", id="faster"),
        pytest.param(-0.01, "0.0 %", id="nothing-has-no-sign"),
        pytest.param(99.9, "+99.9 %", id="just-below-twice"),
        pytest.param(130, "2.3x slower", id="a-multiple"),
        pytest.param(-75, "4.0x faster", id="a-fraction"),
        pytest.param(9_900, "100x slower", id="hundredfold"),
    ],
)
def test_an_effect_reads_as_percent_and_from_twice_as_a_multiple(
    percent: float, expected: str
) -> None:
    assert format_ratio(math.log1p(percent / 100)) == expected


def test_an_effect_beyond_all_numbers_can_still_be_written() -> None:
    assert format_ratio(1e6) == "more than 1e308x slower"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        pytest.param(1.05, 1.08, "+5.0 % to +8.0 %", id="percent"),
        pytest.param(2.28, 2.33, "2.28x to 2.33x slower", id="slower"),
        pytest.param(1 / 4, 1 / 3, "3.00x to 4.00x faster", id="faster-nearest-first"),
        pytest.param(1 / 4, 3, "4.0x faster to 3.0x slower", id="both-sides"),
        pytest.param(1.5, 3, "+50.0 % to 3.0x slower", id="across-the-change-of-form"),
    ],
)
def test_an_interval_names_both_ends(low: float, high: float, expected: str) -> None:
    assert format_interval(math.log(low), math.log(high)) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(0, "0 B", id="zero"),
        pytest.param(999, "999 B", id="bytes"),
        pytest.param(1_048_576, "1.05 MB", id="decimal-units"),
        pytest.param(999_999, "1.00 MB", id="rounds-into-the-next-unit"),
        pytest.param(-5e7, "-50.0 MB", id="negative"),
    ],
)
def test_bytes_have_decimal_units(count: float, expected: str) -> None:
    assert format_bytes(count) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        pytest.param(0.05, "5 %", id="whole"),
        pytest.param(0.125, "12.5 %", id="one-decimal"),
        pytest.param(1.0, "100 %", id="trailing-zeros-of-a-whole-number-stay"),
        pytest.param(0.0, "0 %", id="zero"),
    ],
)
def test_a_percentage_has_no_needless_zeros(ratio: float, expected: str) -> None:
    assert format_percent(ratio) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(7.24, "7.2 s", id="seconds"),
        pytest.param(9.96, "10 s", id="no-decimal-from-ten"),
        pytest.param(59.7, "1 min 00 s", id="rounds-into-a-minute"),
        pytest.param(3599.8, "1 h 00 min", id="rounds-into-an-hour"),
        pytest.param(7384, "2 h 03 min", id="hours"),
    ],
)
def test_a_duration_reads_like_a_clock(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


@given(st.floats(min_value=1e-9, max_value=1e5))
def test_a_written_time_is_within_half_a_percent(seconds: float) -> None:
    number, unit = format_seconds(seconds).split()
    scale = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert float(number) * scale == pytest.approx(seconds, rel=0.00501)
    assert len(re.sub(r"\D", "", number).lstrip("0")) <= 6


@given(st.floats(min_value=-1e3, max_value=1e3))
def test_an_effect_and_its_opposite_say_opposite_things(log_ratio: float) -> None:
    text = format_ratio(log_ratio)
    if text != "0.0 %":
        slower = text.startswith("+") or text.endswith("slower")
        assert slower == (log_ratio > 0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(0.0, "0", id="zero"),
        pytest.param(3.0, "3", id="whole"),
        pytest.param(49.994, "49.99", id="four-digits"),
        pytest.param(0.00123456, "0.001235", id="small"),
        pytest.param(999.96, "1,000", id="rounds-to-a-thousand"),
        pytest.param(12_345.6, "12,346", id="all-before-the-point"),
        pytest.param(-200_000.0, "-200,000", id="negative"),
        pytest.param(1e20, "1e+20", id="absurd"),
        pytest.param(math.nan, "nan", id="not-a-number"),
    ],
)
def test_a_number_without_a_unit_has_no_exponent_while_it_can_be_read(
    number: float, expected: str
) -> None:
    assert format_number(number) == expected


def test_a_count_of_instructions_is_rounded_and_tells_its_size() -> None:
    assert format_instructions(153_083_861.0) == "153,100,000"


@pytest.mark.parametrize(
    ("limit", "measured", "expected"),
    [
        pytest.param("p95 < 500ms", 0.6234, "623 ms", id="time"),
        pytest.param("p95 < 500 ms", 0.50004, "500.04 ms", id="just-above"),
        pytest.param("success_rate > 95%", 0.9, "90 %", id="share"),
        pytest.param("success_rate > 95%", 0.94996, "94.996 %", id="just-below"),
        pytest.param("p95 < 120% of baseline", 1.3, "130 %", id="of-baseline"),
        pytest.param("memory_growth < 50MB", 50.01e6, "50.01 MB", id="bytes"),
        pytest.param("retries <= 3", 5.0, "5", id="no-unit"),
        pytest.param("ops_per_s > 15000/s", 12_345.6, "12,346", id="rate"),
        pytest.param("GET /v1.2: p95 < 10us", 2e-5, "20.0 µs", id="of-one-name"),
    ],
)
def test_what_broke_a_limit_is_written_in_its_unit_and_never_like_its_bound(
    limit: str, measured: float, expected: str
) -> None:
    assert format_measured(limit, measured) == expected
