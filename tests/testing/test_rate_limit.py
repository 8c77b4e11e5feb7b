import time

import anyio
import pytest

from perfgate.testing.arrivals import Arrival, busiest_window, rate_from_first_refusal
from perfgate.testing.rate_limit import RateLimitResult, RateLimitTester
from perfgate.testing.verdict import LoadVerdict
from tests.services.fake_clock import FakeClock
from tests.testing.limiters import (
    Bucket,
    ByTheClock,
    Delaying,
    Limiter,
    Nothing,
    Rolling,
    SinceFirstCall,
    Stuck,
)


def _validate(  # noqa: PLR0913 - what varies between the tests, each under its name
    kind: type[Limiter],
    *,
    true_limit: int = 100,
    expected: int = 100,
    window_s: float = 1.0,
    burst: int = 0,
    starts_at_s: float = 1000.0,
    backend: str = "asyncio",
) -> RateLimitResult:
    async def main() -> RateLimitResult:
        clock = FakeClock()
        clock.now_s = starts_at_s
        service = kind(clock, true_limit, window_s)
        return await RateLimitTester(clock=clock).validate_rate_limit(
            service, lambda limiter: limiter.call(), expected, window_s * 1000, burst=burst
        )

    return anyio.run(main, backend=backend)


@pytest.mark.parametrize(
    ("kind", "burst"),
    [
        pytest.param(Rolling, 0, id="rolling"),
        pytest.param(Bucket, 20, id="bucket"),
        pytest.param(Delaying, 0, id="delaying"),
    ],
)
def test_a_right_limiter_passes_with_its_rate_measured(kind: type[Limiter], burst: int) -> None:
    result = _validate(kind, burst=burst)
    assert result.check.reason == ""
    assert result.rate_limiting_working
    assert result.within_expected_limit
    assert result.rate is not None
    assert 95 <= result.rate.per_s <= 105
    assert result.rate.low_per_s <= 100 <= result.rate.high_per_s
    assert result.offered_per_s == pytest.approx(200, rel=0.02)
    assert result.has_recovered


def test_right_and_wrong_limiters_are_told_apart_with_trio_too() -> None:
    assert _validate(Rolling, backend="trio").check.reason == ""
    doubling = _validate(ByTheClock, backend="trio")
    assert doubling.verdict is LoadVerdict.FAILED
    assert not doubling.within_expected_limit


@pytest.mark.parametrize("kind", [ByTheClock, SinceFirstCall])
@pytest.mark.parametrize("starts_at_s", [1000.0, 1000.01, 1000.5, 1000.77, 1000.99])
def test_a_limiter_that_doubles_at_the_edge_of_its_window_is_found_out(
    kind: type[Limiter], starts_at_s: float
) -> None:
    result = _validate(kind, starts_at_s=starts_at_s)
    assert result.verdict is LoadVerdict.FAILED
    assert not result.within_expected_limit
    assert result.most_in_a_window > 150
    # Its rate in the long run is right: only the edge tells.
    assert result.rate is not None
    assert 95 <= result.rate.per_s <= 105


@pytest.mark.parametrize(
    ("kind", "true_limit", "reason"),
    [
        pytest.param(Nothing, 100, "nothing was refused at 200", id="no-limiter"),
        pytest.param(Rolling, 140, "too many: 140 went through", id="too-generous"),
        pytest.param(Rolling, 59, "too few: 5", id="too-strict"),
        pytest.param(Bucket, 100, "too many: 119 went through", id="burst-nobody-promised"),
        pytest.param(Stuck, 100, "refused a call after a quiet window", id="stuck"),
    ],
)
def test_a_wrong_limiter_fails_with_the_reason(
    kind: type[Limiter], true_limit: int, reason: str
) -> None:
    result = _validate(kind, true_limit=true_limit)
    assert result.verdict is LoadVerdict.FAILED
    assert reason in result.check.reason
    with pytest.raises(AssertionError, match="limit of 100 in 1 s: failed"):
        result.require()


