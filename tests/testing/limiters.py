"""Limiters, right and wrong, as a service would have them: they refuse, or make calls wait."""

import math
from collections import deque

import anyio.lowlevel

from tests.services.fake_clock import FakeClock

__all__ = [
    "Bucket",
    "ByTheClock",
    "Delaying",
    "Limiter",
    "Nothing",
    "RateLimitError",
    "Rolling",
    "SinceFirstCall",
    "Stuck",
]


class RateLimitError(Exception):
    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("rate limit exceeded")


class Limiter:
    """A service that refuses what its limiter does not take."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        self.clock = clock
        self.limit = limit
        self.window_s = window_s

    def takes(self, now_s: float) -> bool:
        raise NotImplementedError

    async def call(self) -> None:
        await anyio.lowlevel.checkpoint()
        if not self.takes(self.clock.monotonic_s()):
            raise RateLimitError(self.window_s)


class Rolling(Limiter):
    """Right: at most so many in any window."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._taken: deque[float] = deque()

    def takes(self, now_s: float) -> bool:
        while self._taken and self._taken[0] <= now_s - self.window_s:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now_s)
        return True


class Bucket(Limiter):
    """Right, with a burst of its size on top."""

    size = 20

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._tokens = float(self.size)
        self._at_s = clock.monotonic_s()

    def takes(self, now_s: float) -> bool:
        refill = (now_s - self._at_s) * self.limit / self.window_s
        self._tokens = min(self.size, self._tokens + refill)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class ByTheClock(Limiter):
    """Wrong: counts anew with each window of the clock, so doubles at the edge."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._window = -1
        self._count = 0

    def takes(self, now_s: float) -> bool:
        window = math.floor(now_s / self.window_s)
        if window != self._window:
            self._window, self._count = window, 0
        self._count += 1
        return self._count <= self.limit


class SinceFirstCall(Limiter):
    """Wrong: counts anew with the first call after a window, so doubles at the edge."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._until_s = -math.inf
        self._count = 0

    def takes(self, now_s: float) -> bool:
        if now_s >= self._until_s:
            self._until_s, self._count = now_s + self.window_s, 0
        self._count += 1
        return self._count <= self.limit


class Nothing(Limiter):
    """Wrong: takes everything."""

    def takes(self, now_s: float) -> bool:
        del now_s
        return True


class Stuck(Rolling):
    """Wrong: what was refused counts too, and a refusal lasts for ten windows."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._until_s = -math.inf

    def takes(self, now_s: float) -> bool:
        if now_s < self._until_s:
            return False
        if super().takes(now_s):
            return True
        self._until_s = now_s + 10 * self.window_s
        return False


class Delaying(Limiter):
    """Right: makes calls wait for their turn instead of refusing them."""

    def __init__(self, clock: FakeClock, limit: int, window_s: float) -> None:
        super().__init__(clock, limit, window_s)
        self._lock = anyio.Lock()
        self._next_s = clock.monotonic_s()

    async def call(self) -> None:
        async with self._lock:
            await self.clock.sleep_async(max(0.0, self._next_s - self.clock.monotonic_s()))
            self._next_s = self.clock.monotonic_s() + self.window_s / self.limit
