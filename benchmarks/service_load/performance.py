"""Loads on each service, alone, at once and at a rate, held against the original targets."""

import itertools
from collections.abc import Callable
from typing import Any

from benchmarks.upstreams.clients import cloudinary_config, contentful_config
from perfgate.load import Closed, Model, Open
from perfgate.services.cloudinary import CloudinaryService
from perfgate.services.contentful import ContentfulService
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.load_report import LoadReport, Reported
from perfgate.testing.operations import Operation
from perfgate.testing.performance import measure
from perfgate.testing.upstream import Latency, LatencyShape, start_upstream

__all__ = ["PerformanceBenchmark"]

TARGETS = ("mean < 2s", "success_rate > 95%", "memory_growth < 50MB")
PAYMENTS = (*TARGETS, "ops_per_s > 5")
LATENCY = Latency(mean_s=0.03, shape=LatencyShape.LOGNORMAL, sigma=0.5)
"""About what an API over the internet takes at its best."""
_UNLIMITED = ResilienceSettings()
_WARM_UP = 3
_IMAGE = b"an image" * 1000


class PerformanceBenchmark:
    """Measures one service after the other.

    Args:
        scale: Multiplies how many operations are measured; 1 takes about 20 s.
        say: Is told what is being measured.
    """

    def __init__(self, *, scale: float, say: Callable[[str], None]) -> None:
        self._scale = scale
        self._say = say
        self._entries: list[Reported] = []

    async def run(self) -> LoadReport:
        """Measure all services."""
        await self.benchmark_stripe_service()
        await self.benchmark_contentful_service()
        await self.benchmark_cloudinary_service()
        return self.generate_report()

    def generate_report(self) -> LoadReport:
        """Return what was measured so far; it becomes text, Markdown or JSON."""
        return LoadReport(entries=tuple(self._entries))

    async def benchmark_stripe_service(self) -> None:
        """Measure customers and payments."""
        with start_upstream(
            "benchmarks.upstreams.stripe:create", limits=(), latency=LATENCY
        ) as upstream:
            config = StripeConfig(api_key="sk_test_1", base_url=upstream.url, resilience=_UNLIMITED)
            async with StripeService(config) as stripe:
                customer = await stripe.create_customer(email="ann@example.org")

                async def pay() -> None:
                    intent = await stripe.create_payment_intent(
                        amount=1999, currency="eur", payment_method="pm_card_visa"
                    )
                    confirmed = await stripe.confirm_payment_intent(intent.id)
                    assert confirmed.status == "succeeded"

                await self._alone(
                    "stripe", "get customer", lambda: stripe.get_customer(customer.id)
                )
                await self._at_once("stripe", "payment", pay, limits=PAYMENTS)
                await self._at_a_rate("stripe", "payment", pay, limits=PAYMENTS)

    async def benchmark_contentful_service(self) -> None:
        """Measure entries that are read, queried and written."""
        with start_upstream(
            "benchmarks.upstreams.contentful:create",
            options={"job_s": 0.0},
            limits=(),
            latency=LATENCY,
        ) as upstream:
            async with ContentfulService(contentful_config(upstream.url, _UNLIMITED)) as contentful:
                home = {"title": {"en-US": "Home"}}
                await contentful.create_entry("page", home, entry_id="home")
                await contentful.publish_entry("home", version=1)
                await self._alone(
                    "contentful", "query", lambda: contentful.query_entries(content_type="page")
                )
                await self._at_once("contentful", "get entry", lambda: contentful.get_entry("home"))
                await self._at_a_rate(
                    "contentful", "create entry", lambda: contentful.create_entry("page", home)
                )

    async def benchmark_cloudinary_service(self) -> None:
        """Measure uploads and lists, on threads: this service blocks."""
        application = "benchmarks.upstreams.cloudinary:create"
        with (
            start_upstream(application, limits=(), latency=LATENCY) as upstream,
            CloudinaryService(cloudinary_config(upstream.url, _UNLIMITED)) as cloudinary,
        ):
            numbers = itertools.count()

            def upload() -> None:
                cloudinary.upload(_IMAGE, public_id=f"image{next(numbers) % 50}")

            await self._alone("cloudinary", "list", cloudinary.list_resources)
            await self._at_once("cloudinary", "upload", upload)
            await self._at_a_rate("cloudinary", "upload", upload)

    async def _alone(self, service: str, name: str, operation: Operation) -> None:
        model = Closed(operations=self._count(100), deadline_s=5.0)
        await self._measure(service, f"{name}, one at a time", operation, model, TARGETS)

    async def _at_once(
        self, service: str, name: str, operation: Operation, *, limits: tuple[str, ...] = TARGETS
    ) -> None:
        model = Closed(concurrency=10, operations=self._count(300), deadline_s=5.0)
        await self._measure(service, f"{name}, ten at once", operation, model, limits)

    async def _at_a_rate(
        self, service: str, name: str, operation: Operation, *, limits: tuple[str, ...] = TARGETS
    ) -> None:
        model = Open(rate_per_s=20.0, duration_s=max(0.5, 4 * self._scale), deadline_s=5.0)
        await self._measure(service, f"{name}, 20/s", operation, model, limits)

    async def _measure(
        self, service: str, name: str, operation: Any, model: Model, limits: tuple[str, ...]
    ) -> None:
        self._say(f"{service}: {name}")
        measurement = await measure(name, operation, model, warmup=_WARM_UP, clock=None)
        self._entries.append(Reported(service=service, measurement=measurement, limits=limits))

    def _count(self, operations: int) -> int:
        return max(10, round(operations * self._scale))
