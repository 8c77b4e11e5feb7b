"""The breakers of the services in front of upstreams that fail, in real time."""

import pytest

from benchmarks.upstreams.clients import cloudinary_config, contentful_config
from perfgate.services.breaker import BreakerSettings
from perfgate.services.cloudinary import CloudinaryService
from perfgate.services.contentful import ContentfulService
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.circuit_breaker import CircuitBreakerResult, CircuitBreakerTester
from perfgate.testing.trial import ServiceOperation
from perfgate.testing.upstream import Fault, FaultKind, Latency, Upstream

pytestmark = [pytest.mark.performance, pytest.mark.anyio]

OPEN_S = 1.0
PROBES = 2
GUARDED = ResilienceSettings(
    retry=RetrySettings(attempts=1),
    breaker=BreakerSettings(failure_threshold=5, open_s=OPEN_S, probes=PROBES),
    max_running=20,
)
HOME = {"title": {"en-US": "Home"}}


def _fail(upstream: Upstream, path: str) -> None:
    upstream.set_limits([])
    upstream.set_latency(Latency(mean_s=0.02))
    upstream.inject(Fault(kind=FaultKind.STATUS, status=500, path=path, count=None))


async def _validate(
    upstream: Upstream, service: object, failing: ServiceOperation, succeeding: ServiceOperation
) -> None:
    tester = CircuitBreakerTester(
        dependency=upstream,
        open_s=OPEN_S,
        probes=PROBES,
        max_fail_fast_s=0.25,  # a busy machine holds one call in a hundred back for long
    )
    result = await tester.validate_circuit_breaker(service, failing, succeeding)
    result.require()
    _assert_details(result)


def _assert_details(result: CircuitBreakerResult) -> None:
    assert result.failures_until_open == 5
    assert result.upstream_hits_while_open == 0
    assert result.calls_while_open == result.rejected_while_open > 0
    assert 1 <= result.probes <= PROBES
    assert result.reopened
    assert result.closed_again
    assert result.concurrent_calls is not None
    assert result.concurrent_calls > 1


async def test_the_breaker_of_stripe(stripe_upstream: Upstream) -> None:
    _fail(stripe_upstream, "/v1/payment_intents")
    config = StripeConfig(api_key="sk_test_1", base_url=stripe_upstream.url, resilience=GUARDED)
    async with StripeService(config) as stripe:
        await _validate(
            stripe_upstream,
            stripe,
            lambda each: each.create_payment_intent(amount=5, currency="eur"),
            lambda each: each.create_customer(),
        )


async def test_the_breaker_of_contentful(contentful_upstream: Upstream) -> None:
    config = contentful_config(contentful_upstream.url, GUARDED)
    async with ContentfulService(config) as contentful:
        await contentful.create_entry("page", HOME, entry_id="home")
        await contentful.publish_entry("home", version=1)
        _fail(contentful_upstream, "/spaces/sp/environments/master/sync")
        await _validate(
            contentful_upstream,
            contentful,
            lambda each: each.sync(),
            lambda each: each.get_entry("home"),
        )


async def test_the_breaker_of_cloudinary(cloudinary_upstream: Upstream) -> None:
    with CloudinaryService(cloudinary_config(cloudinary_upstream.url, GUARDED)) as cloudinary:
        _fail(cloudinary_upstream, "/v1_1/demo/image/explicit")
        await _validate(
            cloudinary_upstream,
            cloudinary,
            lambda each: each.explicit("image0", eager=[]),
            lambda each: each.upload(b"an image", public_id="image0"),
        )
