import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perfgate.stats.proportions import Proportion


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_scipy(case: tuple[int, int]) -> None:
    count, total = case
    ours = Proportion(count=count, total=total).interval()
    theirs = stats.binomtest(count, total).proportion_ci(method="exact")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_outcomes_are_counted() -> None:
    share = Proportion.of([True, False, False, True, False])
    assert (share.count, share.total, share.share) == (2, 5, 0.4)


@pytest.mark.parametrize(("count", "total"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        Proportion(count=count, total=total)
