"""The decisions of an upstream for each arrival: count it, limit it, spoil it, answer it.

No sockets: a server asks the engine once per request and carries out what comes back.
"""

import random
import traceback
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from perfgate.testing.upstream.application import Application, UpstreamClock
from perfgate.testing.upstream.faults import Fault, FaultKind, FaultPlan, Latency
from perfgate.testing.upstream.limits import Decision, Limiter, RateLimit
from perfgate.testing.upstream.wire import Request, Response, json_response

__all__ = ["Answer", "Engine", "Hit", "Settings", "Statistics"]


class Hit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One arrival, in the order in which they came."""

    at_s: float
    """On the upstream's clock: ``time.monotonic()`` plus what was advanced."""
    method: str
    path: str
    status: int
    """What was answered; 0 where a fault left no status."""
    credential: str
    """The Authorization header."""
    fault: str
    """The kind of the fault that struck; empty for none."""
    is_limited: bool
    """Whether a limit of the upstream refused it, not a fault that a test ordered."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start or the last reset; complete even where the log has forgotten hits."""

    hits: int
    limited: int
    faults: int
    by_status: dict[int, int]
    connections: int
    in_flight: int
    max_in_flight: int
    cpu_s: float
    """Processor time of the server's process since it started."""
    crash: str
    """The first traceback out of the application; empty for none."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a test may set when it starts an upstream."""

    latency: Latency | None = None
    faults: tuple[Fault, ...] = ()
    limits: tuple[RateLimit, ...] | None = None
    """None for those that the application documents."""
    hit_log_size: int = 100_000
    seed: int = 0


