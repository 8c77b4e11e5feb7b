"""Durations that are drawn from a law and pass on a virtual clock."""

import random
from collections.abc import Awaitable, Callable

from tests.services.fake_clock import FakeClock

__all__ = ["exponential"]


def exponential(clock: FakeClock, *, mean_s: float, seed: int) -> Callable[[], Awaitable[None]]:
    source = random.Random(seed)

    async def operation() -> None:
        await clock.sleep_async(source.expovariate(1 / mean_s))

    return operation
