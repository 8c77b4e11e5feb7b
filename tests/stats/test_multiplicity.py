from hypothesis import given
from hypothesis import strategies as st

from perfgate.stats.multiplicity import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=40)


def test_the_smallest_is_multiplied_by_all_and_the_next_by_one_less() -> None:
    # 0.01 * 3; 0.02 * 2 = 0.04; 0.03 * 1 is raised to the one before it
    assert holm([0.03, 0.01, 0.02]) == (0.04, 0.03, 0.04)


def test_no_tests_have_nothing_to_adjust() -> None:
    assert holm([]) == ()


@given(P_VALUES)
def test_adjusting_keeps_the_order_and_lies_between_raw_and_bonferroni(
    p_values: list[float],
) -> None:
    kept = list(p_values)
    adjusted = holm(p_values)
    for raw, mine in zip(p_values, adjusted, strict=True):
        assert raw <= mine <= min(1.0, len(p_values) * raw)
        for other, its in zip(p_values, adjusted, strict=True):
            assert raw > other or mine <= its
    assert p_values == kept


@given(P_VALUES, st.randoms(use_true_random=False))
def test_each_value_stays_its_own_in_any_order(p_values: list[float], random: object) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    shuffled = holm([p_values[index] for index in order])
    plain = holm(p_values)
    assert shuffled == tuple(plain[index] for index in order)


@given(P_VALUES, st.floats(0, 1))
def test_another_test_never_makes_the_others_more_significant(
    p_values: list[float], more: float
) -> None:
    longer = holm([*p_values, more])[:-1]
    assert all(before <= after for before, after in zip(holm(p_values), longer, strict=True))
