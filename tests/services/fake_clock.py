"""A clock whose time passes only when somebody sleeps."""

import heapq
import itertools

import anyio.lowlevel

__all__ = ["FakeClock"]

YIELDS = 20
"""How often a sleeper lets the others run before it believes that all of them sleep too."""


class FakeClock:
    """Time for one thread, or for the tasks of one event loop.

    The earliest sleeper is woken when everybody else has had the chance to run, so tasks that
    sleep at the same time do not add up.
    """

    def __init__(self, wall_s: float = 1_800_000_000.0) -> None:
        self.now_s = 1000.0
        self._wall_offset_s = wall_s - self.now_s
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self.slept_s: list[float] = []

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s + self._wall_offset_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        me = (self.now_s + seconds, next(self._numbers))
        heapq.heappush(self._sleepers, me)
        try:
            while self.now_s < me[0]:
                for _ in range(YIELDS):
                    await anyio.lowlevel.checkpoint()
                if self._sleepers[0] == me:
                    self.now_s = max(self.now_s, me[0])
        finally:
            self._sleepers.remove(me)
            heapq.heapify(self._sleepers)
