"""Time as the services see it: read, slept and replaced by tests as one thing."""

import datetime as dt
import time
from typing import Protocol

import anyio

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """The time, and ways to let some of it pass."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start, never below 0; only differences mean something."""

    def wall_s(self) -> float:
        """Seconds since 1970, UTC."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""

    async def sleep_async(self, seconds: float) -> None:
        """Let other tasks run; seconds may be 0."""


class SystemClock:
    """The real clock."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since 1970, UTC."""
        return dt.datetime.now(dt.UTC).timestamp()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let other tasks run."""
        await anyio.sleep(seconds)
