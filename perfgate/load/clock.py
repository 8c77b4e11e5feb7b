"""Time as the engines see it: the real one in nanoseconds, or a test's in no time at all."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

__all__ = ["Clock", "Timing", "timing_of"]

_NS = 1_000_000_000


class Clock(Protocol):
    """A clock that a test may let run as it likes; those of perfgate.services fit."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""

    async def sleep_async(self, seconds: float) -> None:
        """Let other tasks run."""


class Timing:
    """What an engine needs of a clock, as plain functions: a loop of 0.4 us counts each lookup."""

    def __init__(
        self,
        *,
        now_ns: Callable[[], int],
        sleep: Callable[[float], object],
        sleep_async: Callable[[float], Awaitable[object]],
        is_real: bool,
    ) -> None:
        self.now_ns = now_ns
        self.sleep = sleep
        self.sleep_async = sleep_async
        self.is_real = is_real


_REAL = Timing(now_ns=time.perf_counter_ns, sleep=time.sleep, sleep_async=anyio.sleep, is_real=True)


def timing_of(clock: Clock | None) -> Timing:
    """Return the timing of a clock; of the real one, at its full resolution, for None."""
    if clock is None:
        return _REAL
    read_s = clock.monotonic_s
    return Timing(
        now_ns=lambda: round(read_s() * _NS),
        sleep=clock.sleep,
        sleep_async=clock.sleep_async,
        is_real=False,
    )
