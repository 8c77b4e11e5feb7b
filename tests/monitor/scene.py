"""A monitor on a clock that stands still until it is moved."""

import datetime as dt
from collections.abc import Mapping, Sequence

from perfgate.model import Environment
from perfgate.monitor import Alert, PerformanceMonitor, Settings
from perfgate.monitor.rules import Rule

STARTED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HERE = Environment(system="linux", machine="x86_64", implementation="cpython", python="3.11.7")
TARGET = "stripe:refund"


class Scene:
    """A monitor, its clock, and what it told."""

    def __init__(
        self,
        *rules: str | Rule,
        thresholds: Mapping[str, Sequence[str | Rule]] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.now_s = 1000.0
        self.monitor = PerformanceMonitor(
            thresholds or ({TARGET: rules} if rules else None),
            settings=settings,
            clock=lambda: self.now_s,
            started=STARTED,
            environment=HERE,
        )
        self.fired: list[Alert] = []
        self.resolved: list[Alert] = []
        self.monitor.on("performance:threshold-exceeded", self.fired.append)
        self.monitor.on("performance:threshold-resolved", self.resolved.append)

    def run(
        self, seconds: float, *, per_s: int = 20, ms: float = 10.0, failing_every: int = 0
    ) -> None:
        """Let operations happen, evenly, for so long."""
        for number in range(round(seconds * per_s)):
            self.now_s += 1 / per_s
            is_failing = failing_every > 0 and number % failing_every == 0
            self.monitor.record_operation(
                "stripe", "refund", ms, not is_failing, "boom" if is_failing else ""
            )

    def at_s(self, alert: Alert) -> float:
        """Return when an alert was seen first, from the start."""
        return (alert.first_seen - STARTED).total_seconds()
