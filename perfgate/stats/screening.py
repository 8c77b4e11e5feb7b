"""Committed numbers against fresh ones: Welch's test over processes, from summaries alone.

How the rule was chosen: simulated runs of 100 unchanged benchmarks in 5 + 5 processes (2,000 runs
a cell; threshold 5 %, false alarms 1 %), processes spread by 1.8 %, or by 9 %, or one in eight of
ten or of all benchmarks is another 18 % slower. Per cent of the runs that were red / undecided, and
the last column: how often a benchmark that really is 10 % slower was red (else undecided).

| location, least spread | 1.8 %   | ten off    | all off   | 9 %       | 10 % found red |
|------------------------|---------|------------|-----------|-----------|----------------|
| mean, none             | 0 / 0.1 | 0 / 63     | 0.1 / 100 | 0.5 / 100 | 70 %           |
| **median, 2 %**        | 0 / 1.9 | 0.1 / 17   | 0.1 / 84  | 0.1 / 100 | 18 %           |

The median takes longer to be sure, and it is what a baseline holds: a run never differs from the
baseline that was taken of it. With 3 + 3 processes the mean was red in 0.6 to 68 % of the runs in
which processes lie in two modes, since three often agree by chance; the median with a least spread
in none. Neither bears all 100 benchmarks in two modes 10 % apart, half and half, in 5 + 5 processes
(9.9 and 2.3 % red): so few processes cannot tell such modes from a change, pairs can.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median, stdev
from typing import Final

__all__ = [
    "SMALLEST_SPREAD",
    "Demand",
    "Difference",
    "Summary",
    "compare_summaries",
    "student_quantile",
    "student_upper_tail",
]

SMALLEST_SPREAD: Final = 0.02
"""Between processes; none counts as less, since the few that agree say little about the next."""
_MEDIAN_VARIANCE: Final = math.pi / 2
"""Of the median of many normal values, over that of their mean; an upper bound for few."""
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_MOST_TERMS: Final = 500
_MOST_STEPS: Final = 50
_FEW: Final = 3
"""Degrees of freedom up to which an expansion around the normal distribution helps nothing."""
_CLOSE_STEP: Final = 1e-6
"""Of the value; the error after such a step is about its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The processes of one side, as ln(seconds)."""

    location: float
    """Their median, as baselines have it."""
    spread: float | None
    """Standard deviation between processes; None with a single one."""
    processes: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Summary":
        """Summarise one value per process."""
        logs = [math.log(value) for value in seconds]
        return cls(
            location=median(logs),
            spread=stdev(logs) if len(logs) > 1 else None,
            processes=len(logs),
        )

    @property
    def variance(self) -> float:
        """Of the location; 0 without a spread."""
        spread = max(self.spread or 0.0, SMALLEST_SPREAD)
        factor = _MEDIAN_VARIANCE if self.processes > 2 else 1.0  # noqa: PLR2004 - of two, median and mean are one
        return factor * spread**2 / self.processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a comparison has to show."""

    false_alarms: float
    """For this one comparison."""
    threshold: float
    """Smallest slowdown that counts, as a log ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """ln(candidate / reference) with its 95 % interval, and how surely it is above zero."""

    log_ratio: float
    low: float | None
    high: float | None
    p_value: float | None
    """One-sided, for "not slower"; None where a side has a single process."""
    smallest_findable: float | None


def compare_summaries(candidate: Summary, reference: Summary, demand: Demand) -> Difference:
    """Compare medians by Welch's test (1947): the two sides may spread differently.

    The smallest findable slowdown is the one that in 95 of 100 runs is both significant and not
    below the threshold.
    """
    log_ratio = candidate.location - reference.location
    sides = [side for side in (candidate, reference) if side.spread is not None]
    if len(sides) < 2 or min(side.processes for side in sides) < 2:  # noqa: PLR2004 - two sides, and two processes to differ
        return Difference(
            log_ratio=log_ratio, low=None, high=None, p_value=None, smallest_findable=None
        )
    parts = [side.variance for side in sides]
    variance = math.fsum(parts)
    # Degrees of freedom by Welch and Satterthwaite (1946).
    freedom = variance**2 / math.fsum(
        part**2 / (side.processes - 1) for part, side in zip(parts, sides, strict=True)
    )
    error = math.sqrt(variance)
    reach = student_quantile(0.975, freedom) * error
    needed = max(demand.threshold, student_quantile(1 - demand.false_alarms, freedom) * error)
    return Difference(
        log_ratio=log_ratio,
        low=log_ratio - reach,
        high=log_ratio + reach,
        p_value=student_upper_tail(log_ratio / error, freedom),
        smallest_findable=needed + student_quantile(0.95, freedom) * error,
    )


def student_upper_tail(t: float, freedom: float) -> float:
    """Return P(T >= t) for Student's t (Abramowitz and Stegun 1964, 26.7.1, 26.5.27)."""
    tail = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return tail if t >= 0 else 1 - tail


def student_quantile(probability: float, freedom: float) -> float:
    """Return t with P(T <= t) = ``probability``; probability in [0.5, 1), freedom at least 1.

    Newton's method on ln(tail), which is almost straight, from the first terms of the expansion
    around the normal quantile (Abramowitz and Stegun 1964, 26.7.5): a handful of steps does where
    halving took hundreds.
    """
    z = NormalDist().inv_cdf(probability)
    t = z + (z**3 + z) / (4 * freedom) if freedom > _FEW else z
    for _ in range(_MOST_STEPS):
        tail = student_upper_tail(t, freedom)
        step = math.log(tail / (1 - probability)) * tail / _student_density(t, freedom)
        t += step
        if abs(step) <= _CLOSE_STEP * t:
            break
    return t


def _student_density(t: float, freedom: float) -> float:
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    log_scale -= math.log(freedom * math.pi) / 2
    return math.exp(log_scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))


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
