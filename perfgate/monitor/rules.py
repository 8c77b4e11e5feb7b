"""What an operation must keep to: thresholds, and burn rates of an error budget."""

from dataclasses import dataclass, field
from typing import Final

from perfgate.config.limits import Limit, parse_limit
from perfgate.operations import Severity
from perfgate.stats.quantiles import MIN_ROUNDS

__all__ = ["BurnRate", "Rule", "Settings", "Threshold", "sre_burn_rates"]

_PERCENTS: Final = {"p50": 50, "median": 50, "p90": 90, "p95": 95, "p99": 99}
_SHARES: Final = ("error_rate", "success_rate")
_OTHERS: Final = ("max", "mean", "ops_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How numbers become alerts."""

    window_s: float = 60.0
    """What thresholds are held against; moves on by a twelfth at a time."""
    cooldown_s: float = 30.0
    """After an alert has ended, the same does not fire for so long. One about single operations
    ends when none exceeded it for so long."""
    hysteresis: float = 0.1
    """By which share of the threshold a number must be better than it, to end an alert."""

    def __post_init__(self) -> None:
        if not (self.window_s > 0 and self.cooldown_s >= 0 and 0 <= self.hysteresis < 1):
            raise ValueError("a window is above 0 s, a cooldown not below, a hysteresis below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A bound on one metric of an operation.

    ``max`` is held against every single operation, whatever became of it. All others are of the
    monitor's window: ``median``, ``p50``, ``p90``, ``p95``, ``p99`` and ``mean`` of the times of
    those that succeeded, ``error_rate``, ``success_rate`` and ``ops_per_s`` of all.

    Args:
        expression: As in the configuration of the gate: ``p95 < 500ms``, ``error_rate < 1%``.
        severity: Passed on with the alert.
    """

    expression: str
    severity: Severity = Severity.PAGE
    limit: Limit = field(init=False, compare=False, repr=False)
    """The bound, read."""

    def __post_init__(self) -> None:
        limit = parse_limit(self.expression)
        object.__setattr__(self, "limit", limit)
        if limit.metric not in {*_PERCENTS, *_SHARES, *_OTHERS}:
            known = ", ".join((*_OTHERS, *_SHARES, *_PERCENTS))
            raise ValueError(f"a monitor has no metric {limit.metric!r}; it has {known}")
        if limit.is_relative:
            raise ValueError(f"{self.expression}: a monitor knows no baseline")
        if self.is_single and not limit.is_upper:
            raise ValueError(f"{self.expression}: max is held against every operation; write max <")

    @property
    def metric(self) -> str:
        """What is bounded."""
        return self.limit.metric

    @property
    def bound(self) -> float:
        """In seconds, a plain ratio or per second."""
        return self.limit.bound

    @property
    def is_single(self) -> bool:
        """Whether it is held against every single operation."""
        return self.metric == "max"

    @property
    def percent(self) -> int | None:
        """The quantile that it is about, in percent; None for any other metric."""
        return _PERCENTS.get(self.metric)

    @property
    def min_samples(self) -> int:
        """The fewest operations in the window that say anything.

        For a share, so many that a single failure does not decide.
        """
        limit = self.limit
        if self.percent is not None:
            return MIN_ROUNDS[self.percent]
        if limit.metric in _SHARES:
            allowed = limit.bound if limit.metric == "error_rate" else 1 - limit.bound
            return int(1 / allowed) + 1 if 0 < allowed < 1 else 1
        return 1 if limit.metric == "mean" else 0

    def is_recovered(self, observed: float, hysteresis: float) -> bool:
        """Say whether a number is far enough on the good side to end an alert."""
        limit = self.limit
        if not limit.is_kept(observed):
            return False
        if limit.metric == "success_rate":  # by what may fail: 95 % cannot become a tenth better
            return 1 - observed <= (1 - limit.bound) * (1 - hysteresis)
        if limit.is_upper:
            return observed <= limit.bound * (1 - hysteresis)
        return observed >= limit.bound * (1 + hysteresis)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate:
    """A speed at which the budget for errors is used up, over a long and a short window at once.

    The short one, a twelfth of the long, ends the alert soon after the failures end (Beyer et al.
    2018, "The Site Reliability Workbook", chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").

    Args:
        objective: The share that must succeed: 0.999 leaves a budget of 0.1 %.
        factor: How many times as fast as the budget allows.
        long_window_s: The long window, in seconds.
        severity: Passed on with the alert.
    """

    objective: float
    factor: float
    long_window_s: float
    severity: Severity

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError("an objective is a share between 0 and 1, such as 0.999")
        if not (0 < self.factor * self.budget < 1 and self.long_window_s > 0):
            raise ValueError(
                f"a factor of {self.factor} cannot be reached with a budget of {self.budget:.4g}"
            )

    @property
    def metric(self) -> str:
        """What is bounded."""
        return "burn_rate"

    @property
    def bound(self) -> float:
        """How many times as fast as the budget allows."""
        return self.factor

    @property
    def budget(self) -> float:
        """The share that may fail."""
        return 1 - self.objective

    @property
    def expression(self) -> str:
        """What it is called in alerts."""
        return (
            f"burn rate of {self.objective:.6g} < {self.factor:g} over {self.long_window_s:g} s"
            f" and {self.long_window_s / 12:g} s"
        )

    @property
    def min_samples(self) -> int:
        """The fewest operations in the short window: a single failure must not decide."""
        return int(1 / (self.factor * self.budget)) + 1


Rule = Threshold | BurnRate


def sre_burn_rates(objective: float, *, scale: float = 1.0) -> tuple[BurnRate, ...]:
    """Return the three pairs of the SRE workbook, table 5-8.

    14.4 over 1 h and 5 min (2 % of a month's budget), 6 over 6 h and 30 min (5 %), both worth a
    page, and 1 over 3 days and 6 h (10 %), worth a ticket. ``scale`` shortens all windows, for
    runs that take minutes.

    Raises:
        ValueError: with this objective a factor cannot be reached.
    """
    return tuple(
        BurnRate(
            objective=objective,
            factor=factor,
            long_window_s=hours * 3600 * scale,
            severity=severity,
        )
        for factor, hours, severity in (
            (14.4, 1, Severity.PAGE),
            (6.0, 6, Severity.PAGE),
            (1.0, 72, Severity.TICKET),
        )
    )
