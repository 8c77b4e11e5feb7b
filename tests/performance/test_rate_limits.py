"""The services at the limits of their APIs: what they hold back, what is refused, and to whom."""

import time

import pytest

from benchmarks.upstreams.clients import cloudinary_config, contentful_config
from perfgate.load import Outcome
from perfgate.services.cloudinary import CloudinaryService
from perfgate.services.contentful import ContentfulConfig, ContentfulService
from perfgate.services.errors import RateLimitError
from perfgate.services.limiter import ClientLimit, LimitKind
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.performance import PerformanceTestBase
from perfgate.testing.rate_limit import RateLimitResult, RateLimitTester
from perfgate.testing.upstream import LimitKind as UpstreamLimitKind
from perfgate.testing.upstream import LimitScope, RateLimit, Upstream
from perfgate.testing.verdict import LoadVerdict

pytestmark = [pytest.mark.performance, pytest.mark.anyio]

ONCE = RetrySettings(attempts=1)
HOME = {"title": {"en-US": "Home"}}
HOUR_S = 3600


def _require(result: RateLimitResult) -> None:
    """Require that the limiter is right; a machine too busy to tell is no fault and no pass."""
    assert result.within_expected_limit
    if result.verdict is LoadVerdict.INCONCLUSIVE:
        pytest.skip(f"inconclusive: {result.check.reason}")
    result.require()
    assert result.has_recovered


async def test_stripe_is_never_asked_more_than_its_sandbox_allows(
    stripe_upstream: Upstream,
) -> None:
    config = StripeConfig(api_key="sk_test_1", base_url=stripe_upstream.url)
    async with StripeService(config) as stripe:
        tester = RateLimitTester(hits=stripe_upstream.hits)
        result = await tester.validate_rate_limit(
            stripe, lambda each: each.create_customer(), 25, 1e3, windows=2
        )
    assert result.most_in_a_window <= 25
    assert stripe_upstream.statistics().limited == 0
    _require(result)
    assert result.is_delaying


async def test_stripe_refuses_one_key_and_serves_another(stripe_upstream: Upstream) -> None:
    stripe_upstream.set_limits(
        [RateLimit(name="global-rate", limit=25, scope=LimitScope.CREDENTIAL)]
    )
    unlimited = ResilienceSettings(retry=ONCE)
    url = stripe_upstream.url
    async with (
        StripeService(StripeConfig(api_key="sk_test_1", base_url=url, resilience=unlimited)) as one,
        StripeService(StripeConfig(api_key="sk_test_2", base_url=url, resilience=unlimited)) as two,
    ):
        tester = RateLimitTester(other_key=lambda _: two.create_customer())
        result = await tester.validate_rate_limit(
            one, lambda each: each.create_customer(), 25, 1e3, windows=2
        )
    assert result.is_isolated
    assert result.rate_limit_errors > 25
    assert stripe_upstream.statistics().limited == result.rate_limit_errors
    _require(result)


def _contentful(upstream: Upstream) -> ContentfulService:
    documented = ContentfulConfig(space="sp")
    return ContentfulService(
        contentful_config(upstream.url, documented.delivery, documented.management)
    )


async def test_contentful_is_never_asked_for_more_entries_than_a_second_holds(
    contentful_upstream: Upstream,
) -> None:
    async with _contentful(contentful_upstream) as contentful:
        await contentful.create_entry("page", HOME, entry_id="home")
        await contentful.publish_entry("home", version=1)
        contentful_upstream.forget()
        tester = RateLimitTester(hits=contentful_upstream.hits)
        result = await tester.validate_rate_limit(
            contentful, lambda each: each.get_entry("home"), 55, 1e3, windows=2
        )
    assert result.most_in_a_window <= 55
    assert contentful_upstream.statistics().limited == 0
    _require(result)


async def test_changes_at_their_limit_do_not_keep_contentful_from_delivering(
    contentful_upstream: Upstream,
) -> None:
    async with _contentful(contentful_upstream) as contentful:
        await contentful.create_entry("page", HOME, entry_id="home")
        await contentful.publish_entry("home", version=1)
        contentful_upstream.forget()
        tester = RateLimitTester(other_key=lambda each: each.get_entry("home"))
        result = await tester.validate_rate_limit(
            contentful, lambda each: each.create_entry("page", HOME), 7, 1e3, windows=2
        )
    assert result.is_isolated
    assert contentful_upstream.statistics().limited == 0
    _require(result)


@pytest.fixture
def hour(cloudinary_upstream: Upstream) -> Upstream:
    """Cloudinary at the begin of an hour of its clock, so that none ends during the test."""
    cloudinary_upstream.advance(HOUR_S - time.time() % HOUR_S + 1)
    return cloudinary_upstream


class TestQuotaOfCloudinary(PerformanceTestBase):
    async def test_the_quota_is_what_the_server_grants_and_420_ends_it(
        self, hour: Upstream
    ) -> None:
        unlimited = ResilienceSettings(retry=ONCE)
        config = cloudinary_config(hour.url, unlimited)
        with CloudinaryService(config) as cloudinary:
            measured = await self.measure_concurrent_operations(
                "list", cloudinary.list_resources, concurrency=10, iterations=560, warmup=1
            )
            seen = hour.statistics()
            assert measured.load.ok == 500 - 1  # the first was for warming up
            assert measured.load.failed == 560 - measured.load.ok
            refused = measured.load.count_of(Outcome.HTTP_429, Outcome.RATE_LIMITED)
            assert refused == measured.load.failed
            # Who was under way met the 420; nobody else asked again.
            assert 1 <= seen.limited <= 10
            assert seen.by_status[420] == seen.limited
            with pytest.raises(RateLimitError, match="rate limit") as caught:
                cloudinary.list_resources()
            assert caught.value.retry_after_s is not None
            assert caught.value.retry_after_s > HOUR_S / 2
            assert hour.statistics().hits == seen.hits
        hour.advance(HOUR_S)
        with CloudinaryService(config) as recovered:
            assert recovered.list_resources().resources == ()

    async def test_a_client_that_counts_never_meets_a_420(
        self, cloudinary_upstream: Upstream
    ) -> None:
        limits = (ClientLimit(name="hour", calls=20, kind=LimitKind.ALIGNED),)
        cloudinary_upstream.set_limits(
            [RateLimit(name="hour", limit=20, kind=UpstreamLimitKind.FIXED)]
        )
        counting = ResilienceSettings(retry=ONCE, limits=limits, max_pause_s=0.0)
        config = cloudinary_config(cloudinary_upstream.url, counting)
        with CloudinaryService(config) as cloudinary:
            # A window of the wall clock lets as many through again at its edge.
            result = await RateLimitTester().validate_rate_limit(
                cloudinary, lambda each: each.list_resources(), 20, 1e3, burst=20, windows=2
            )
        assert result.rate_limit_errors > 20
        _require(result)
