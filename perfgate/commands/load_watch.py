"""Limits that are held against a load while it runs, so that a hopeless one ends early."""

from collections.abc import Callable, Sequence
from typing import Final

from perfgate.config import LoadSettings, parse_limit
from perfgate.load.live import LIVE_METRICS, Snapshot
from perfgate.stats.histogram import DEFAULT_SCALE, relative_error
from perfgate.stats.quantiles import MIN_ROUNDS
from perfgate.units import format_duration, format_measured, format_number, format_seconds

__all__ = ["GRACE_S", "LimitWatch", "Progress", "describe"]

Progress = Callable[[Snapshot], None]
"""Is shown each snapshot, for people who wait."""

GRACE_S: Final = 5.0
"""By default: connections are made and caches filled in the first seconds."""
_MARGIN: Final = 2 * relative_error(DEFAULT_SCALE)
"""By which a time must break a limit: snapshots are less exact than results."""
_EXACT: Final = frozenset({"success_rate", "error_rate", "dropped"})
_FEWEST: Final = MIN_ROUNDS[90]
"""Operations below which even a 90 % quantile has no bound, and one failure says nothing."""


class LimitWatch:
    """Holds each snapshot against the limits that can be told while a load runs.

    Args:
        settings: The limits, and whether and from when on they end the load.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self._grace_s = GRACE_S if settings.grace_s is None else settings.grace_s
        limits = [parse_limit(text) for text in settings.limits if ": " not in text]
        self._limits = [
            limit for limit in limits if settings.abort_on_fail and limit.metric in LIVE_METRICS
        ]
        self.failures: tuple[str, ...] = ()

    def is_over(self, snapshot: Snapshot) -> bool:
        """Say whether a limit is broken that ends the load; keeps which and when."""
        is_early = snapshot.elapsed_s < self._grace_s or snapshot.count < _FEWEST
        if self.failures or is_early:
            return bool(self.failures)
        broken = []
        for limit in self._limits:
            value = snapshot.metrics.get(limit.metric)
            if value is None:
                continue
            margin = 0.0 if limit.metric in _EXACT else _MARGIN
            if not limit.is_kept(value * (1 - margin if limit.is_upper else 1 + margin)):
                was = format_measured(limit.expression, value)
                when = f"after {snapshot.elapsed_s:.0f} s"
                broken.append(f"{limit.expression}: was {was} {when}: ended early")
        self.failures = tuple(broken)
        return bool(broken)

    def joined_with(self, failures: Sequence[str]) -> tuple[str, ...]:
        """Return these failures of the end with those that ended the load, each limit once."""
        early = {failure.partition(": ")[0]: failure for failure in self.failures}
        late = {failure.partition(": ")[0]: failure for failure in failures}
        return tuple((late | early).values())


def describe(snapshot: Snapshot) -> str:
    """Say in one line how far a load is."""
    p95_s = snapshot.metrics.get("p95")
    parts = [
        format_duration(snapshot.elapsed_s),
        f"{snapshot.ok:,} ok",
        f"{snapshot.failed:,} failed",
        f"{format_number(snapshot.per_s)}/s",
        *([] if p95_s is None else [f"p95 {format_seconds(p95_s)}"]),
        *([f"{snapshot.dropped:,} dropped"] if snapshot.dropped else []),
    ]
    return "  ".join(parts)
