import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from perfgate.stats.paired import (
    median_interval,
    pair_estimate,
    pairs_needed,
    robust_scale,
    shrunken,
    sign_flip_p,
)

ESTIMATES = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=12)
CLIP = math.log1p(0.05)


# --- sign flips --------------------------------------------------------------------------------


def _by_enumeration(estimates: list[float], clip: float) -> float:
    values = [max(-clip, min(clip, estimate)) for estimate in estimates]
    observed = math.fsum(values)
    sums = [
        math.fsum(sign * value for sign, value in zip(signs, values, strict=True))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    return sum(total >= observed - 1e-12 for total in sums) / len(sums)


# thousandths, so that whether two sums are equal does not hang on rounding
@settings(deadline=None)
@given(st.lists(st.integers(-120, 120), min_size=1, max_size=10), st.sampled_from([0.01, 0.05, 1]))
def test_the_p_value_is_that_of_all_signs_tried_out(thousandths: list[int], clip: float) -> None:
    estimates = [value / 1000 for value in thousandths]
    assert sign_flip_p(estimates, clip) == _by_enumeration(estimates, clip)


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        pytest.param([0.02] * 14, 1 / 2**14, id="all slower: one pattern of 2^14"),
        pytest.param([-0.02] * 14, 1.0, id="all faster"),
        pytest.param([0.0] * 14, 1.0, id="all equal"),
    ],
)
def test_known_p_values(estimates: list[float], expected: float) -> None:
    assert sign_flip_p(estimates, 0.05) == expected


def test_a_wild_pair_counts_as_the_clip() -> None:
    steady = [0.02] * 13
    assert sign_flip_p([*steady, -9.0], 0.05) == sign_flip_p([*steady, -0.05], 0.05) < 0.01


