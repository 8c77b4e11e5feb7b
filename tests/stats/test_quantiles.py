import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.stats.quantiles import (
    MIN_ROUNDS_P90,
    MIN_ROUNDS_P95,
    MIN_ROUNDS_P99,
    nearest_rank,
    summarise,
)

SECONDS = st.floats(min_value=1e-9, max_value=1e6)
ROUNDS = st.lists(SECONDS, min_size=1, max_size=400)


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [
        pytest.param(1, 10, 1, id="single value is every quantile"),
        pytest.param(10, 10, 1, id="exact rank"),
        pytest.param(11, 10, 2, id="next rank above an exact one"),
        pytest.param(100, 7, 7, id="0.07 * 100 is more than 7 in floating point"),
        pytest.param(20, 95, 19, id="95 of 20"),
        pytest.param(5, 0, 1, id="nothing is the smallest"),
        pytest.param(5, 100, 5, id="everything is the largest"),
    ],
)
def test_a_quantile_is_the_value_of_nearest_rank(count: int, percent: int, expected: int) -> None:
    assert nearest_rank(range(1, count + 1), percent) == expected


@given(ROUNDS, st.integers(0, 100))
def test_a_quantile_is_the_smallest_round_that_covers_its_share(
    rounds: list[float], percent: int
) -> None:
    ordered = sorted(rounds)
    value = nearest_rank(ordered, percent)

    assert sum(each <= value for each in ordered) * 100 >= percent * len(ordered)
    below = [each for each in ordered if each < value]
    assert not below or len(below) * 100 < percent * len(ordered)


@pytest.mark.parametrize(
    ("count", "percent"),
    [(MIN_ROUNDS_P90, 90), (MIN_ROUNDS_P95, 95), (MIN_ROUNDS_P99, 99)],
)
def test_the_fewest_rounds_are_the_first_with_an_upper_bound(count: int, percent: int) -> None:
    # all rounds lie below the true quantile with probability q ** n; 2.5 % is one side of 95 %
    assert (percent / 100) ** count <= 0.025 < (percent / 100) ** (count - 1)


@pytest.mark.parametrize(
    ("count", "known"),
    [
        pytest.param(35, set(), id="35"),
        pytest.param(36, {"p90_s"}, id="36"),
        pytest.param(71, {"p90_s"}, id="71"),
        pytest.param(72, {"p90_s", "p95_s"}, id="72"),
        pytest.param(367, {"p90_s", "p95_s"}, id="367"),
        pytest.param(368, {"p90_s", "p95_s", "p99_s"}, id="368"),
    ],
)
def test_a_percentile_needs_enough_rounds(count: int, known: set[str]) -> None:
    summary = summarise([1.0] * count)
    percentiles = {"p90_s": summary["p90_s"], "p95_s": summary["p95_s"], "p99_s": summary["p99_s"]}
    assert {name for name, value in percentiles.items() if value is not None} == known


def test_a_summary_holds_the_numbers_of_its_rounds() -> None:
    summary = summarise([float(value) for value in range(40, 0, -1)])
    assert summary == {
        "rounds": 40,
        "min_s": 1.0,
        "median_s": 20.5,
        "low_s": 4.0,
        "mean_s": 20.5,
        "max_s": 40.0,
        "iqr_s": 20.0,  # 30 - 10
        "p90_s": 36.0,
        "p95_s": None,
        "p99_s": None,
    }


@given(ROUNDS, st.randoms(use_true_random=False))
def test_the_order_of_rounds_does_not_matter(rounds: list[float], random: object) -> None:
    shuffled = list(rounds)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert summarise(shuffled) == summarise(rounds)


@given(ROUNDS)
def test_the_numbers_of_a_summary_are_in_order(rounds: list[float]) -> None:
    kept = list(rounds)
    summary = summarise(rounds)

    assert summary["min_s"] <= summary["low_s"] <= summary["median_s"] <= summary["max_s"]
    assert summary["iqr_s"] >= 0
    assert rounds == kept


@given(ROUNDS, st.sampled_from([0.5, 2.0, 1024.0]))
def test_a_summary_has_the_unit_of_its_rounds(rounds: list[float], factor: float) -> None:
    # powers of two scale without rounding
    plain = summarise(rounds)
    scaled = summarise([each * factor for each in rounds])
    assert scaled["low_s"] == plain["low_s"] * factor
    assert scaled["median_s"] == plain["median_s"] * factor
    assert math.isclose(scaled["mean_s"], plain["mean_s"] * factor)


def test_no_rounds_have_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        summarise([])
