import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.testing.upstream.limits import Decision, Limiter, LimitKind, LimitScope, RateLimit

# Steps between arrivals in sixteenths of a second: exact in binary, so that edges are edges.
STEPS = st.lists(st.integers(0, 32), min_size=1, max_size=80)


def _times(steps: list[int]) -> list[float]:
    return [step / 16 for step in itertools.accumulate(steps)]


def _arrive(
    limiter: Limiter, now_s: float, *, group: str = "", endpoint: str = "", credential: str = ""
) -> tuple[Decision, ...]:
    decisions, _ = limiter.arrive(
        now_s=now_s, wall_s=now_s, group=group, endpoint=endpoint, credential=credential
    )
    return decisions


def _taken(limit: RateLimit, times: list[float]) -> list[float]:
    limiter = Limiter([limit])
    return [now_s for now_s in times if _arrive(limiter, now_s)[0].is_allowed]


@given(steps=STEPS, limit=st.integers(1, 5))
def test_a_rolling_window_never_holds_more_than_its_limit(steps: list[int], limit: int) -> None:
    taken = _taken(RateLimit(name="r", limit=limit), _times(steps))
    for start in taken:
        assert sum(start <= at < start + 1 for at in taken) <= limit


@given(steps=STEPS, limit=st.integers(1, 5))
def test_a_rolling_window_refuses_only_when_it_is_full(steps: list[int], limit: int) -> None:
    times = _times(steps)
    limiter = Limiter([RateLimit(name="r", limit=limit)])
    taken: list[float] = []
    for now_s in times:
        is_allowed = _arrive(limiter, now_s)[0].is_allowed
        assert is_allowed == (sum(now_s - 1 < at for at in taken) < limit)
        if is_allowed:
            taken.append(now_s)


@given(steps=STEPS, limit=st.integers(1, 5))
def test_a_fixed_window_counts_by_the_wall_clock(steps: list[int], limit: int) -> None:
    times = _times(steps)
    taken = _taken(RateLimit(name="f", limit=limit, kind=LimitKind.FIXED), times)
    for second in range(int(times[-1]) + 1):
        arrived = sum(int(at) == second for at in times)
        assert sum(int(at) == second for at in taken) == min(limit, arrived)


@given(steps=STEPS, limit=st.integers(1, 5), burst=st.integers(1, 5))
def test_a_bucket_takes_its_burst_and_its_rate(steps: list[int], limit: int, burst: int) -> None:
    times = _times(steps)
    taken = _taken(RateLimit(name="b", limit=limit, burst=burst, kind=LimitKind.BUCKET), times)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            # A thousandth for what sums of floats lose.
            assert last - first + 1 <= burst + limit * (taken[last] - start) + 0.001


@given(steps=STEPS, limit=st.integers(1, 5), kind=st.sampled_from(list(LimitKind)[:3]))
def test_what_is_told_to_wait_is_taken_afterwards(
    steps: list[int], limit: int, kind: LimitKind
) -> None:
    limiter = Limiter([RateLimit(name="w", limit=limit, kind=kind)])
    for now_s in _times(steps):
        decision = _arrive(limiter, now_s)[0]
        if not decision.is_allowed:
            assert 0 < decision.reset_s <= 1
            assert _arrive(limiter, now_s + decision.reset_s + 1e-9)[0].is_allowed
            return


def test_a_refused_arrival_may_count_too() -> None:
    limit = RateLimit(name="strict", limit=1, charges_refused=True)
    # Without the charge the third would come a whole second after the first.
    assert _taken(limit, [0.0, 0.5, 1.0, 2.0]) == [0.0, 2.0]


def test_concurrent_arrivals_are_taken_until_one_leaves() -> None:
    limiter = Limiter([RateLimit(name="c", limit=2, kind=LimitKind.CONCURRENT)])
    args = {"now_s": 0.0, "wall_s": 0.0, "group": "", "endpoint": "", "credential": ""}
    _, leaving = limiter.arrive(**args)  # type: ignore[arg-type]
    assert _arrive(limiter, 0)[0].is_allowed
    assert not _arrive(limiter, 0)[0].is_allowed
    for leave in leaving:
        leave()
    assert _arrive(limiter, 0)[0].is_allowed


@pytest.mark.parametrize(
    ("scope", "other"),
    [
        pytest.param(LimitScope.ENDPOINT, {"endpoint": "b"}, id="endpoint"),
        pytest.param(LimitScope.CREDENTIAL, {"credential": "b"}, id="credential"),
    ],
)
def test_each_key_has_a_limit_of_its_own(scope: LimitScope, other: dict[str, str]) -> None:
    limiter = Limiter([RateLimit(name="own", limit=1, scope=scope)])
    assert _arrive(limiter, 0)[0].is_allowed
    assert not _arrive(limiter, 0)[0].is_allowed
    assert _arrive(limiter, 0, **other)[0].is_allowed


def test_a_limit_holds_for_its_group_alone() -> None:
    limiter = Limiter([RateLimit(name="g", limit=1, group="admin")])
    assert _arrive(limiter, 0, group="upload") == ()
    assert _arrive(limiter, 0, group="admin")[0].is_allowed
    assert not _arrive(limiter, 0, group="admin")[0].is_allowed


def test_an_arrival_is_taken_only_when_every_limit_takes_it() -> None:
    limiter = Limiter([RateLimit(name="wide", limit=5), RateLimit(name="narrow", limit=1)])
    assert [d.is_allowed for d in _arrive(limiter, 0)] == [True, True]
    assert [d.is_allowed for d in _arrive(limiter, 0)] == [True, False]


@pytest.mark.parametrize("field", ["limit", "window_s"])
def test_a_limit_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        RateLimit(**{"name": "n", "limit": 1, field: 0})  # type: ignore[arg-type]
