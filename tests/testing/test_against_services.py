"""The testers on the reference services, with a real upstream and real time, in short windows."""

from collections.abc import Iterator

import anyio
import httpx
import pytest

from perfgate.services.breaker import BreakerSettings
from perfgate.services.limiter import ClientLimit, LimitKind
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.circuit_breaker import CircuitBreakerResult, CircuitBreakerTester
from perfgate.testing.rate_limit import RateLimitResult, RateLimitTester
from perfgate.testing.upstream import (
    Fault,
    FaultKind,
    Latency,
    RateLimit,
    Upstream,
    start_upstream,
)
from perfgate.testing.upstream import LimitKind as UpstreamLimitKind
from perfgate.testing.verdict import LoadVerdict

WINDOW_S = 0.5
ONCE = RetrySettings(attempts=1)
LIMIT = 20


@pytest.fixture
def server() -> Iterator[Upstream]:
    with start_upstream("benchmarks.upstreams.stripe:create", limits=()) as running:
        yield running


def _service(server: Upstream, resilience: ResilienceSettings) -> StripeService:
    config = StripeConfig(api_key="sk_test_1", base_url=server.url, resilience=resilience)
    return StripeService(config)


def _validate_server(server: Upstream) -> RateLimitResult:
    """Drive the server with a client that does what it is told, and no more."""

    async def main() -> RateLimitResult:
        async with httpx.AsyncClient(base_url=server.url) as client:
            return await RateLimitTester(hits=server.hits).validate_rate_limit(
                client, lambda each: each.get("/anything"), LIMIT, WINDOW_S * 1000
            )

    return anyio.run(main)


def _limit(server: Upstream, kind: UpstreamLimitKind) -> None:
    server.set_limits([RateLimit(name="all", limit=LIMIT, window_s=WINDOW_S, kind=kind)])


def test_a_limit_of_the_upstream_is_judged_by_its_own_log(server: Upstream) -> None:
    _limit(server, UpstreamLimitKind.ROLLING)
    result = _validate_server(server)
    # Where the machine was too busy to offer enough, that is what it says.
    assert result.verdict in {LoadVerdict.PASSED, LoadVerdict.INCONCLUSIVE}, result.check.reason
    assert result.most_in_a_window <= LIMIT


def test_a_limit_of_the_upstream_that_doubles_at_the_edge_is_found_out(server: Upstream) -> None:
    _limit(server, UpstreamLimitKind.FIXED)
    result = _validate_server(server)
    assert result.verdict is LoadVerdict.FAILED
    assert not result.within_expected_limit


def test_a_client_that_holds_calls_back_keeps_the_limit(server: Upstream) -> None:
    limit = ClientLimit(name="all", calls=LIMIT, window_s=WINDOW_S, kind=LimitKind.SPACED)

    async def main() -> RateLimitResult:
        async with _service(server, ResilienceSettings(retry=ONCE, limits=(limit,))) as stripe:
            return await RateLimitTester(hits=server.hits).validate_rate_limit(
                stripe, lambda each: each.create_customer(), LIMIT, WINDOW_S * 1000
            )

    result = anyio.run(main)
    assert result.is_delaying
    assert result.within_expected_limit
    assert result.rate is not None
    assert result.rate.low_per_s <= LIMIT / WINDOW_S


def test_the_breaker_of_a_service_does_what_it_must(server: Upstream) -> None:
    breaker = BreakerSettings(failure_threshold=5, open_s=1.0, probes=2)
    server.set_latency(Latency(mean_s=0.02))
    server.inject(Fault(kind=FaultKind.STATUS, status=500, path="/v1/payment_intents", count=None))

    async def main() -> CircuitBreakerResult:
        async with _service(server, ResilienceSettings(retry=ONCE, breaker=breaker)) as stripe:
            tester = CircuitBreakerTester(
                dependency=server, open_s=1.0, probes=2, max_fail_fast_s=1.0
            )
            return await tester.validate_circuit_breaker(
                stripe,
                lambda each: each.create_payment_intent(amount=5, currency="eur"),
                lambda each: each.create_customer(),
            )

    result = anyio.run(main)
    assert result.check.reason == ""
    assert result.failures_until_open == 5
    assert result.upstream_hits_while_open == 0
    assert 1 <= result.probes <= 2
    assert result.concurrent_calls is not None
    assert result.concurrent_calls > 1  # how many of 20 is up to the machine
