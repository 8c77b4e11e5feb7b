import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.units import parse_bytes, parse_number, parse_rate, parse_ratio, parse_seconds

PARSERS = (parse_ratio, parse_seconds, parse_bytes, parse_rate, parse_number)


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        pytest.param("5%", 0.05, id="percent"),
        pytest.param("7%", 0.07, id="divided-not-multiplied"),
        pytest.param(" 2.5 % ", 0.025, id="blanks"),
        pytest.param("150%", 1.5, id="above-one"),
        pytest.param("0%", 0.0, id="zero"),
    ],
)
def test_a_percentage_becomes_a_plain_ratio(text: str, ratio: float) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("250ns", 250e-9, id="ns"),
        pytest.param("2us", 2e-6, id="us"),
        pytest.param("2\u00b5s", 2e-6, id="micro-sign"),
        pytest.param("2\u03bcs", 2e-6, id="greek-mu"),
        pytest.param("500ms", 0.5, id="ms"),
        pytest.param("1.5s", 1.5, id="s"),
        pytest.param("10m", 600.0, id="m"),
        pytest.param("10 min", 600.0, id="min"),
        pytest.param("2h", 7200.0, id="h"),
        pytest.param("1e-3s", 0.001, id="exponent"),
        pytest.param("0", 0.0, id="zero-needs-no-unit"),
    ],
)
def test_a_duration_becomes_seconds(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("1B", 1, id="B"),
        pytest.param("50MB", 50_000_000, id="MB"),
        pytest.param("50MiB", 52_428_800, id="MiB"),
        pytest.param("1GiB", 1_073_741_824, id="GiB"),
        pytest.param("1.5kB", 1500, id="kB"),
        pytest.param("2KB", 2000, id="KB"),
    ],
)
def test_a_size_becomes_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["5", "5/s", "5 /s"])
def test_a_rate_counts_per_second(text: str) -> None:
    assert parse_rate(text) == 5.0


@pytest.mark.parametrize(
    ("text", "number"), [("95%", 0.95), ("500ms", 0.5), ("2kB", 2000.0), ("3", 3.0), ("4/s", 4.0)]
)
def test_the_unit_alone_tells_what_a_quantity_is(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("parse", "text", "problem"),
    [
        pytest.param(parse_ratio, "5", '"5" has no unit', id="ratio-without-percent"),
        pytest.param(parse_ratio, "0.05", '"0.05" has no unit', id="ratio-as-number"),
        pytest.param(parse_ratio, "1.05x", "the unknown unit x", id="factor"),
        pytest.param(parse_ratio, "-5%", "is not a percentage", id="negative"),
        pytest.param(parse_ratio, "", "is not a percentage", id="empty"),
        pytest.param(parse_ratio, "nan%", "is not a percentage", id="nan"),
        pytest.param(parse_ratio, "1e999%", "too large", id="infinite"),
        pytest.param(parse_ratio, "\u0665%", "is not a percentage", id="other-digits"),
        pytest.param(parse_seconds, "5", 'such as "500ms" (units: ns, us, ms', id="no-unit"),
        pytest.param(parse_seconds, "5sec", "the unknown unit sec", id="unknown-unit"),
        pytest.param(parse_seconds, "1,5s", "the unknown unit ,5s", id="decimal-comma"),
        pytest.param(parse_seconds, "1e308h", "too large", id="overflow-by-unit"),
        pytest.param(parse_bytes, "50", "has no unit", id="size-without-unit"),
        pytest.param(parse_bytes, "50mb", "the unknown unit mb", id="millibits"),
        pytest.param(parse_rate, "5/min", "the unknown unit /min", id="rate-per-minute"),
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(
    parse: object, text: str, problem: str
) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        parse(text)
    assert problem in str(error.value)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_thousand_of_a_unit_is_one_of_the_next(count: int) -> None:
    assert math.isclose(parse_seconds(f"{count}000us"), parse_seconds(f"{count}ms"))
    assert parse_bytes(f"{count}000kB") == parse_bytes(f"{count}MB")


@given(st.sampled_from(PARSERS), st.text())
def test_any_text_is_a_finite_number_from_zero_or_a_value_error(
    parse: type[float], text: str
) -> None:
    try:
        number = parse(text)
    except ValueError:
        return
    assert math.isfinite(number)
    assert number >= 0
