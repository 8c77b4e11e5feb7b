"""A clock whose time passes only when somebody sleeps: an hour's quota in a moment."""

import asyncio
import heapq
import itertools
from typing import Any, Final

import anyio
import anyio.lowlevel

__all__ = ["VirtualClock"]

_YIELDS: Final = 20
"""How often the others get to run before they count as asleep, where the event loop does not
tell. A call through a retry, a breaker, a limiter and a bulkhead yields three times."""


class VirtualClock:
    """Time for one thread, or for the tasks of one event loop; fits services, testers, engines.

    The earliest sleepers are woken when everybody else has had the chance to run, so tasks that
    sleep at the same time do not add up. What waits for a real socket is not waited for.
    """

    def __init__(self, wall_s: float = 1_800_000_000.0) -> None:
        self.now_s = 1000.0
        self._wall_offset_s = wall_s - self.now_s
        self._sleepers: list[tuple[float, int, _Sleeper]] = []
        self._numbers = itertools.count()
        self._has_driver = False
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
        me = _Sleeper()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._numbers), me))
        try:
            while me.is_asleep:
                if self._has_driver:
                    await me.event.wait()
                    me.event = anyio.Event()
                else:
                    await self._drive(me)
        finally:
            me.is_asleep = False
            self._hand_over()

    async def _drive(self, me: "_Sleeper") -> None:
        """Wake sleepers, one moment after the other, until it is this one's turn."""
        self._has_driver = True
        try:
            while me.is_asleep:
                await _let_others_run()
                self._wake_earliest()
        finally:
            self._has_driver = False

    def _wake_earliest(self) -> None:
        """Move on to the next time that anybody waits for, and wake all who do."""
        self._drop_cancelled()
        self.now_s = max(self.now_s, self._sleepers[0][0])
        while self._sleepers and self._sleepers[0][0] <= self.now_s:
            _, _, sleeper = heapq.heappop(self._sleepers)
            sleeper.is_asleep = False
            sleeper.event.set()

    def _hand_over(self) -> None:
        """Let another sleeper wake the rest, where nobody does."""
        self._drop_cancelled()
        if self._sleepers and not self._has_driver:
            self._sleepers[0][2].event.set()

    def _drop_cancelled(self) -> None:
        while self._sleepers and not self._sleepers[0][2].is_asleep:
            heapq.heappop(self._sleepers)


class _Sleeper:
    """Somebody who waits for a time, or to be asked to wake the others."""

    __slots__ = ("event", "is_asleep")

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.is_asleep = True


async def _let_others_run() -> None:
    for _ in range(_YIELDS):
        await anyio.lowlevel.checkpoint()
        if _is_nobody_ready():
            return


def _is_nobody_ready() -> bool:
    """Say whether no other task could run now; False where nobody can tell."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:  # trio
        return False
    # asyncio's own loops have it since they exist
    return getattr(loop, "_ready", None) is not None and not loop._ready  # noqa: SLF001
