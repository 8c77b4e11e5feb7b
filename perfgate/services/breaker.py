"""The circuit breaker: our own interface, and interlock-cb behind it.

interlock-cb is young and of one maintainer; nothing outside this module knows its names.
"""

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import interlock

from perfgate.services.clock import Clock
from perfgate.services.errors import BulkheadFullError, CircuitOpenError, ServiceError

__all__ = ["Breaker", "BreakerSettings", "BreakerState", "InterlockBreaker"]

_T = TypeVar("_T")
_NEVER_SLOW_S = 1e9


class BreakerState(enum.Enum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and how it closes again."""

    failure_threshold: int = 5
    """Calls that must have been counted before it may open."""
    failure_rate: float = 0.5
    """Opens when this share of the last ``window_calls`` failed."""
    window_calls: int = 20
    open_s: float = 30.0
    """How long nothing goes through."""
    probes: int = 2
    """Calls that are let through half-open, one after the other; all must do for it to close."""


class Breaker(Protocol):
    """Stops calls to a service that is failing."""

    @property
    def state(self) -> BreakerState:
        """What it would do with a call now."""

    def call(self, operation: Callable[[], _T]) -> _T:
        """Call the operation, or raise CircuitOpenError without calling it."""

    async def call_async(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        """Await the operation, or raise CircuitOpenError without calling it."""


class _OutagesFail:
    """Counts what speaks against the service's health: no refusals, conflicts or limits."""

    def is_failure(self, *, result: object, exception: Exception | None) -> bool:  # noqa: ARG002 - interlock's protocol
        if isinstance(exception, ServiceError):
            return exception.is_outage
        return exception is not None


class _InterlockClock:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic_s()


class InterlockBreaker:
    """A breaker that opens by failure rate and probes with one call at a time."""

    def __init__(self, service: str, *, settings: BreakerSettings, clock: Clock) -> None:
        self._service = service
        self._breaker = interlock.CircuitBreaker(
            name=service,
            config=interlock.Config(
                failure_rate_threshold=settings.failure_rate,
                minimum_number_of_calls=settings.failure_threshold,
                window_size=max(settings.window_calls, settings.failure_threshold),
                permitted_calls_in_half_open=settings.probes,
                max_concurrent_probes=1,
                wait_duration_in_open=settings.open_s,
                # The wait for a rate limit is inside the breaker and no sign of illness.
                slow_call_duration_threshold=_NEVER_SLOW_S,
            ),
            clock=_InterlockClock(clock),
            classifier=_OutagesFail(),
            unreachable_exceptions=(BulkheadFullError,),
        )

    @property
    def state(self) -> BreakerState:
        """What it would do with a call now; open until a call after the wait makes it half-open."""
        return _STATES[self._breaker.state]

    def call(self, operation: Callable[[], _T]) -> _T:
        """Call the operation.

        Raises:
            CircuitOpenError: it was not called.
        """
        try:
            return self._breaker.call_sync(operation)
        except interlock.CircuitOpenError as error:
            raise CircuitOpenError(self._service, retry_after_s=error.retry_after) from None

    async def call_async(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        """Await the operation.

        Raises:
            CircuitOpenError: it was not called.
        """
        try:
            return await self._breaker.call_async(operation)
        except interlock.CircuitOpenError as error:
            raise CircuitOpenError(self._service, retry_after_s=error.retry_after) from None


_STATES = {
    interlock.State.CLOSED: BreakerState.CLOSED,
    interlock.State.OPEN: BreakerState.OPEN,
    interlock.State.HALF_OPEN: BreakerState.HALF_OPEN,
}
