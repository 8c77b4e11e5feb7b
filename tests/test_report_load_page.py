"""What a load's charts are drawn from."""

import base64
import gzip
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.report.load_charts import (
    Instant,
    bins_of,
    draw_errors,
    draw_histogram,
    draw_timeline,
    quantiles_of,
)
from perfgate.report.load_page import LoadShown, render_load_page
from tests.load_cases import loads

TIMES = st.lists(st.floats(1e-9, 1e5), max_size=300).map(sorted)


@given(TIMES)
def test_every_time_lies_in_one_range(times_s: list[float]) -> None:
    bins = bins_of(times_s)
    assert sum(one.count for one in bins) == len(times_s)
    assert all(one.low_s <= other.low_s for one, other in itertools.pairwise(bins))


@given(TIMES)
def test_a_percentile_is_a_time_that_was_taken_and_never_falls(times_s: list[float]) -> None:
    quantiles = quantiles_of(times_s)
    assert {one.time_s for one in quantiles} <= set(times_s)
    read = [one.time_s for one in quantiles]
    assert read == sorted(read)


@pytest.mark.parametrize(
    ("count", "last"),
    [
        pytest.param(1, None, id="one-time-has-no-percentile"),
        pytest.param(99, 95, id="below-a-hundred-no-p99"),
        pytest.param(100, 99, id="of-a-hundred-one-lies-beyond-p99"),
        pytest.param(1_000, 99.9, id="of-a-thousand-one-lies-beyond-p99.9"),
    ],
)
def test_a_percentile_needs_times_beyond_it(count: int, last: float | None) -> None:
    quantiles = quantiles_of([1.0] * count)
    assert (quantiles[-1].percent if quantiles else None) == last


def test_nothing_measured_draws_nothing() -> None:
    assert draw_histogram(()) is None
    assert draw_errors([("timeout", 0)]) is None
    assert draw_timeline([Instant(at_s=0, median_s=None, p99_s=None, count=0, failed=0)]) is None


def test_the_most_frequent_error_comes_first_and_many_kinds_are_counted() -> None:
    chart = draw_errors([(f"kind {number}", number) for number in range(1, 31)])
    assert chart is not None
    assert chart.lanes[0].cells == ("kind 30", "30")
    assert len(chart.lanes) == 20
    assert "10 more kinds are not drawn" in chart.summary


def test_failures_are_counted_in_whole_numbers() -> None:
    chart = draw_errors([("timeout", 2)])
    assert chart is not None
    assert chart.axis.ticks == ((0.0, "0"), (1.0, "1"), (2.0, "2"))


def test_a_part_that_nothing_was_asked_of_does_not_count_in_the_verdict() -> None:
    part = LoadShown(name="GET /a", outcome="measured")
    page = render_load_page("checkout", [part, *loads()[:1]]).decode()
    assert "checkout</bdi>: passed" in page
    assert page.index("create customer") < page.index("GET /a")


def test_the_page_says_the_worst_outcome_first() -> None:
    text = render_load_page("checkout", loads()).decode()
    assert "checkout</bdi>: 1 of 3 failed" in text
    assert text.index("create customer, failing") < text.index("create customer, unknown")


def test_a_page_holds_the_charts_of_each_load() -> None:
    found = re.search(rb'id="contents">([^<]*)<', render_load_page("checkout", loads()))
    assert found is not None
    contents: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found.group(1))))
    titles = [[chart["title"] for chart in row["charts"]] for row in contents["rows"]]
    assert titles == [
        ["Percentiles", "How many took how long", "Errors by kind"],
        [],
        ["Latency over time", "Percentiles", "How many took how long"],
    ]


def test_no_load_is_a_page_that_says_so() -> None:
    assert "nothing was measured" in render_load_page("checkout", []).decode()
