"""From numbers that come again and again to alerts: each fires once, and ends once."""

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final

import msgspec

from perfgate.monitor.events import EXCEEDED, RESOLVED
from perfgate.monitor.rules import BurnRate, Rule, Settings, Threshold
from perfgate.monitor.windows import BurnWindow, Window
from perfgate.operations import Alert, AlertState

__all__ = ["AlertBook", "Observation", "Tracked"]

_KEPT: Final = 1000
"""Alerts that are over and still remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One number held against a rule."""

    observed: float
    samples: int
    is_exceeded: bool
    is_recovered: bool
    """Well enough to end an alert: between the two it stays as it was."""
    trace_id: str = ""


class Tracked:
    """A rule of one operation, and what it watches."""

    def __init__(self, operation: tuple[str, str], rule: Rule, settings: Settings) -> None:
        self.operation = operation
        self.rule = rule
        self._settings = settings
        self.burn = BurnWindow(rule.long_window_s) if isinstance(rule, BurnRate) else None
        self.alert: Alert | None = None
        self.quiet_until_s = -inf

    @property
    def window_s(self) -> float | None:
        """The time that its number is of; None for single operations."""
        if isinstance(self.rule, BurnRate):
            return self.rule.long_window_s
        return None if self.rule.is_single else self._settings.window_s

    def observe(self, window: Window) -> Observation | None:
        """Return what the windows say; None where that is too little."""
        if self.burn is not None and isinstance(self.rule, BurnRate):
            return self._burning(self.burn, self.rule)
        if isinstance(self.rule, Threshold) and not self.rule.is_single:
            return self._windowed(self.rule, window)
        return None

    def _burning(self, burn: BurnWindow, rule: BurnRate) -> Observation | None:
        if burn.samples < rule.min_samples:
            return None
        long_share, short_share = burn.shares()
        rate = min(long_share, short_share) / rule.budget
        return Observation(
            observed=rate,
            samples=burn.samples,
            is_exceeded=rate > rule.factor,
            is_recovered=rate <= rule.factor * (1 - self._settings.hysteresis),
        )

    def _windowed(self, rule: Threshold, window: Window) -> Observation | None:
        ok, failed = window.ok, window.failed
        metric, percent = rule.metric, rule.percent
        samples = ok if percent is not None or metric == "mean" else ok + failed
        if samples < rule.min_samples:
            return None
        if percent is not None:
            observed = window.quantile_s(percent)
        elif metric == "mean":
            observed = window.mean_s
        elif metric == "ops_per_s":
            if not window.is_full:
                return None
            observed = samples / self._settings.window_s
        else:
            observed = (failed if metric == "error_rate" else ok) / samples
        return Observation(
            observed=observed,
            samples=samples,
            is_exceeded=not rule.limit.is_kept(observed),
            is_recovered=rule.is_recovered(observed, self._settings.hysteresis),
        )

    def worse(self, one: float, other: float) -> float:
        """Return the number that is further on the bad side."""
        is_upper = isinstance(self.rule, BurnRate) or self.rule.limit.is_upper
        return max(one, other) if is_upper else min(one, other)


@dataclass(slots=True, kw_only=True)
class AlertBook:
    """All alerts of a monitor; what changes is handed out to be told when no lock is held.

    Args:
        settings: Of the monitor.
        moment: Turns the monitor's time into a date.
    """

    settings: Settings
    moment: Callable[[float], dt.datetime]
    suppressed: int = 0
    _firing: dict[int, Tracked] = field(default_factory=dict)
    _over: deque[Alert] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _to_tell: list[tuple[str, Alert]] = field(default_factory=list)

    def handle(self, tracked: Tracked, seen: Observation, now_s: float) -> None:
        """Fire, go on firing, or end, as the number demands."""
        if tracked.alert is not None:
            if seen.is_exceeded:
                self._go_on(tracked, tracked.alert, seen, now_s)
            elif seen.is_recovered:
                self.resolve(tracked, now_s)
        elif seen.is_exceeded:
            if now_s < tracked.quiet_until_s:
                self.suppressed += 1
            else:
                self._fire(tracked, seen, now_s)

    def resolve_if_quiet(self, tracked: Tracked, now_s: float) -> None:
        """End an alert about single operations, as of when none had exceeded it long enough."""
        if now_s >= tracked.quiet_until_s:
            self.resolve(tracked, tracked.quiet_until_s)

    def resolve(self, tracked: Tracked, now_s: float) -> None:
        """End an alert that fires."""
        if tracked.alert is None:
            return
        over = msgspec.structs.replace(
            tracked.alert, state=AlertState.RESOLVED, resolved_at=self.moment(now_s)
        )
        tracked.alert = None
        tracked.quiet_until_s = now_s + self.settings.cooldown_s
        del self._firing[id(tracked)]
        self._over.append(over)
        self._to_tell.append((RESOLVED, over))

    def take(self) -> tuple[tuple[str, Alert], ...]:
        """Hand out what has yet to be told, once."""
        if not self._to_tell:
            return ()
        told = tuple(self._to_tell)
        self._to_tell.clear()
        return told

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that are not over."""
        return tuple(each.alert for each in self._firing.values() if each.alert is not None)

    @property
    def known(self) -> tuple[Alert, ...]:
        """Those that fire, and the latest that are over; the oldest first."""
        return tuple(sorted((*self._over, *self.firing), key=lambda alert: alert.first_seen))

    def _fire(self, tracked: Tracked, seen: Observation, now_s: float) -> None:
        rule = tracked.rule
        at = self.moment(now_s)
        tracked.alert = Alert(
            service=tracked.operation[0],
            operation=tracked.operation[1],
            rule=rule.expression,
            metric=rule.metric,
            observed=seen.observed,
            threshold=rule.bound,
            window_s=tracked.window_s,
            samples=seen.samples,
            severity=rule.severity,
            state=AlertState.FIRING,
            first_seen=at,
            last_seen=at,
            count=1,
            trace_id=seen.trace_id,
        )
        self._firing[id(tracked)] = tracked
        self._to_tell.append((EXCEEDED, tracked.alert))

    def _go_on(self, tracked: Tracked, alert: Alert, seen: Observation, now_s: float) -> None:
        worst = tracked.worse(alert.observed, seen.observed)
        is_worst = worst != alert.observed
        tracked.alert = msgspec.structs.replace(
            alert,
            observed=worst,
            samples=seen.samples if is_worst else alert.samples,
            trace_id=seen.trace_id if is_worst else alert.trace_id,
            last_seen=self.moment(now_s),
            count=alert.count + 1,
        )
