"""A clock whose time passes only when somebody sleeps: an hour's quota in a moment."""

import asyncio
import heapq
import itertools
from typing import Any, Final

import anyio.lowlevel

__all__ = ["VirtualClock"]

_YIELDS: Final = 20
"""How often a sleeper lets the others run before it believes that all of them sleep too, where
the event loop does not tell."""


class VirtualClock:
    """Time for one thread, or for the tasks of one event loop; fits services, testers, engines.

    The earliest sleeper is woken when everybody else has had the chance to run, so tasks that
    sleep at the same time do not add up. What waits for a real socket is not waited for.
    """

    def __init__(self, wall_s: float = 1_800_000_000.0) -> None:
        self.now_s = 1000.0
        self._wall_offset_s = wall_s - self.now_s
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self.slept_s: list[float] = []
        """How long each sleep was to be, in the order in which they began."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start."""
        return self.now_s

    def wall_s(self) -> float:
        """Seconds since 1970, UTC."""
        return self.now_s + self._wall_offset_s

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now_s += seconds

    def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.slept_s.append(seconds)
        self.now_s += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let others run, and so much time pass once they sleep too."""
        self.slept_s.append(seconds)
        me = (self.now_s + seconds, next(self._numbers))
        heapq.heappush(self._sleepers, me)
        try:
            while self.now_s < me[0]:
                await self._let_others_run()
                if self._sleepers[0] == me:
                    self.now_s = max(self.now_s, me[0])
        finally:
            self._sleepers.remove(me)
            heapq.heapify(self._sleepers)

    async def _let_others_run(self) -> None:
        for _ in range(_YIELDS):
            await anyio.lowlevel.checkpoint()
            if self._are_all_asleep():
                return

    def _are_all_asleep(self) -> bool:
        """Say whether only sleepers are ready to run; False where nobody can tell."""
        try:
            loop: Any = asyncio.get_running_loop()
        except RuntimeError:  # trio
            return False
        ready = getattr(loop, "_ready", None)  # asyncio's own loops have it since they exist
        return ready is not None and len(ready) < len(self._sleepers)
