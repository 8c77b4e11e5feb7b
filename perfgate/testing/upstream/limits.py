"""Rate limits enforced on arrivals: what a server counts, never what a client believes it sent.

Every window takes the time as an argument, so an hour passes as fast as the caller likes.
"""

import enum
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

__all__ = ["Decision", "LimitKind", "LimitScope", "Limiter", "RateLimit"]

MAX_KEYS = 10_000
"""Keys that one limit remembers; the one unseen for longest is forgotten first."""


class LimitKind(enum.Enum):
    """How arrivals are counted."""

    ROLLING = "rolling"
    """At most ``limit`` in any window: a log of the arrivals."""
    FIXED = "fixed"
    """At most ``limit`` in each window of the wall clock; twice as many around its edge."""
    BUCKET = "bucket"
    """Tokens that refill at ``limit`` per window, ``burst`` of them at most."""
    CONCURRENT = "concurrent"
    """At most ``limit`` that are not yet answered; the window does not matter."""


class LimitScope(enum.Enum):
    """What is counted together."""

    ALL = "all"
    ENDPOINT = "endpoint"
    """Each endpoint for itself, as the application names them."""
    CREDENTIAL = "credential"
    """Each caller for itself, told apart by the Authorization header."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that the upstream enforces."""

    name: str
    limit: int
    window_s: float = 1.0
    kind: LimitKind = LimitKind.ROLLING
    scope: LimitScope = LimitScope.ALL
    group: str = ""
    """Only requests that the application puts into this group; empty for all."""
    burst: int = 0
    """Size of the bucket; 0 for ``limit``. Other kinds have none."""
    charges_refused: bool = False
    """Whether a refused arrival counts too, so that hammering prolongs the refusal."""

    def __post_init__(self) -> None:
        if self.limit < 1 or not self.window_s > 0 or self.burst < 0:
            raise ValueError(f"{self.name}: limit and window_s must be positive, burst not below 0")


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What one limit says to one arrival."""

    limit: RateLimit
    is_allowed: bool
    remaining: int
    reset_s: float
    """Until one more would be taken (rolling, bucket) or the window ends (fixed); 0 if unknown."""


class _Window(Protocol):
    def arrive(self, now_s: float) -> Decision: ...

    def leave(self) -> None: ...


class _Rolling:
    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._arrivals: deque[float] = deque(maxlen=limit.limit)

    def arrive(self, now_s: float) -> Decision:
        limit, arrivals = self._limit, self._arrivals
        while arrivals and arrivals[0] <= now_s - limit.window_s:
            arrivals.popleft()
        is_allowed = len(arrivals) < limit.limit
        if is_allowed or limit.charges_refused:
            arrivals.append(now_s)
        remaining = limit.limit - len(arrivals)
        return Decision(limit, is_allowed, remaining, arrivals[0] + limit.window_s - now_s)

    def leave(self) -> None:
        pass


class _Fixed:
    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._window = -1
        self._count = 0

    def arrive(self, now_s: float) -> Decision:
        limit = self._limit
        window = math.floor(now_s / limit.window_s)
        if window != self._window:
            self._window, self._count = window, 0
        is_allowed = self._count < limit.limit
        self._count += is_allowed
        reset_s = (window + 1) * limit.window_s - now_s
        return Decision(limit, is_allowed, limit.limit - self._count, reset_s)

    def leave(self) -> None:
        pass


class _Bucket:
    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._rate_per_s = limit.limit / limit.window_s
        self._size = limit.burst or limit.limit
        self._tokens = float(self._size)
        self._at_s = -math.inf

    def arrive(self, now_s: float) -> Decision:
        refill = (now_s - self._at_s) * self._rate_per_s
        self._tokens = min(float(self._size), self._tokens + refill)
        self._at_s = now_s
        is_allowed = self._tokens >= 1
        if is_allowed or self._limit.charges_refused:
            self._tokens -= 1
        missing = max(0.0, 1 - self._tokens)
        reset_s = missing / self._rate_per_s
        return Decision(self._limit, is_allowed, max(0, math.floor(self._tokens)), reset_s)

    def leave(self) -> None:
        pass


class _Concurrent:
    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._inside = 0

    def arrive(self, now_s: float) -> Decision:  # noqa: ARG002 - the other kinds need the time
        is_allowed = self._inside < self._limit.limit
        self._inside += is_allowed
        return Decision(self._limit, is_allowed, self._limit.limit - self._inside, 0.0)

    def leave(self) -> None:
        self._inside -= 1


_WINDOWS: dict[LimitKind, Callable[[RateLimit], _Window]] = {
    LimitKind.ROLLING: _Rolling,
    LimitKind.FIXED: _Fixed,
    LimitKind.BUCKET: _Bucket,
    LimitKind.CONCURRENT: _Concurrent,
}


class Limiter:
    """All limits of one upstream; an arrival is taken only when each of them takes it."""

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._windows: list[tuple[RateLimit, OrderedDict[str, _Window]]] = [
            (limit, OrderedDict()) for limit in limits
        ]

    def arrive(
        self, *, now_s: float, wall_s: float, group: str, endpoint: str, credential: str
    ) -> tuple[tuple[Decision, ...], tuple[Callable[[], None], ...]]:
        """Count one arrival.

        The limits are asked in order up to the first that refuses; those before it have counted
        the arrival, as in a chain of real limiters.

        Returns:
            What each limit asked said, and what to call once the request is answered.
        """
        decisions: list[Decision] = []
        leaving: list[Callable[[], None]] = []
        keys = {
            LimitScope.ALL: "",
            LimitScope.ENDPOINT: endpoint,
            LimitScope.CREDENTIAL: credential,
        }
        for limit, windows in self._windows:
            if limit.group not in ("", group):
                continue
            window = _window_of(windows, keys[limit.scope], limit)
            decision = window.arrive(wall_s if limit.kind is LimitKind.FIXED else now_s)
            decisions.append(decision)
            if not decision.is_allowed:
                break
            if limit.kind is LimitKind.CONCURRENT:
                leaving.append(window.leave)
        return tuple(decisions), tuple(leaving)


def _window_of(windows: OrderedDict[str, _Window], key: str, limit: RateLimit) -> _Window:
    window = windows.get(key)
    if window is None:
        if len(windows) >= MAX_KEYS:
            windows.popitem(last=False)
        window = windows[key] = _WINDOWS[limit.kind](limit)
    elif len(windows) > 1:
        windows.move_to_end(key)
    return window
