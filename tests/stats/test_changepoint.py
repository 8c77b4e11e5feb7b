import itertools
import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.stats.changepoint import ChangeKind, Shape, describe, running_medians


def noisy(levels: Sequence[float], *, seed: int = 1, noise: float = 0.02) -> list[float]:
    chance = random.Random(seed)
    return [level * math.exp(chance.gauss(0, noise)) for level in levels]


def places(shape: Shape) -> list[int]:
    return [change.index for change in shape.changes]


def test_a_step_is_found_where_it_is() -> None:
    shape = describe(noisy([1.0] * 60 + [1.2] * 40))
    (change,) = shape.changes
    assert abs(change.index - 60) <= 1
    assert change.log_ratio == pytest.approx(math.log(1.2), abs=0.01)
    assert change.superiority > 0.99
    assert change.kind is ChangeKind.STEP


@pytest.mark.parametrize("odd", [1, 2, 3])
def test_up_to_three_odd_points_are_spikes_and_no_change(odd: int) -> None:
    levels = [1.0] * 100
    levels[50 : 50 + odd] = [3.0] * odd
    shape = describe(noisy(levels))
    assert shape.changes == ()
    assert shape.spikes == tuple(range(50, 50 + odd))


def test_a_step_is_seen_once_four_points_follow_it() -> None:
    assert describe(noisy([1.0] * 30 + [2.0] * 3)).changes == ()
    assert places(describe(noisy([1.0] * 30 + [2.0] * 4))) == [30]


@pytest.mark.parametrize("slope", [0.0004, 0.005])
def test_drift_is_no_step(slope: float) -> None:
    shape = describe(noisy([math.exp(slope * at) for at in range(200)]))
    assert shape.changes == ()
    assert shape.drift == pytest.approx(200 * slope, rel=0.25)


def test_an_episode_ends_with_a_return() -> None:
    shape = describe(noisy([1.0] * 40 + [1.3] * 30 + [1.0] * 40))
    assert [change.kind for change in shape.changes] == [ChangeKind.STEP, ChangeKind.RETURN]


def test_a_second_step_in_the_same_direction_is_no_return() -> None:
    shape = describe(noisy([1.0] * 40 + [1.3] * 30 + [1.3 * 1.3] * 40))
    assert [change.kind for change in shape.changes] == [ChangeKind.STEP, ChangeKind.STEP]


def test_going_back_and_forth_between_two_levels_is_flipping() -> None:
    shape = describe(noisy(([1.0] * 25 + [1.2] * 25) * 3))
    assert [change.kind for change in shape.changes] == [ChangeKind.FLIP] * 5


def test_two_modes_in_turns_are_no_changes() -> None:
    chance = random.Random(5)
    shape = describe(noisy([chance.choice([1.0, 1.25]) for _ in range(200)], noise=0.01))
    assert shape.changes == ()
    assert shape.is_bimodal


def test_plain_noise_is_neither_bimodal_nor_drifting() -> None:
    shape = describe(noisy([1.0] * 200))
    assert (shape.changes, shape.drift, shape.is_bimodal) == ((), None, False)
    assert shape.noise == pytest.approx(0.02, rel=0.2)


def test_a_clock_of_coarse_ticks_hides_no_step() -> None:
    chance = random.Random(3)
    ticks = [17.0 + (chance.random() < 0.1) for _ in range(50)]
    assert places(describe([*ticks, *(tick + 2 for tick in ticks)])) == [50]


def test_numbers_without_noise_change_where_they_change() -> None:
    assert places(describe([1_000_000.0] * 20 + [1_020_000.0] * 20)) == [20]


def test_a_change_of_less_than_half_a_percent_matters_to_nobody() -> None:
    assert describe([1_000_000.0] * 20 + [1_000_300.0] * 20).changes == ()


@pytest.mark.parametrize("count", range(8))
def test_too_few_points_tell_nothing(count: int) -> None:
    assert describe([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0][:count]).changes == ()


def test_unchanged_noise_is_hardly_ever_marked() -> None:
    marked = sum(bool(describe(noisy([1.0] * 300, seed=seed)).changes) for seed in range(100))
    assert marked == 0


@pytest.mark.parametrize("count", [7, 8, 20])
def test_running_medians_keep_the_outermost_full_window_at_the_ends(count: int) -> None:
    values = noisy([1.0] * count, noise=1.0)
    full = [sorted(values[at : at + 7])[3] for at in range(count - 6)]
    assert running_medians(values) == [full[0]] * 3 + full + [full[-1]] * 3


steps = st.builds(
    lambda seed, before, after, ratio: noisy([1.0] * before + [ratio] * after, seed=seed),
    st.integers(0, 10_000),
    st.integers(10, 60),
    st.integers(10, 60),
    st.floats(0.5, 2.0),
)


def scaled(values: Sequence[float]) -> list[float]:
    return [value * 1024 for value in values]


def unchanged(values: Sequence[float]) -> list[float]:
    return list(values)


@settings(max_examples=50, deadline=None)
@given(values=steps, turned=st.sampled_from([scaled, unchanged]))
def test_the_unit_does_not_matter(
    values: list[float], turned: Callable[[Sequence[float]], list[float]]
) -> None:
    kept = list(values)
    before, after = describe(values), describe(turned(values))
    assert places(before) == places(after)
    assert before.spikes == after.spikes
    assert values == kept


@settings(max_examples=50, deadline=None)
@given(values=steps)
def test_changes_are_in_order_apart_and_tell_their_levels(values: list[float]) -> None:
    changes = describe(values).changes
    edges = [0, *(change.index for change in changes), len(values)]
    assert all(later > earlier for earlier, later in itertools.pairwise(edges))
    for earlier, later in itertools.pairwise(changes):
        assert earlier.after == later.before
