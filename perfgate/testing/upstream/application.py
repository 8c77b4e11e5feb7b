"""What an upstream answers: the interface that the models of real APIs implement."""

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

from perfgate.testing.upstream.limits import Decision, RateLimit
from perfgate.testing.upstream.wire import Request, Response, json_response

__all__ = ["Application", "ApplicationFactory", "UpstreamClock"]

_OK = json_response({"ok": True})


class UpstreamClock:
    """The upstream's time: the system's, plus what a test has let pass.

    ``now_s`` is ``time.monotonic()``, which all processes of a Linux machine share, so arrivals
    can be held against the times of a client as long as nobody advances the clock.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = lambda: dt.datetime.now(dt.UTC).timestamp(),
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._offset_s = 0.0

    def now_s(self) -> float:
        """Monotonic seconds."""
        return self._monotonic() + self._offset_s

    def wall_s(self) -> float:
        """Seconds since 1970, UTC."""
        return self._wall() + self._offset_s

    def wall(self) -> dt.datetime:
        """The date and time, UTC."""
        return dt.datetime.fromtimestamp(self.wall_s(), dt.UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._offset_s += seconds


class Application:
    """An API; this one answers every request with ``{"ok": true}`` and has no limits.

    Subclasses override what differs. One call at a time, in the order of arrival; a method must
    not wait, for latency is the engine's affair. What takes time in the API (an asset that is
    processed) is told by the clock.
    """

    def __init__(self, clock: UpstreamClock) -> None:
        self.clock = clock

    def limits(self) -> tuple[RateLimit, ...]:
        """Name the limits that this API documents; whoever starts it may give others."""
        return ()

    def group(self, request: Request) -> str:  # noqa: ARG002 - for subclasses
        """Put the request into a group that limits can be meant for."""
        return ""

    def endpoint(self, request: Request) -> str:
        """Name the endpoint for limits that hold for each: method and path without identifiers."""
        return f"{request.method} {request.path}"

    def answer(self, request: Request) -> Response:  # noqa: ARG002 - for subclasses
        """Answer a request that no limit refused."""
        return _OK

    def refuse(self, request: Request, decision: Decision) -> Response:  # noqa: ARG002 - for subclasses
        """Answer a request that exceeds a limit."""
        wait_s = max(1, -int(-decision.reset_s // 1))
        error = {"error": "rate limit exceeded", "limit": decision.limit.name}
        return json_response(error, 429, {"retry-after": str(wait_s)})

    def fail(self, request: Request, status: int) -> Response:  # noqa: ARG002 - for subclasses
        """Answer a request that a test wants to fail with this status."""
        return json_response({"error": "injected failure"}, status)

    def stamp(
        self,
        request: Request,  # noqa: ARG002 - for subclasses
        response: Response,
        decisions: tuple[Decision, ...],  # noqa: ARG002 - for subclasses
    ) -> Response:
        """Add what the API tells with every answer, such as what is left of a limit."""
        return response

    def inspect(self) -> Any:
        """Describe the state for a test that wants to see more than the API shows."""
        return None


ApplicationFactory = Callable[[UpstreamClock, Mapping[str, Any]], Application]
"""Builds an application from the upstream's clock and the options of whoever starts it."""


def plain(clock: UpstreamClock, options: Mapping[str, Any]) -> Application:
    """Build the application that answers everything with ``{"ok": true}``."""
    if options:
        raise ValueError(f"the plain application takes no options, got {sorted(options)}")
    return Application(clock)
