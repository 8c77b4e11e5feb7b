import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.services.limiter import ClientLimit, LimitKind, LimitWindow

START_S = 1000.0


def _grants(limit: ClientLimit, steps_ms: list[int]) -> list[float]:
    """Ask, wait as told, ask again, after each step; return when each call was granted."""
    window = LimitWindow(limit)
    now_s = START_S
    granted = []
    for step in steps_ms:
        now_s += step / 1000
        while (wait_s := window.take(now_s)) > 0:
            now_s += wait_s
        granted.append(now_s)
    return granted


STEPS = st.lists(st.integers(0, 400), min_size=1, max_size=60)


@given(steps=STEPS, calls=st.integers(1, 8), kind=st.sampled_from(LimitKind))
def test_whoever_waits_as_told_stays_below_the_limit(
    steps: list[int], calls: int, kind: LimitKind
) -> None:
    granted = _grants(ClientLimit(name="l", calls=calls, kind=kind), steps)
    for start in granted:
        if kind is LimitKind.ALIGNED:
            assert sum(int(at) == int(start) for at in granted) <= calls
        else:
            # pyrate counts in milliseconds; SPACED needs no guard but may round by one.
            assert sum(start <= at < start + 0.998 for at in granted) <= calls


@given(calls=st.integers(1, 30))
def test_spaced_calls_keep_their_distance(calls: int) -> None:
    granted = _grants(ClientLimit(name="s", calls=calls, kind=LimitKind.SPACED), [0] * 20)
    for before, after in itertools.pairwise(granted):
        assert after - before >= 1 / calls - 0.0021


def test_a_rolling_burst_goes_out_at_once_and_the_next_after_the_guarded_second() -> None:
    granted = _grants(ClientLimit(name="r", calls=3, guard_s=0.05), [0] * 6)
    assert granted[:3] == [START_S] * 3
    assert granted[3] == pytest.approx(START_S + 1.051, abs=0.002)


def test_an_hours_quota_comes_back_on_the_hour() -> None:
    window = LimitWindow(ClientLimit(name="hour", calls=2, window_s=3600.0, kind=LimitKind.ALIGNED))
    assert [window.take(3600.0 + 1800), window.take(3600.0 + 1800)] == [0.0, 0.0]
    assert window.take(3600.0 + 1800) == 1800.0
    assert window.take(7200.0) == 0.0


def test_what_is_over_is_forgotten() -> None:
    window = LimitWindow(ClientLimit(name="r", calls=1000))
    for second in range(50):
        for _ in range(20):
            assert window.take(START_S + 2 * second) == 0.0
    assert window.remembered == 20


@pytest.mark.parametrize("field", ["calls", "window_s"])
def test_a_limit_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        ClientLimit(**{"name": "n", "calls": 1, field: 0})  # type: ignore[arg-type]
