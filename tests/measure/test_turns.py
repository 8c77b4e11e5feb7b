import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.measure.lockstep import side_order
from perfgate.measure.turns import as_written, round_order, rounds_for

SIDES = st.integers(min_value=2, max_value=3)
ROUNDS = st.integers(min_value=1, max_value=200)


def expanded(sides: int, rounds: int) -> list[int]:
    return [side for side, turns in round_order(sides, rounds) for _ in range(turns)]


def ready(rounds: int | None, iterations: int | None = 1) -> dict[str, Any]:
    return {"rounds": rounds, "iterations": iterations}


@given(sides=SIDES, rounds=ROUNDS)
def test_every_side_has_as_many_turns(sides: int, rounds: int) -> None:
    assert Counter(expanded(sides, rounds)) == dict.fromkeys(range(sides), rounds)


@given(sides=SIDES, rounds=ROUNDS)
def test_within_each_rotation_every_side_has_one_turn(sides: int, rounds: int) -> None:
    turns = expanded(sides, rounds)
    rotations = [turns[at : at + sides] for at in range(0, len(turns), sides)]
    assert all(sorted(rotation) == list(range(sides)) for rotation in rotations)


@given(sides=SIDES, rotations=st.integers(min_value=1, max_value=60))
def test_over_whole_rotations_every_side_begins_as_often(sides: int, rotations: int) -> None:
    turns = expanded(sides, rotations * sides)
    begins = Counter(turns[at] for at in range(0, len(turns), sides))
    assert set(begins.values()) == {rotations}


def test_two_sides_take_two_turns_on_end_and_three_never_do() -> None:
    assert list(round_order(2, 4)) == [(0, 1), (1, 2), (0, 2), (1, 2), (0, 1)]
    assert list(round_order(3, 2)) == [(0, 1), (1, 1), (2, 1), (1, 1), (2, 1), (0, 1)]


@given(
    round_s=st.floats(min_value=1e-9, max_value=100.0), sides=SIDES,
    most_rounds=st.integers(min_value=8, max_value=200),
)  # fmt: skip
def test_rounds_are_whole_rotations_and_within_what_is_allowed(
    round_s: float, sides: int, most_rounds: int
) -> None:
    rounds = rounds_for(round_s, sides, most_rounds)
    assert rounds % sides == 0
    assert sides <= rounds < most_rounds + sides


@given(
    one_s=st.floats(min_value=1e-9, max_value=10.0), other_s=st.floats(min_value=1e-9, max_value=10)
)
def test_a_longer_round_never_gets_more_rounds(one_s: float, other_s: float) -> None:
    short_s, long_s = sorted((one_s, other_s))
    assert rounds_for(long_s, 2, 40) <= rounds_for(short_s, 2, 40)


@pytest.mark.parametrize(
    ("round_s", "rounds"),
    [
        pytest.param(0.000_25, 40, id="a-hundredth-of-a-second-in-all"),
        pytest.param(0.000_001, 40, id="never-more-than-allowed"),
        pytest.param(0.001, 10, id="fewer-of-a-millisecond"),
        pytest.param(0.04, 8, id="at-least-eight"),
        pytest.param(0.05, 4, id="slow"),
        pytest.param(0.5, 2, id="very-slow"),
    ],
)
def test_rounds_by_their_length(round_s: float, rounds: int) -> None:
    assert rounds_for(round_s, 2, 40) == rounds


@given(sides=SIDES, allowed=st.lists(st.integers(1, 3000), min_size=3, max_size=3), most=ROUNDS)
def test_a_pedantic_benchmark_never_runs_more_rounds_than_its_author_allows(
    sides: int, allowed: list[int], most: int
) -> None:
    plan = as_written([ready(rounds) for rounds in allowed[:sides]], most)
    assert plan.rounds >= 1
    assert plan.warm_up_rounds >= 0
    assert plan.rounds <= most
    assert plan.rounds + plan.warm_up_rounds <= min(allowed[:sides])


@given(sides=SIDES, rounds=st.integers(min_value=3, max_value=3000))
def test_a_pedantic_benchmark_with_a_round_for_each_side_has_whole_rotations(
    sides: int, rounds: int
) -> None:
    assert as_written([ready(rounds)] * sides, 40).rounds % sides == 0


@given(sides=SIDES, rounds=st.integers(min_value=4, max_value=3000))
def test_a_pedantic_benchmark_with_a_round_to_spare_warms_up(sides: int, rounds: int) -> None:
    assert as_written([ready(rounds)] * sides, 40).warm_up_rounds >= 1


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1])))
def test_the_limits_of_the_side_that_has_some_hold_for_all(order: tuple[int, int]) -> None:
    sides = [ready(7, 5), ready(None, None)]
    plan = as_written([sides[place] for place in order], 40)
    assert plan.iterations == 5
    assert plan.rounds + plan.warm_up_rounds <= 7


@given(sides=SIDES, pair=st.integers(min_value=0, max_value=50))
def test_two_consecutive_groups_mirror_each_other(sides: int, pair: int) -> None:
    assert side_order(sides, 2 * pair) == side_order(sides, 2 * pair + 1)[::-1]


def test_over_all_orders_of_three_every_side_begins_as_often() -> None:
    assert Counter(side_order(3, number)[0] for number in range(6)) == {0: 2, 1: 2, 2: 2}


def test_a_single_side_has_one_order() -> None:
    assert list(side_order(1, 5)) == [0]