def test_the_quota_of_an_hour_is_tested_in_no_time() -> None:
    began_s = time.monotonic()
    result = _validate(Rolling, true_limit=500, expected=500, window_s=3600)
    assert result.rate_limiting_working
    assert result.duration_s > 3 * 3600
    assert time.monotonic() - began_s < 60


def test_a_refusal_that_was_returned_counts_like_one_that_was_raised() -> None:
    class Reply:
        status_code = 429

    async def main() -> RateLimitResult:
        clock = FakeClock()
        limiter = Rolling(clock, 10, 1.0)

        async def call(service: Rolling) -> Reply | None:
            return None if service.takes(clock.monotonic_s()) else Reply()

        return await RateLimitTester(clock=clock).validate_rate_limit(limiter, call, 10, 1000)

    result = anyio.run(main)
    assert result.rate_limiting_working
    assert result.rate_limit_errors > 20
    assert result.attempted == result.successful + result.rate_limit_errors


def test_calls_that_fail_otherwise_leave_the_question_open() -> None:
    async def main() -> RateLimitResult:
        clock = FakeClock()
        limiter = Rolling(clock, 100, 1.0)
        calls = 0

        async def call(service: Rolling) -> None:
            nonlocal calls
            calls += 1
            if calls == 50:
                raise ConnectionResetError
            await service.call()

        return await RateLimitTester(clock=clock).validate_rate_limit(limiter, call, 100, 1000)

    result = anyio.run(main)
    assert result.verdict is LoadVerdict.INCONCLUSIVE
    assert result.check.doubts == ("1 calls failed otherwise",)


def test_a_key_of_somebody_else_must_not_be_refused() -> None:
    def validate(*, shared: bool) -> RateLimitResult:
        async def main() -> RateLimitResult:
            clock = FakeClock()
            limiter = Rolling(clock, 100, 1.0)
            other = limiter if shared else Rolling(clock, 100, 1.0)
            tester = RateLimitTester(clock=clock, other_key=lambda _: other.call())
            return await tester.validate_rate_limit(
                limiter, lambda service: service.call(), 100, 1000
            )

        return anyio.run(main)

    assert validate(shared=False).is_isolated
    assert validate(shared=False).rate_limiting_working
    assert validate(shared=True).is_isolated is False
    assert "refused calls with another key" in validate(shared=True).check.reason


@pytest.mark.parametrize(
    ("offered", "windows"),
    [pytest.param(1.4, 3, id="too-little"), pytest.param(2.0, 1, id="too-short")],
)
def test_a_test_that_cannot_tell_anything_is_refused(offered: float, windows: int) -> None:
    async def main() -> None:
        await RateLimitTester().validate_rate_limit(
            None, lambda _: None, 100, offered=offered, windows=windows
        )

    with pytest.raises(ValueError, match=r"offered must be at least 1\.5"):
        anyio.run(main)


def _arrivals(*times_s: float, refused_s: tuple[float, ...] = ()) -> list[Arrival]:
    return [
        *(Arrival(at_s=at_s, is_allowed=True) for at_s in times_s),
        *(Arrival(at_s=at_s, is_allowed=False) for at_s in refused_s),
    ]


def test_the_busiest_window_may_begin_anywhere_and_is_open_at_its_end() -> None:
    assert busiest_window(_arrivals(0.0, 0.9, 1.0, 1.1, 1.85), 1.0) == 4
    assert busiest_window(_arrivals(0.0, 1.0, 2.0), 1.0) == 1
    assert busiest_window(_arrivals(refused_s=(1.0,)), 1.0) == 0


def test_a_rate_needs_a_whole_window_after_a_refusal() -> None:
    assert rate_from_first_refusal(_arrivals(0.0, 0.1), window_s=1.0, end_s=9.0) is None
    seen = _arrivals(0.0, 0.1, 1.2, 1.3, 1.4, refused_s=(1.0,))
    assert rate_from_first_refusal(seen, window_s=1.0, end_s=1.9) is None
    rate = rate_from_first_refusal(seen, window_s=1.0, end_s=2.5)
    assert rate is not None
    assert (rate.low_per_s, rate.per_s, rate.high_per_s) == (2, 3, 5)
