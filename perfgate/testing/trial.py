"""Calls of one kind to a service at a rate, with what a limiter made of each."""

import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from perfgate.load import Clock, Closed, LoadResult, Model, Open, Outcome, classify
from perfgate.load.clock import timing_of
from perfgate.load.outcomes import outcome_of_result
from perfgate.load.unawaited import refuse_unawaited
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
        """By when the calls began, as a limiter that refuses sees them."""
        self.completions: list[Arrival] = []
        """By when they ended, as a limiter that makes them wait lets them through."""
        self._pending_s: dict[int, float] = {}
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
        # Shorter than a limiter takes to work off what it has held back.
        drain_s = 0.0 if self._clock is not None else duration_s / 10
        return await self._load(Open(rate_per_s=rate_per_s, duration_s=duration_s, drain_s=drain_s))

    async def once(self) -> None:
        """Make one call and wait until it ends, well or not."""
        await self._load(Closed(operations=1))

    async def _load(self, model: Model) -> LoadResult:
        if self._is_async is None:
            with refuse_unawaited(self._operation):
                self._is_async = await self._ask()
        call = self._call_async if self._is_async else self._call
        return await run_load(call, model, is_async=self._is_async, clock=self._clock)

    async def _ask(self) -> bool:
        """Make the first call, to see whether it must be awaited; it counts as any other."""
        call = self._begin()
        is_async = False
        try:
            result = self._operation(self._service)
            is_async = isinstance(result, Awaitable)
            if isinstance(result, Awaitable):
                result = await result
        except Exception as error:  # noqa: BLE001 - recorded with what it means
            self._raised(error, call)
        else:
            self._returned(result, call)
        return is_async

    async def _call_async(self) -> Any:
        call = self._begin()
        try:
            result = await self._operation(self._service)
        except Exception as error:
            self._raised(error, call)
            raise
        self._returned(result, call)
        return result

    def _call(self) -> Any:
        call = self._begin()
        try:
            result = self._operation(self._service)
        except Exception as error:
            self._raised(error, call)
            raise
        self._returned(result, call)
        return result

    def _begin(self) -> int:
        with self._lock:
            self.attempted += 1
            self._pending_s[self.attempted] = self.now_s()
            return self.attempted

    def _raised(self, error: Exception, call: int) -> None:
        wait_s = getattr(error, "retry_after_s", None)
        with self._lock:
            self._count(classify(error), call)
            if isinstance(wait_s, int | float):
                self.retry_after_s = max(self.retry_after_s or 0.0, float(wait_s))

    def _returned(self, result: object, call: int) -> None:
        with self._lock:
            self._count(Outcome.OK if result is None else outcome_of_result(result), call)

    def _count(self, outcome: Outcome, call: int) -> None:
        began_s = self._pending_s.pop(call)
        if outcome is Outcome.OK:
            self.allowed += 1
            self.arrivals.append(Arrival(at_s=began_s, is_allowed=True))
            self.completions.append(Arrival(at_s=self.now_s(), is_allowed=True))
        elif outcome in _REFUSED:
            self.refused += 1
            self.arrivals.append(Arrival(at_s=began_s, is_allowed=False))
        else:
            self.failed += 1

    def known_until_s(self) -> float:
        """Return until when it is known of each call that began whether it went through."""
        return min(self._pending_s.values(), default=self.now_s())

    def last_resumption_s(self) -> float | None:
        """Return when a call went through last after one that was refused; None for never."""
        found, was_refused = None, False
        for arrival in sorted(self.arrivals, key=lambda each: each.at_s):
            if arrival.is_allowed and was_refused:
                found = arrival.at_s
            was_refused = not arrival.is_allowed
        return found
