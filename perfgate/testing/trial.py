"""Calls of one kind to a service at a rate, with what a limiter made of each."""

import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from perfgate.load import Clock, LoadResult, Open, Outcome, classify
from perfgate.load.clock import timing_of
from perfgate.load.outcomes import outcome_of_result
from perfgate.testing.arrivals import Arrival
from perfgate.testing.operations import is_awaited, run_load

__all__ = ["ServiceOperation", "Trial"]

ServiceOperation = Callable[[Any], Any]
"""Takes the service; what it returns is awaited if it can be."""

_REFUSED: Final = frozenset({Outcome.RATE_LIMITED, Outcome.HTTP_429})
_NS: Final = 1e9


class Trial:
    """The calls of one test; its times are ``time.monotonic()``'s where no clock is given."""

    def __init__(self, service: Any, operation: ServiceOperation, *, clock: Clock | None) -> None:
        self._service = service
        self._operation = operation
        self._clock = clock
        self._timing = timing_of(clock)
        self._lock = threading.Lock()
        self._is_async = True if is_awaited(operation) else None
        self.arrivals: list[Arrival] = []
        self.allowed = 0
        self.refused = 0
        self.failed = 0
        self.attempted = 0
        self.retry_after_s: float | None = None

    def now_s(self) -> float:
        """Return the time on the clock of the test."""
        return self._timing.now_ns() / _NS

    async def sleep_until(self, at_s: float) -> None:
        """Let time pass until then; nothing if it is past."""
        left_s = at_s - self.now_s()
        if left_s > 0:
            await self._timing.sleep_async(left_s)

    async def offer(self, rate_per_s: float, duration_s: float) -> LoadResult:
        """Offer calls at a rate; those that still wait at the end are given up."""
        model = Open(
            rate_per_s=rate_per_s,
            duration_s=duration_s,
            drain_s=0.0 if self._clock is not None else min(1.0, duration_s / 10),
        )
        if self._is_async is None:
            self._is_async = await self._ask()
        call = self._call_async if self._is_async else self._call
        return await run_load(call, model, is_async=self._is_async, clock=self._clock)

    async def _ask(self) -> bool:
        """Make the first call, to see whether it must be awaited; it counts as any other."""
        began_s = self.now_s()
        try:
            result = self._operation(self._service)
            if not isinstance(result, Awaitable):
                self._returned(result, began_s)
                return False
            self._returned(await result, began_s)
        except Exception as error:  # noqa: BLE001 - recorded with what it means
            self._raised(error, began_s)
            return False
        return True

    async def _call_async(self) -> Any:
        began_s = self.now_s()
        self.attempted += 1
        try:
            result = await self._operation(self._service)
        except Exception as error:
            self._raised(error, began_s)
            raise
        self._returned(result, began_s)
        return result

    def _call(self) -> Any:
        began_s = self.now_s()
        with self._lock:
            self.attempted += 1
        try:
            result = self._operation(self._service)
        except Exception as error:
            with self._lock:
                self._raised(error, began_s)
            raise
        with self._lock:
            self._returned(result, began_s)
        return result

    def _raised(self, error: Exception, began_s: float) -> None:
        self._count(classify(error), began_s)
        wait_s = getattr(error, "retry_after_s", None)
        if isinstance(wait_s, int | float):
            self.retry_after_s = max(self.retry_after_s or 0.0, float(wait_s))

    def _returned(self, result: object, began_s: float) -> None:
        self._count(Outcome.OK if result is None else outcome_of_result(result), began_s)

    def _count(self, outcome: Outcome, began_s: float) -> None:
        if outcome is Outcome.OK:
            self.allowed += 1
            # A client that holds calls back lets them through when they end, not when they begin.
            self.arrivals.append(Arrival(at_s=self.now_s(), is_allowed=True))
        elif outcome in _REFUSED:
            self.refused += 1
            self.arrivals.append(Arrival(at_s=began_s, is_allowed=False))
        else:
            self.failed += 1

    def last_resumption_s(self) -> float | None:
        """Return when a call went through last after one that was refused; None for never."""
        found, was_refused = None, False
        for arrival in self.arrivals:
            if arrival.is_allowed and was_refused:
                found = arrival.at_s
            was_refused = not arrival.is_allowed
        return found
