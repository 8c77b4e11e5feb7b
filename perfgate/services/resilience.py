"""How a service is called so that neither it nor the caller suffers; all of it in one place.

From the outside in: retry (stamina, heeding the server's wait), circuit breaker, the server's own
pause, rate limits, bulkhead, operation. Retries are outermost, so each attempt passes the breaker
and the limits; what a server says about waiting is kept for all callers, not for the one that
happened to ask.

stamina sleeps on the real clock, without a seam for another. Its test mode
(``stamina.set_testing``) leaves all waiting to the pause, which is on the injected clock.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import stamina

from perfgate.services.breaker import Breaker, BreakerSettings, BreakerState, InterlockBreaker
from perfgate.services.clock import Clock
from perfgate.services.errors import CircuitOpenError, ServiceError
from perfgate.services.gates import Bulkhead, Gates
from perfgate.services.limiter import ClientLimit

__all__ = ["Resilience", "ResilienceSettings", "RetrySettings"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How often and how long a call is tried again; 1 attempt is no retry."""

    attempts: int = 4
    timeout_s: float = 45.0
    """No attempt starts later than this after the first."""
    first_wait_s: float = 0.2
    """Doubles with each attempt, plus up to ``jitter_s``; a wait that the server names counts
    instead."""
    max_wait_s: float = 5.0
    jitter_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ResilienceSettings:
    """The configuration of everything between a caller and one API."""

    limits: tuple[ClientLimit, ...] = ()
    retry: RetrySettings = field(default_factory=RetrySettings)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    max_running: int = 16
    """Calls that are under way at once; httpx slows down with more connections than this."""
    max_waiting: int = 1000
    """Calls that may wait, for a limit or a place; more fail at once."""
    max_pause_s: float = 60.0
    """Longer waits for the server or a limit are not waited for: RateLimitError says how long."""


class Resilience:
    """The way to one API, for synchronous and asynchronous operations alike.

    An operation takes no arguments and raises ServiceError where it fails; what that error says
    of itself decides about retrying and about the breaker. Asynchronous use is bound to one
    event loop.
    """

    def __init__(
        self,
        service: str,
        *,
        settings: ResilienceSettings,
        clock: Clock,
        breaker: Breaker | None = None,
    ) -> None:
        self.service = service
        self.settings = settings
        self.breaker: Breaker = breaker or InterlockBreaker(
            service, settings=settings.breaker, clock=clock
        )
        self._clock = clock
        self._gates = Gates(
            service, limits=settings.limits, max_wait_s=settings.max_pause_s, clock=clock
        )
        self._bulkhead = Bulkhead(
            service, max_running=settings.max_running, max_waiting=settings.max_waiting
        )
        retry = settings.retry
        # The time-out is kept here: stamina's would let a wait end beyond it.
        retries: dict[str, Any] = {
            "attempts": retry.attempts,
            "timeout": None,
            "wait_initial": retry.first_wait_s,
            "wait_max": retry.max_wait_s,
            "wait_jitter": retry.jitter_s,
        }
        self._retry = stamina.RetryingCaller(**retries)
        self._retry_async = stamina.AsyncRetryingCaller(**retries)

    def pause(self, seconds: float) -> None:
        """Let no call through for so long, because the server wants it."""
        self._gates.pause(seconds)

    def call(
        self, operation: Callable[[], _T], *, endpoint: str = "", is_repeatable: bool = True
    ) -> _T:
        """Call the operation, as often as needed and permitted.

        Args:
            operation: What to do.
            endpoint: Names it for limits that hold for each endpoint.
            is_repeatable: Whether doing it twice does no harm. If not, it is tried again only
                where it cannot have happened.

        Raises:
            ServiceError: of the last attempt.
        """

        def attempt() -> _T:
            with self._bulkhead:
                self._gates.enter(endpoint)
                with self._bulkhead.places:
                    self._refuse_if_opened()
                    try:
                        return operation()
                    except ServiceError as error:
                        self._heed(error)
                        raise

        return self._retry(self._backoff(is_repeatable=is_repeatable), self.breaker.call, attempt)

    async def call_async(
        self,
        operation: Callable[[], Awaitable[_T]],
        *,
        endpoint: str = "",
        is_repeatable: bool = True,
    ) -> _T:
        """Await the operation, as often as needed and permitted; as ``call``."""

        async def attempt() -> _T:
            with self._bulkhead:
                await self._gates.enter_async(endpoint)
                async with self._bulkhead.places_async:
                    self._refuse_if_opened()
                    try:
                        return await operation()
                    except ServiceError as error:
                        self._heed(error)
                        raise

        return await self._retry_async(
            self._backoff(is_repeatable=is_repeatable), self.breaker.call_async, attempt
        )

    def _refuse_if_opened(self) -> None:
        """Stop a call that the breaker let in before it opened, and that waited since."""
        if self.breaker.state is BreakerState.OPEN:
            raise CircuitOpenError(self.service)

    def _heed(self, error: ServiceError) -> None:
        if error.retry_after_s is not None:
            self._gates.pause(error.retry_after_s)

    def _backoff(self, *, is_repeatable: bool) -> Callable[[Exception], bool | float]:
        """Return what stamina asks after each failure: whether to try again, or after how long."""
        latest_s = self._clock.monotonic_s() + self.settings.retry.timeout_s

        def backoff(error: Exception) -> bool | float:
            if not isinstance(error, ServiceError) or not error.is_transient:
                return False
            if error.may_have_happened and not is_repeatable:
                return False
            wait_s = error.retry_after_s
            if (wait_s or 0.0) > self.settings.max_pause_s:
                return False
            if self._clock.monotonic_s() + (wait_s or 0.0) > latest_s:
                return False
            return True if wait_s is None else wait_s

        return backoff
