"""Each service under load, alone, at once and at a rate: the targets of a payment page."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from benchmarks.upstreams.clients import cloudinary_config, contentful_config
from perfgate.services.cloudinary import CloudinaryService
from perfgate.services.contentful import ContentfulService
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.measurement import Measurement
from perfgate.testing.memory import assert_no_leak, assert_no_leak_async
from perfgate.testing.performance import PerformanceTestBase
from perfgate.testing.upstream import Fault, FaultKind, Latency, LatencyShape, Upstream
from perfgate.testing.verdict import LoadVerdict

pytestmark = [pytest.mark.performance, pytest.mark.anyio]

TARGETS = ("mean < 2s", "success_rate > 95%", "memory_growth < 50MB")
PAYMENTS = (*TARGETS, "ops_per_s > 5")
UNLIMITED = ResilienceSettings()
LATENCY = Latency(mean_s=0.03, shape=LatencyShape.LOGNORMAL, sigma=0.5)
IMAGE = b"an image" * 1000
HOME = {"title": {"en-US": "Home"}}
LEAK_BATCH = 25
"""Operations of a batch: one object that each leaves behind would show."""


async def _required(measure: Callable[[], Awaitable[Measurement]], *limits: str) -> None:
    """Measure, once more where the numbers cannot be trusted, and require the targets of them.

    A machine that others keep busy starts operations late; that is no fault of the service, and
    no pass either.
    """
    check = (await measure()).check(*limits)
    if check.verdict is LoadVerdict.INCONCLUSIVE:
        check = (await measure()).check(*limits)
    if check.verdict is LoadVerdict.INCONCLUSIVE:
        pytest.skip(f"inconclusive: {check.reason}")
    check.require()


def _as_over_the_internet(upstream: Upstream) -> Upstream:
    upstream.set_limits([])
    upstream.set_latency(LATENCY)
    return upstream


class TestStripe(PerformanceTestBase):
    @pytest.fixture(autouse=True)
    def _upstream(self, stripe_upstream: Upstream) -> None:
        self.upstream = _as_over_the_internet(stripe_upstream)

    def create_service(self) -> StripeService:
        url = self.upstream.url
        return StripeService(StripeConfig(api_key="sk_test_1", base_url=url, resilience=UNLIMITED))

    @pytest.fixture
    async def stripe(self) -> AsyncIterator[StripeService]:
        async with self.service() as service:
            yield service

    @staticmethod
    async def _pay(stripe: StripeService) -> None:
        intent = await stripe.create_payment_intent(
            amount=1999, currency="eur", payment_method="pm_card_visa"
        )
        confirmed = await stripe.confirm_payment_intent(intent.id)
        assert confirmed.status == "succeeded"

    async def test_a_customer_is_read_in_time(self, stripe: StripeService) -> None:
        customer = await stripe.create_customer(email="ann@example.org")
        await _required(
            lambda: self.measure_operation(
                "get customer", lambda: stripe.get_customer(customer.id), iterations=40
            ),
            *TARGETS,
            "p90 < 1s",
        )

    @pytest.mark.parametrize("concurrency", [10, 16])
    async def test_payments_at_once(self, stripe: StripeService, concurrency: int) -> None:
        await _required(
            lambda: self.measure_concurrent_operations(
                "payment", lambda: self._pay(stripe), concurrency=concurrency, iterations=200
            ),
            *PAYMENTS,
            "p95 < 2s",
        )

    async def test_payments_arrive_at_random_as_visitors_do(self, stripe: StripeService) -> None:
        await _required(
            lambda: self.measure_arrival_rate(
                "payment", lambda: self._pay(stripe), rate_per_s=40, duration_s=2, poisson_seed=1
            ),
            *PAYMENTS,
            "p95 < 2s",
            "dropped < 1",
        )

    async def test_every_payment_is_made_once_although_answers_are_lost(
        self, stripe: StripeService
    ) -> None:
        self.upstream.inject(
            *(
                Fault(kind=FaultKind.RESET, method="POST", after=after, applies=True)
                for after in range(10, 100, 15)  # so few at a time that no breaker opens
            )
        )

        async def pay() -> None:
            await self._pay(stripe)

        measured = await self.measure_concurrent_operations(
            "payment", pay, concurrency=10, iterations=60, warmup=0
        )
        assert measured.success_rate_percent == 100
        assert self.upstream.statistics().faults == 6
        assert self.upstream.inspect()["payment_intents"] == 60

    async def test_reading_leaves_nothing_behind(self, stripe: StripeService) -> None:
        self.upstream.set_latency(None)
        customer = await stripe.create_customer()
        await assert_no_leak_async(lambda: stripe.get_customer(customer.id), operations=LEAK_BATCH)


class TestContentful(PerformanceTestBase):
    @pytest.fixture(autouse=True)
    def _upstream(self, contentful_upstream: Upstream) -> None:
        self.upstream = _as_over_the_internet(contentful_upstream)

    def create_service(self) -> ContentfulService:
        return ContentfulService(contentful_config(self.upstream.url, UNLIMITED))

    @pytest.fixture
    async def contentful(self) -> AsyncIterator[ContentfulService]:
        async with self.service() as service:
            await service.create_entry("page", HOME, entry_id="home")
            await service.publish_entry("home", version=1)
            yield service

    async def test_a_query_is_answered_in_time(self, contentful: ContentfulService) -> None:
        await _required(
            lambda: self.measure_operation(
                "query", lambda: contentful.query_entries(content_type="page"), iterations=40
            ),
            *TARGETS,
            "p90 < 1s",
        )

    async def test_entries_are_read_at_once(self, contentful: ContentfulService) -> None:
        await _required(
            lambda: self.measure_concurrent_operations(
                "get entry", lambda: contentful.get_entry("home"), concurrency=12, iterations=300
            ),
            *TARGETS,
            "p95 < 2s",
        )

    async def test_entries_are_written_at_a_rate(self, contentful: ContentfulService) -> None:
        await _required(
            lambda: self.measure_arrival_rate(
                "create entry",
                lambda: contentful.create_entry("page", HOME),
                rate_per_s=40,
                duration_s=2,
            ),
            *TARGETS,
            "p95 < 2s",
            "dropped < 1",
        )

    async def test_reading_leaves_nothing_behind(self, contentful: ContentfulService) -> None:
        self.upstream.set_latency(None)
        await assert_no_leak_async(lambda: contentful.get_entry("home"), operations=LEAK_BATCH)


class TestCloudinary(PerformanceTestBase):
    """Its client blocks: the same measurements, on threads."""

    @pytest.fixture(autouse=True)
    def _upstream(self, cloudinary_upstream: Upstream) -> None:
        self.upstream = _as_over_the_internet(cloudinary_upstream)

    def create_service(self) -> CloudinaryService:
        return CloudinaryService(cloudinary_config(self.upstream.url, UNLIMITED))

    @pytest.fixture
    def cloudinary(self) -> Iterator[CloudinaryService]:
        with self.create_service() as service:
            service.upload(IMAGE, public_id="image0")
            yield service

    async def test_a_list_is_read_in_time(self, cloudinary: CloudinaryService) -> None:
        await _required(
            lambda: self.measure_operation("list", cloudinary.list_resources, iterations=40),
            *TARGETS,
            "p90 < 1s",
        )

    async def test_images_are_uploaded_at_once(self, cloudinary: CloudinaryService) -> None:
        numbers = itertools.count()

        def upload() -> None:
            image = cloudinary.upload(IMAGE, public_id=f"image{next(numbers) % 50}")
            assert image.size_bytes == len(IMAGE)

        await _required(
            lambda: self.measure_concurrent_operations(
                "upload", upload, concurrency=10, iterations=200
            ),
            *TARGETS,
            "p95 < 2s",
        )

    async def test_lists_are_read_at_a_rate(self, cloudinary: CloudinaryService) -> None:
        await _required(
            lambda: self.measure_arrival_rate(
                "list", cloudinary.list_resources, rate_per_s=40, duration_s=2
            ),
            *TARGETS,
            "p95 < 2s",
            "dropped < 1",
        )

    def test_reading_leaves_nothing_behind(self, cloudinary: CloudinaryService) -> None:
        self.upstream.set_latency(None)
        assert_no_leak(cloudinary.list_resources, operations=LEAK_BATCH)
