"""What a call waits for before it goes out: the server's own pause, each rate limit, a free place.

Within one limit a single caller waits for the window and the others for their turn, so nobody
is woken in vain and calls leave in the order in which they came.
"""

import threading
from collections.abc import Sequence

import anyio

from perfgate.services.clock import Clock
from perfgate.services.errors import BulkheadFullError, RateLimitError
from perfgate.services.limiter import ClientLimit, LimitWindow

__all__ = ["Bulkhead", "Gates"]


class _Gate:
    """One limit's window with the turns of those who wait for it."""

    def __init__(self, limit: ClientLimit) -> None:
        self.limit = limit
        self.window = LimitWindow(limit)
        self.turn = threading.Lock()
        self.turn_async = anyio.Lock(fast_acquire=True)


class Gates:
    """The pause that the server asked for, and the limits that it documents."""

    def __init__(
        self, service: str, *, limits: Sequence[ClientLimit], max_wait_s: float, clock: Clock
    ) -> None:
        self._service = service
        # The narrow ones first: what waits for its endpoint holds no place among all calls.
        self._limits = sorted(limits, key=lambda limit: not limit.is_per_endpoint)
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._paused_until_s = 0.0
        self._gates: dict[str, tuple[_Gate, ...]] = {}
        self._shared = {limit.name: _Gate(limit) for limit in limits if not limit.is_per_endpoint}
        self._lock = threading.Lock()

    def pause(self, seconds: float) -> None:
        """Let no call through for so long; a longer pause that holds already stays."""
        until_s = self._clock.monotonic_s() + seconds
        with self._lock:
            self._paused_until_s = max(self._paused_until_s, until_s)

    def enter(self, endpoint: str) -> None:
        """Wait until a call to the endpoint may go out.

        Raises:
            RateLimitError: that would take longer than anybody should wait.
        """
        for gate in self._gates_of(endpoint):
            with gate.turn:
                while (wait_s := self._wait_s(gate)) > 0:
                    self._clock.sleep(wait_s)
        # Again, for the server may have asked while this call waited.
        while (wait_s := self._pause_left_s()) > 0:
            self._clock.sleep(wait_s)

    async def enter_async(self, endpoint: str) -> None:
        """Wait as ``enter`` does, and let other tasks run."""
        for gate in self._gates_of(endpoint):
            async with gate.turn_async:
                while (wait_s := self._wait_s(gate)) > 0:
                    await self._clock.sleep_async(wait_s)
        while (wait_s := self._pause_left_s()) > 0:
            await self._clock.sleep_async(wait_s)

    def _gates_of(self, endpoint: str) -> tuple[_Gate, ...]:
        gates = self._gates.get(endpoint)
        if gates is None:
            with self._lock:
                gates = self._gates.setdefault(
                    endpoint,
                    tuple(self._shared.get(limit.name) or _Gate(limit) for limit in self._limits),
                )
        return gates

    def _wait_s(self, gate: _Gate) -> float:
        """Take one call from the limit: 0 if it is granted, else how long to wait."""
        # Nothing is granted in a pause, or all of it would go out at once afterwards.
        paused_s = self._pause_left_s()
        if paused_s > 0:
            return paused_s
        is_on_wall = gate.window.is_on_wall_clock
        now_s = self._clock.wall_s() if is_on_wall else self._clock.monotonic_s()
        limit = gate.limit
        return self._bearable(
            gate.window.take(now_s), f"{limit.name}, {limit.calls} in {limit.window_s:g} s"
        )

    def _pause_left_s(self) -> float:
        left_s = self._paused_until_s - self._clock.monotonic_s()
        return self._bearable(left_s, "the server asked for a pause")

    def _bearable(self, wait_s: float, cause: str) -> float:
        if wait_s > self._max_wait_s:
            raise RateLimitError(self._service, cause, retry_after_s=wait_s)
        return wait_s


class Bulkhead:
    """Bounds the calls that are under way, and those that wait to be."""

    def __init__(self, service: str, *, max_running: int, max_waiting: int) -> None:
        self._service = service
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._inside = 0
        self._lock = threading.Lock()
        self.places = threading.BoundedSemaphore(max_running)
        self.places_async = anyio.Semaphore(max_running, fast_acquire=True)

    def __enter__(self) -> None:
        with self._lock:
            if self._inside >= self._max_running + self._max_waiting:
                raise BulkheadFullError(
                    self._service, running=self._max_running, waiting=self._max_waiting
                )
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
