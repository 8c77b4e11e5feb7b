"""Passed, failed or inconclusive: measured numbers held against limits, with the reasons."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perfgate.config.limits import Limit, parse_limit
from perfgate.units import format_measured

__all__ = ["Check", "LoadVerdict", "check_limits"]


class LoadVerdict(enum.Enum):
    """The outcome of a performance test."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Nothing that was asked for was broken, but the numbers cannot be trusted to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A verdict and why."""

    subject: str
    failures: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def verdict(self) -> LoadVerdict:
        """A failure outweighs a doubt."""
        if self.failures:
            return LoadVerdict.FAILED
        return LoadVerdict.INCONCLUSIVE if self.doubts else LoadVerdict.PASSED

    @property
    def reason(self) -> str:
        """All failures and doubts in one line; empty for a pass."""
        return "; ".join((*self.failures, *self.doubts))

    def require(self) -> None:
        """Do nothing if it passed.

        Raises:
            AssertionError: it failed, or is inconclusive; says which and why.
        """
        if self.verdict is not LoadVerdict.PASSED:
            raise AssertionError(f"{self.subject}: {self.verdict.value}: {self.reason}")


def check_limits(
    subject: str,
    metrics: Mapping[str, float | None],
    limits: Sequence[str],
    *,
    doubts: Sequence[str] = (),
    count: int,
) -> Check:
    """Hold numbers against limits such as ``p95 < 500ms`` or ``success_rate > 95%``.

    An unknown metric fails, and so does every limit where nothing was measured: a limit that
    cannot be broken is a mistake, not a pass. A metric for which there were too few operations
    is a doubt.

    Raises:
        ValueError: a limit is malformed, or relative to a baseline, which only the gate knows.
    """
    failures, unsure = [], list(doubts)
    for limit in map(_parse_absolute, limits):
        if count == 0:
            failures.append(f"{limit.expression}: no operation ended")
        elif limit.metric not in metrics:
            known = ", ".join(sorted(metrics))
            failures.append(f'{limit.expression}: no metric "{limit.metric}"; there are {known}')
        elif (value := metrics[limit.metric]) is None:
            unsure.append(f"{limit.expression}: too few operations ({count})")
        elif not limit.is_kept(value):
            failures.append(f"{limit.expression}: was {format_measured(limit.expression, value)}")
    return Check(subject=subject, failures=tuple(failures), doubts=tuple(unsure))


def _parse_absolute(expression: str) -> Limit:
    limit = parse_limit(expression)
    if limit.is_relative:
        raise ValueError(
            f'"{expression}": a test knows no baseline; set this limit in [tool.perfgate.suites]'
        )
    return limit
