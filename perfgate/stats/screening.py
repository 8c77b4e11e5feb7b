"""Committed numbers against fresh ones: Welch's test over processes, from summaries alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

__all__ = ["Difference", "Summary", "compare_summaries", "student_quantile", "student_upper_tail"]

_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_MOST_TERMS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The processes of one side, as ln(seconds)."""

    location: float
    spread: float | None
    """Standard deviation between processes; None with a single one."""
    processes: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Summary":
        """Summarise one value per process."""
        logs = [math.log(value) for value in seconds]
        return cls(
            location=fmean(logs),
            spread=stdev(logs) if len(logs) > 1 else None,
            processes=len(logs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """ln(candidate / reference) with its 95 % interval, and how surely it is above zero."""

    log_ratio: float
    low: float | None
    high: float | None
    p_value: float | None
    """One-sided, for "not slower"; None where a side has a single process."""
    smallest_findable: float | None


def compare_summaries(candidate: Summary, reference: Summary, *, false_alarms: float) -> Difference:
    """Compare by Welch's test (1947): the two sides may spread differently.

    The smallest findable slowdown is the one that this test, at level ``false_alarms``, finds in
    95 of 100 runs.
    """
    log_ratio = candidate.location - reference.location
    if candidate.spread is None or reference.spread is None:
        return Difference(
            log_ratio=log_ratio, low=None, high=None, p_value=None, smallest_findable=None
        )
    parts = [side.spread**2 / side.processes for side in (candidate, reference) if side.spread]
    variance = math.fsum(parts)
    if variance == 0:
        p_value = 0.0 if log_ratio > 0 else 1.0
        return Difference(
            log_ratio=log_ratio,
            low=log_ratio,
            high=log_ratio,
            p_value=p_value,
            smallest_findable=0.0,
        )
    freedom = _welch_freedom(candidate, reference, variance)
    error = math.sqrt(variance)
    reach = student_quantile(0.975, freedom) * error
    findable = student_quantile(1 - false_alarms, freedom) + student_quantile(0.95, freedom)
    return Difference(
        log_ratio=log_ratio,
        low=log_ratio - reach,
        high=log_ratio + reach,
        p_value=student_upper_tail(log_ratio / error, freedom),
        smallest_findable=findable * error,
    )


def _welch_freedom(candidate: Summary, reference: Summary, variance: float) -> float:
    """Return the degrees of freedom by Welch and Satterthwaite (1946)."""
    denominator = math.fsum(
        (side.spread**2 / side.processes) ** 2 / (side.processes - 1)
        for side in (candidate, reference)
        if side.spread
    )
    return variance**2 / denominator


def student_upper_tail(t: float, freedom: float) -> float:
    """Return P(T >= t) for Student's t (Abramowitz and Stegun 1964, 26.7.1, 26.5.27)."""
    tail = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return tail if t >= 0 else 1 - tail


def student_quantile(probability: float, freedom: float) -> float:
    """Return t with P(T <= t) = ``probability``, by bisection; probability in [0.5, 1)."""
    low, high = 0.0, 1.0
    while student_upper_tail(high, freedom) > 1 - probability and high < 1e12:  # noqa: PLR2004 - ends for any freedom
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if student_upper_tail(middle, freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction (DLMF 8.17.22) by the method of Lentz (1976)."""
    c = 1.0
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
