import math
from statistics import median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perfgate.stats.screening import (
    SMALLEST_SPREAD,
    Demand,
    Summary,
    compare_summaries,
    student_quantile,
    student_upper_tail,
)

DEMAND = Demand(false_alarms=0.01, threshold=math.log1p(0.05))
TIMES = st.lists(st.floats(1e-6, 1e-1), min_size=2, max_size=12)


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 3.7, 8, 30, 1000])
@pytest.mark.parametrize("t", [-3, 0, 0.1, 1, 2.5, 8, 40])
def test_the_tail_is_that_of_students_distribution(t: float, freedom: float) -> None:
    expected = float(stats.t.sf(t, freedom))
    assert math.isclose(student_upper_tail(t, freedom), expected, rel_tol=1e-9)


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 3, 3.7, 8, 30, 1000])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.95, 0.975, 0.99, 0.9999, 1 - 1e-6, 1 - 1e-9])
def test_the_quantile_is_that_of_students_distribution(probability: float, freedom: float) -> None:
    expected = float(stats.t.isf(1 - probability, freedom))
    assert math.isclose(student_quantile(probability, freedom), expected, rel_tol=1e-7)


def test_of_two_processes_each_a_comparison_is_welchs_test() -> None:
    candidate, reference = [1.0, 1.3], [0.9, 1.05]  # of two, the median is the mean
    logs = [[math.log(value) for value in side] for side in (candidate, reference)]
    theirs = stats.ttest_ind(*logs, equal_var=False, alternative="greater")
    interval = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    mine = compare_summaries(Summary.of(candidate), Summary.of(reference), DEMAND)
    assert mine.p_value == pytest.approx(theirs.pvalue)
    assert (mine.low, mine.high) == pytest.approx((interval.low, interval.high))


def test_of_more_processes_it_is_welchs_test_with_the_error_of_medians() -> None:
    candidate, reference = [1.0, 1.1, 1.3, 1.2], [0.9, 1.0, 0.85, 1.05, 0.95]
    sides = [[math.log(value) for value in side] for side in (candidate, reference)]
    parts = [math.pi / 2 * stdev(side) ** 2 / len(side) for side in sides]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 4)
    effect = median(sides[0]) - median(sides[1])
    mine = compare_summaries(Summary.of(candidate), Summary.of(reference), DEMAND)
    assert mine.log_ratio == pytest.approx(effect)
    expected = float(stats.t.sf(effect / math.sqrt(sum(parts)), freedom))
    assert mine.p_value == pytest.approx(expected)


@given(TIMES, TIMES)
def test_the_interval_holds_the_estimate(candidate: list[float], reference: list[float]) -> None:
    found = compare_summaries(Summary.of(candidate), Summary.of(reference), DEMAND)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.log_ratio < found.high


@given(TIMES, TIMES)
def test_exchanged_sides_give_the_opposite(candidate: list[float], reference: list[float]) -> None:
    forth = compare_summaries(Summary.of(candidate), Summary.of(reference), DEMAND)
    back = compare_summaries(Summary.of(reference), Summary.of(candidate), DEMAND)
    assert forth.p_value is not None
    assert back.p_value is not None
    assert math.isclose(forth.log_ratio, -back.log_ratio)
    assert math.isclose(forth.p_value, 1 - back.p_value, abs_tol=1e-9)


@given(TIMES)
def test_equal_samples_never_differ(times: list[float]) -> None:
    found = compare_summaries(Summary.of(times), Summary.of(times), DEMAND)
    assert found.log_ratio == 0
    assert found.p_value == pytest.approx(0.5)


def test_processes_that_happen_to_agree_are_not_believed_to_the_last_digit() -> None:
    # 6 % apart without any spread: by the letter p is 0, of five and five processes it is not
    found = compare_summaries(Summary.of([1.06] * 5), Summary.of([1.0] * 5), DEMAND)
    error = SMALLEST_SPREAD * math.sqrt(math.pi / 5)
    assert found.p_value == pytest.approx(float(stats.t.sf(math.log(1.06) / error, 8)))


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [
        pytest.param([1.0], [1.0, 1.1], id="candidate"),
        pytest.param([1.0, 1.1], [1.0], id="reference"),
    ],
)
def test_a_single_process_bounds_nothing(candidate: list[float], reference: list[float]) -> None:
    found = compare_summaries(Summary.of(candidate), Summary.of(reference), DEMAND)
    assert (found.low, found.high, found.p_value, found.smallest_findable) == (None,) * 4


def test_a_spread_that_one_process_claims_is_not_believed() -> None:
    claimed = Summary(location=0.0, spread=0.01, processes=1)
    assert compare_summaries(Summary.of([1.2, 1.3]), claimed, DEMAND).p_value is None


@given(st.lists(st.floats(1e-6, 1e-1), min_size=1, max_size=12))
def test_a_summary_is_of_logarithms(times: list[float]) -> None:
    logs = [math.log(time) for time in times]
    spread = stdev(logs) if len(logs) > 1 else None
    assert Summary.of(times) == Summary(location=median(logs), spread=spread, processes=len(logs))


@pytest.mark.parametrize(("spread", "processes"), [(0.02, 5), (0.05, 5), (0.05, 10), (0.2, 20)])
def test_a_findable_slowdown_is_found_in_95_of_100_runs(spread: float, processes: int) -> None:
    side = Summary(location=0.0, spread=spread, processes=processes)
    findable = compare_summaries(side, side, DEMAND).smallest_findable
    assert findable is not None
    # found: significant, by a spread that is itself estimated, and not below the threshold
    error = spread * math.sqrt(math.pi / processes)
    critical = float(stats.t.isf(0.01, 2 * processes - 2))
    power = min(
        float(stats.nct.sf(critical, 2 * processes - 2, findable / error)),
        float(stats.norm.sf((DEMAND.threshold - findable) / error)),
    )
    assert 0.93 <= power <= 0.99
