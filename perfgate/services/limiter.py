"""Client-side rate limits: how long a call must wait so that the server will not refuse it.

pyrate-limiter decides (its buckets, not its ``Limiter``: that sleeps on the real clock and keeps
a thread). All times come from the caller, so a test lets an hour pass in no time.
"""

import enum
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from pyrate_limiter import FixedWindow, InMemoryBucket, Rate, RateItem, StateBucket
from pyrate_limiter.abstracts.bucket import AbstractBucket

__all__ = ["ClientLimit", "LimitKind", "LimitWindow"]


class LimitKind(enum.Enum):
    """How calls are spread over the window."""

    ROLLING = "rolling"
    """At most ``calls`` in any window: a burst goes out at once."""
    SPACED = "spaced"
    """One call every ``window_s / calls``: no bursts, a strict server never sees too many."""
    ALIGNED = "aligned"
    """At most ``calls`` in each window of the wall clock, as quotas that reset on the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimit:
    """A limit that a service documents, and how to stay below it."""

    name: str
    calls: int
    window_s: float = 1.0
    kind: LimitKind = LimitKind.ROLLING
    guard_s: float = 0.05
    """Added to a rolling window. What is granted together arrives spread out: without a guard
    one call in eight of a saturated client met a refusal by a strict server, with it none."""
    is_per_endpoint: bool = False
    """Whether each endpoint has the limit for itself."""

    def __post_init__(self) -> None:
        if self.calls < 1 or not self.window_s > 0 or not self.guard_s >= 0:
            raise ValueError(
                f"{self.name}: calls and window_s must be positive, guard_s not below 0"
            )


class LimitWindow:
    """What one limit has granted so far; safe to use from several threads."""

    def __init__(self, limit: ClientLimit) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._bucket = _BUCKETS[limit.kind](limit)

    @property
    def is_on_wall_clock(self) -> bool:
        """Whether its windows begin with those of the wall clock."""
        return self._limit.kind is LimitKind.ALIGNED

    @property
    def remembered(self) -> int:
        """How many calls it keeps in mind; those of windows that are over are forgotten."""
        count = self._bucket.count()
        return count if isinstance(count, int) else 0

    def take(self, now_s: float) -> float:
        """Take one call: 0 if it is granted, else the seconds after which to ask again."""
        # Down, so that a call at the end of a window is never counted in the next one. A rolling
        # window may end a millisecond early by that, which its guard covers.
        now_ms = math.floor(now_s * 1000)
        item = RateItem(self._limit.name, now_ms)
        with self._lock:
            self._bucket.leak(now_ms)
            if self._bucket.put(item):
                return 0.0
            wait_ms = self._bucket.waiting(item)
        if not isinstance(wait_ms, int):
            raise TypeError("the bucket answers later; only buckets in memory are used here")
        return max(1, wait_ms) / 1000


def _rolling(limit: ClientLimit) -> AbstractBucket:
    return InMemoryBucket([Rate(limit.calls, round((limit.window_s + limit.guard_s) * 1000))])


def _aligned(limit: ClientLimit) -> AbstractBucket:
    return InMemoryBucket([Rate(limit.calls, round(limit.window_s * 1000))], FixedWindow())


def _spaced(limit: ClientLimit) -> AbstractBucket:
    return StateBucket([Rate(limit.calls, round(limit.window_s * 1000), burst=1)])


_BUCKETS: dict[LimitKind, Callable[[ClientLimit], AbstractBucket]] = {
    LimitKind.ROLLING: _rolling,
    LimitKind.ALIGNED: _aligned,
    LimitKind.SPACED: _spaced,
}