@given(ESTIMATES, st.randoms(use_true_random=False))
def test_the_p_value_knows_no_order_and_leaves_its_input(
    estimates: list[float], random: object
) -> None:
    kept = list(estimates)
    shuffled = list(estimates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    p_value = sign_flip_p(estimates, CLIP)
    # sums that differ in the last digit only may change places
    assert abs(sign_flip_p(shuffled, CLIP) - p_value) <= 2 / 2 ** len(estimates)
    assert 0 < p_value <= 1
    assert estimates == kept


@given(ESTIMATES, st.integers(0, 11), st.floats(0, 0.2))
def test_a_slower_pair_never_makes_slower_less_likely(
    estimates: list[float], index: int, more: float
) -> None:
    changed = list(estimates)
    changed[index % len(changed)] += more
    assert sign_flip_p(changed, CLIP) <= sign_flip_p(estimates, CLIP) + 1e-12


@given(ESTIMATES)
def test_slower_and_faster_are_mirrors_that_share_ties(estimates: list[float]) -> None:
    mirrored = sign_flip_p([-estimate for estimate in estimates], CLIP)
    assert sign_flip_p(estimates, CLIP) + mirrored >= 1 - 1e-12


@pytest.mark.parametrize("tests", [1, 2, 5, 10, 30, 100, 300])
@pytest.mark.parametrize("false_alarms", [0.01, 0.05])
def test_so_many_pairs_can_be_significant_with_two_against(tests: int, false_alarms: float) -> None:
    pairs = pairs_needed(tests, false_alarms)
    estimates = [0.04] * (pairs - 2) + [-0.04] * 2
    assert sign_flip_p(estimates, CLIP) <= false_alarms / tests
    assert pairs % 2 == 0
    assert 12 <= pairs <= 24


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_more_tests_never_need_fewer_pairs(first: int, second: int) -> None:
    fewer, more = sorted((first, second))
    assert pairs_needed(fewer, 0.01) <= pairs_needed(more, 0.01)


# --- intervals ---------------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_an_interval_holds_its_median_and_two_of_the_values(values: list[float]) -> None:
    low, high = median_interval(values)
    middle = sorted(values)[(len(values) - 1) // 2]
    assert low <= middle <= high
    assert low in values
    assert high in values


@pytest.mark.parametrize("count", range(1, 41))
def test_an_interval_is_the_shortest_that_covers_95_percent(count: int) -> None:
    low, high = median_interval([float(place) for place in range(count)])
    below = int(low)  # values outside on each side
    assert high == count - 1 - below
    missed = 2 * stats.binom.cdf(below, count, 0.5)
    assert missed <= 0.05 or below == 0
    assert 2 * stats.binom.cdf(below + 1, count, 0.5) > 0.05


# --- estimates of one pair ---------------------------------------------------------------------

SECONDS = st.floats(1e-6, 1e-2)
ROUNDS = st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=48)


@given(ROUNDS, st.sampled_from([0.5, 2.0, 1024.0]), st.sampled_from([1, 2, 6]))
def test_an_estimate_knows_no_unit(
    rounds: list[tuple[float, float]], factor: float, block: int
) -> None:
    candidate, reference = zip(*rounds, strict=True)
    plain = pair_estimate(candidate, reference, block)
    scaled = pair_estimate(
        [value * factor for value in candidate], [value * factor for value in reference], block
    )
    assert scaled == plain


@given(ROUNDS, st.sampled_from([1, 2, 6]))
def test_exchanged_sides_give_the_opposite_estimate(
    rounds: list[tuple[float, float]], block: int
) -> None:
    candidate, reference = zip(*rounds, strict=True)
    forth = pair_estimate(candidate, reference, block)
    back = pair_estimate(reference, candidate, block)
    assert math.isclose(forth.log_ratio, -back.log_ratio, abs_tol=1e-9)
    assert math.isclose(forth.error, back.error, abs_tol=1e-9)


@given(st.lists(SECONDS, min_size=1, max_size=48), st.sampled_from([1, 2, 6]))
def test_equal_sides_never_differ(times: list[float], block: int) -> None:
    estimate = pair_estimate(times, times, block)
    assert (estimate.log_ratio, estimate.error) == (0, 0)


@given(st.floats(-0.5, 0.5), st.lists(SECONDS, min_size=4, max_size=48))
def test_a_steady_slowdown_is_found_whatever_the_rounds(effect: float, times: list[float]) -> None:
    slower = [time * math.exp(effect) for time in times]
    assert math.isclose(pair_estimate(slower, times, 2).log_ratio, effect, abs_tol=1e-9)


def test_a_drift_of_the_machine_cancels_within_a_block() -> None:
    # the side that runs second in a round is 1 % slower each time; the order flips
    order = [(1.0, 1.01), (1.01, 1.0)] * 10
    candidate, reference = zip(*order, strict=True)
    assert math.isclose(pair_estimate(candidate, reference, 2).log_ratio, 0, abs_tol=1e-12)


@pytest.mark.parametrize(("candidate", "reference"), [([], []), ([1.0], []), ([1.0, 2.0], [1.0])])
def test_sides_with_different_rounds_are_refused(
    candidate: list[float], reference: list[float]
) -> None:
    with pytest.raises(ValueError, match="same number of rounds"):
        pair_estimate(candidate, reference, 2)


# --- scales ------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-5, 5))
def test_a_scale_ignores_where_the_values_lie(values: list[float], shift: float) -> None:
    moved = robust_scale([value + shift for value in values])
    assert math.isclose(moved, robust_scale(values), abs_tol=1e-9)


def test_a_scale_bears_nearly_half_of_the_values_anywhere() -> None:
    assert robust_scale([0.0, 0.01, 0.02, 50.0, 99.0]) < 0.1
    # of the normal distribution the middle half lies within 0.6745 standard deviations
    assert math.isclose(robust_scale([-0.6745, 0, 0.6745]), 1, rel_tol=1e-3)


@given(st.floats(0, 1), st.floats(0.001, 1), st.integers(1, 30))
def test_a_shrunken_error_lies_between_its_own_scale_and_the_usual_one(
    scale: float, typical: float, pairs: int
) -> None:
    error = shrunken(scale, typical, pairs) * math.sqrt(pairs) / 1.2533
    assert min(scale, typical) - 1e-9 <= error <= max(scale, typical) + 1e-9
    assert (
        shrunken(scale, typical, pairs + 1) < shrunken(max(scale, typical), typical, pairs) * 1.01
    )
