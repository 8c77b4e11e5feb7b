"""Does the engine see what is there? Concurrency, a stall, and a limit, next to the batch."""

import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks.load.patterns import batches
from perfgate.load import Closed, LoadResult, Open, run_async
from perfgate.testing.rate_limit import RateLimitResult, RateLimitTester

__all__ = ["Batch", "batch_against_limiter", "batch_concurrency", "concurrency", "limit", "stall"]

CONCURRENCY = 50
_MEAN_S = 0.02


class _Exponential:
    def __init__(self) -> None:
        self._source = random.Random(1)
        self.busy_s = 0.0

    async def __call__(self) -> None:
        began_s = time.perf_counter()
        await asyncio.sleep(self._source.expovariate(1 / _MEAN_S))
        self.busy_s += time.perf_counter() - began_s


async def concurrency() -> LoadResult:
    return await run_async(_Exponential(), Closed(concurrency=CONCURRENCY, operations=5_000))


async def batch_concurrency() -> float:
    operation = _Exponential()
    began_s = time.perf_counter()
    await batches(operation, CONCURRENCY, 1_500)
    return operation.busy_s / (time.perf_counter() - began_s)


async def stall() -> LoadResult:
    """Stall for one second of five, at 100 arrivals a second."""
    began_s = time.perf_counter()

    async def operation() -> None:
        at_s = time.perf_counter() - began_s
        await asyncio.sleep(3 - at_s if 2 <= at_s < 3 else 0.001)

    return await run_async(operation, Open(rate_per_s=100, duration_s=5))


class RateLimitError(Exception):
    """What the service below raises."""


class LimitedService:
    """A token bucket of 100/s with a burst of 20, in front of some 50 ms of work."""

    rate_per_s = 100.0
    burst = 20

    def __init__(self) -> None:
        self._source = random.Random(1)
        self._tokens = float(self.burst)
        self._at_s = time.monotonic()
        self.allowed = 0
        self.refused = 0

    async def call(self) -> None:
        now_s = time.monotonic()
        refill = (now_s - self._at_s) * self.rate_per_s
        self._tokens, self._at_s = min(self.burst, self._tokens + refill), now_s
        if self._tokens < 1:
            self.refused += 1
            raise RateLimitError("rate limit exceeded")
        self._tokens -= 1
        self.allowed += 1
        await asyncio.sleep(0.05 * self._source.lognormvariate(0, 0.8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What batches see of the limiter."""

    offered_per_s: float
    refused: int


async def batch_against_limiter() -> Batch:
    service = LimitedService()
    began_s = time.perf_counter()
    await batches(service.call, 10, 300)
    return Batch(offered_per_s=300 / (time.perf_counter() - began_s), refused=service.refused)


async def limit() -> RateLimitResult:
    tester = RateLimitTester()
    service = LimitedService()
    return await tester.validate_rate_limit(
        service, lambda each: each.call(), 100, 1_000, burst=service.burst
    )