_NO_SETTINGS = Settings()
_EMPTY = Response()
_CRASHED = json_response({"error": "the upstream's application crashed"}, 500)
_INJECTED = RateLimit(name="injected", limit=1)
_REPLACING = frozenset({FaultKind.STATUS, FaultKind.RATE_LIMITED})
_SILENT = frozenset({FaultKind.RESET, FaultKind.CLOSE, FaultKind.GARBAGE, FaultKind.HANG})


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the server is to do with one request."""

    response: Response
    delay_s: float
    fault: Fault | None
    leaving: tuple[Callable[[], None], ...]


class Engine:
    """One upstream's state, apart from its sockets."""

    def __init__(
        self, application: Application, clock: UpstreamClock, settings: Settings = _NO_SETTINGS
    ) -> None:
        self.application = application
        self.clock = clock
        self._source = random.Random(settings.seed)  # noqa: S311 - to be repeated, not to be secret
        self._latency = settings.latency
        self._plan = FaultPlan(settings.faults, self._source)
        limits = application.limits() if settings.limits is None else settings.limits
        self._set_limits(limits)
        self._hold_until_s = 0.0
        self._log: deque[Hit] = deque(maxlen=settings.hit_log_size)
        self._crash = ""
        self.connections = 0
        self._in_flight = 0
        self._max_in_flight = 0
        self._forget_counts()

    def _forget_counts(self) -> None:
        self._log.clear()
        self._hits = self._limited = self._faults = 0
        self._by_status: dict[int, int] = {}
        self._max_in_flight = self._in_flight

    def _set_limits(self, limits: Sequence[RateLimit]) -> None:
        self._limits = tuple(limits)
        self._limiter = Limiter(self._limits) if self._limits else None

    # --- one arrival ---------------------------------------------------------------------------

    def arrive(self, request: Request) -> Answer:
        """Decide about one request, now; ``leave`` must be called when it is done with."""
        now_s = self.clock.now_s()
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        credential = request.headers.get("authorization", "")
        fault = self._plan.strike(request)
        leaving: list[Callable[[], None]] = []
        try:
            response, is_limited = self._respond(request, fault, now_s, leaving)
        except Exception:  # noqa: BLE001 - kept, and raised by the handle in the test's own process
            self._crash = self._crash or traceback.format_exc()
            response, is_limited = _CRASHED, False
        silent = fault is not None and fault.kind in _SILENT
        status = 0 if silent else response.status
        kind = "" if fault is None else fault.kind.value
        self._log.append(
            Hit(now_s, request.method, request.path, status, credential, kind, is_limited)
        )
        self._hits += 1
        self._limited += is_limited
        self._faults += fault is not None
        self._by_status[status] = self._by_status.get(status, 0) + 1
        return Answer(response, self._delay_s(now_s), fault, tuple(leaving))

    def leave(self, answer: Answer) -> None:
        """Note that a request is answered, or that nobody waits for it any more."""
        self._in_flight -= 1
        for leave in answer.leaving:
            leave()

    def _respond(
        self,
        request: Request,
        fault: Fault | None,
        now_s: float,
        leaving: list[Callable[[], None]],
    ) -> tuple[Response, bool]:
        """Return the answer, and whether a limit refused the request."""
        if fault is not None and not fault.needs_answer:
            return self._spoilt(request, fault), False
        response, is_limited = self._admit(request, now_s, leaving)
        if fault is not None and fault.kind in _REPLACING:
            return self._spoilt(request, fault), is_limited
        return response, is_limited

    def _admit(
        self, request: Request, now_s: float, leaving: list[Callable[[], None]]
    ) -> tuple[Response, bool]:
        decisions: tuple[Decision, ...] = ()
        application = self.application
        if self._limiter is not None:
            decisions, entered = self._limiter.arrive(
                now_s=now_s,
                wall_s=self.clock.wall_s(),
                group=application.group(request),
                endpoint=application.endpoint(request),
                credential=request.headers.get("authorization", ""),
            )
            leaving.extend(entered)
        is_limited = bool(decisions) and not decisions[-1].is_allowed
        if is_limited:
            response = application.refuse(request, decisions[-1])
        else:
            response = application.answer(request)
        return application.stamp(request, response, decisions), is_limited

    def _spoilt(self, request: Request, fault: Fault) -> Response:
        application = self.application
        if fault.kind is FaultKind.STATUS:
            failure = application.fail(request, fault.status)
            return application.stamp(request, failure, ()).with_headers(fault.headers)
        if fault.kind is FaultKind.RATE_LIMITED:
            limit = self._limit_for(request)
            decision = Decision(limit, is_allowed=False, remaining=0, reset_s=fault.seconds)
            refusal = application.refuse(request, decision)
            return application.stamp(request, refusal, (decision,)).with_headers(fault.headers)
        return _EMPTY

    def _limit_for(self, request: Request) -> RateLimit:
        """Name the limit that a refusal by order speaks of: one that the API documents."""
        group = self.application.group(request)
        documented = self.application.limits()
        return next((limit for limit in documented if limit.group in ("", group)), _INJECTED)

    def _delay_s(self, now_s: float) -> float:
        delay_s = 0.0 if self._latency is None else self._latency.draw(self._source)
        return max(delay_s, self._hold_until_s - now_s)

    # --- what a test orders --------------------------------------------------------------------

    def inject(self, faults: Sequence[Fault]) -> None:
        """Order faults, behind those that are left."""
        self._plan.add(faults)

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self._plan.clear()

    def set_latency(self, latency: Latency | None) -> None:
        """Change how long answers take from now on."""
        self._latency = latency

    def set_limits(self, limits: Sequence[RateLimit] | None) -> None:
        """Replace the limits and forget what was counted; None for those of the application."""
        self._set_limits(self.application.limits() if limits is None else limits)

    def stall(self, seconds: float) -> None:
        """Hold every answer to what arrives from now on until the seconds are over."""
        self._hold_until_s = self.clock.now_s() + seconds

    def forget(self) -> None:
        """Empty the hit log, the counts and what the limits have counted; keep the data."""
        self._forget_counts()
        self._set_limits(self._limits)

    def hits(self) -> tuple[Hit, ...]:
        """Return the hits that the log still holds."""
        return tuple(self._log)

    def statistics(self, cpu_s: float) -> Statistics:
        """Return the counts."""
        return Statistics(
            hits=self._hits,
            limited=self._limited,
            faults=self._faults,
            by_status=dict(self._by_status),
            connections=self.connections,
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            cpu_s=cpu_s,
            crash=self._crash,
        )
