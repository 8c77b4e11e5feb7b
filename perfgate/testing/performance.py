"""The base of performance tests: measure an operation alone, with others, or at a rate."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from perfgate.load import Clock, Closed, Model, Observer, Open
from perfgate.testing.measurement import Measurement
from perfgate.testing.memory import settled_rss_bytes
from perfgate.testing.operations import (
    Operation,
    opened,
    run_load,
    warm_up,
    without_collector,
)

__all__ = ["PerformanceTestBase", "growth_bytes", "measure"]


class PerformanceTestBase:
    """A plain class to derive test classes from; works with asyncio and trio.

    ::

        class TestCheckout(PerformanceTestBase):
            def create_service(self):
                return CheckoutService(url)

            async def test_twenty_at_once(self):
                async with self.service() as service:
                    measured = await self.measure_concurrent_operations(
                        "checkout", lambda: service.check_out(cart), concurrency=20, iterations=200
                    )
                measured.require("p95 < 500ms", "success_rate > 95%")

    Operations may be coroutine functions, functions that return something to await, or functions
    that block. The last run on threads, so they must be safe to call from several. A plain
    function is called at least once before it is measured, to see which of them it is.
    """

    clock: Clock | None = None
    """Replaces the real clock, for services that have a virtual one too."""

    def create_service(self) -> Any:
        """Return a new service, not opened yet."""
        raise NotImplementedError(f"{type(self).__name__} must say how to create its service")

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[Any]:
        """Open a new service for the length of a block."""
        async with opened(self.create_service()) as service:
            yield service

    async def measure_operation(
        self,
        name: str,
        operation: Operation,
        iterations: int = 10,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Measure an operation one at a time.

        Args:
            name: For messages.
            operation: What to measure.
            iterations: How often.
            warmup: How often before, uncounted.
            timeout_s: Of each; longer ones are cancelled and count as failures.
        """
        return await self.measure_concurrent_operations(
            name, operation, 1, iterations, warmup=warmup, timeout_s=timeout_s
        )

    async def measure_concurrent_operations(
        self,
        name: str,
        operation: Operation,
        concurrency: int = 5,
        iterations: int = 20,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Measure with so many under way at any moment: as one ends, the next begins."""
        model = Closed(concurrency=concurrency, operations=iterations, deadline_s=timeout_s)
        return await measure(name, operation, model, warmup=warmup, clock=self.clock)

    async def measure_arrival_rate(  # noqa: PLR0913 - four of them may only be named
        self,
        name: str,
        operation: Operation,
        rate_per_s: float,
        duration_s: float,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
        max_in_flight: int = 10_000,
        poisson_seed: int | None = None,
    ) -> Measurement:
        """Measure with so many arrivals per second, timed from when each was to start."""
        model = Open(
            rate_per_s=rate_per_s,
            duration_s=duration_s,
            deadline_s=timeout_s,
            max_in_flight=max_in_flight,
            poisson_seed=poisson_seed,
        )
        return await measure(name, operation, model, warmup=warmup, clock=self.clock)


async def measure(
    name: str,
    operation: Operation,
    model: Model,
    *,
    warmup: int,
    clock: Clock | None,
    observer: Observer | None = None,
) -> Measurement:
    """Warm an operation up, put the load on it, and see what memory it took."""
    is_async = await warm_up(operation, count=warmup, deadline_s=model.deadline_s, clock=clock)
    before_bytes = settled_rss_bytes()
    with without_collector():
        load = await run_load(operation, model, is_async=is_async, clock=clock, observer=observer)
    return Measurement(
        name=name, load=load, memory_growth_bytes=growth_bytes(before_bytes, settled_rss_bytes())
    )


def growth_bytes(before: int | None, after: int | None) -> int | None:
    """Return the difference; None where either is unknown."""
    return None if before is None or after is None else after - before
