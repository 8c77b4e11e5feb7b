"""Shares of runs, with how far they may be off."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Proportion"]

_STEPS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """So many of so many."""

    count: int
    total: int

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> "Proportion":
        """Count outcomes, at least one."""
        values = list(outcomes)
        return cls(count=sum(values), total=len(values))

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.total or self.total == 0:
            raise ValueError(f"{self.count} of {self.total} is no share")

    @property
    def share(self) -> float:
        """The share itself."""
        return self.count / self.total

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the exact binomial interval (Clopper and Pearson 1934).

        With none of 100 it ends at 3.6 %: seeing nothing bounds a rate only so far.
        """
        tail = (1 - confidence) / 2
        low = 0.0
        if self.count:
            low = _bisect(lambda p: self._at_least(self.count, p) < tail)
        high = 1.0
        if self.count < self.total:
            high = _bisect(lambda p: 1 - self._at_least(self.count + 1, p) > tail)
        return low, high

    def _at_least(self, count: int, probability: float) -> float:
        """Return P(X >= count) for the binomial distribution, summed over its shorter tail."""
        logs = math.log(probability), math.log1p(-probability)
        if count > self.total / 2:
            return math.fsum(self._mass(k, logs) for k in range(count, self.total + 1))
        return 1 - math.fsum(self._mass(k, logs) for k in range(count))

    def _mass(self, count: int, logs: tuple[float, float]) -> float:
        total = self.total
        choose = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
        return math.exp(choose + count * logs[0] + (total - count) * logs[1])


def _bisect(is_too_low: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if is_too_low(middle):
            low = middle
        else:
            high = middle
    return high
