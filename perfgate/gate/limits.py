"""Absolute limits, which hold whatever the references did."""

from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from perfgate.config import Limit
from perfgate.gate.comparisons import Case
from perfgate.model import Judgement, LimitBreach, ProcessRun, Reason, Verdict

__all__ = ["limited", "metric_of"]


def metric_of(run: ProcessRun, name: str) -> float | None:
    """Return a metric of one process run; what the benchmark says of itself wins.

    None: unknown, or too few rounds for that percentile.
    """
    if name in run.metrics:
        return run.metrics[name]
    if name in _METRICS:
        return _METRICS[name](run)
    return None


_METRICS: Final[Mapping[str, Callable[[ProcessRun], float | None]]] = {
    "p50": lambda run: run.median_s,
    "median": lambda run: run.median_s,
    "p90": lambda run: run.p90_s,
    "p95": lambda run: run.p95_s,
    "p99": lambda run: run.p99_s,
    "mean": lambda run: run.mean_s,
    "min": lambda run: run.min_s,
    "max": lambda run: run.max_s,
    "ops_per_s": lambda run: 1 / run.median_s,
    "memory_growth": lambda run: run.rss_growth_bytes,
}


def limited(judgement: Judgement, case: Case, failing: Collection[Verdict]) -> Judgement:
    """Hold a measured benchmark against its limits.

    A limit that was exceeded decides. One that could not be measured takes back any verdict that
    would have let the benchmark pass: nobody knows whether it was kept.
    """
    runs = case.measured.runs if case.measured else ()
    breaches = [breach for limit in case.rule.limits if (breach := _breach(limit, runs))]
    if not breaches:
        return judgement
    if any(breach.measured is not None for breach in breaches):
        verdict, reason = Verdict.LIMIT_EXCEEDED, Reason.LIMIT
    elif judgement.verdict in failing:
        verdict, reason = judgement.verdict, judgement.reason
    else:
        verdict, reason = Verdict.UNDECIDED, Reason.LIMIT_UNMEASURED
    return msgspec.structs.replace(
        judgement, verdict=verdict, reason=reason, breaches=tuple(breaches)
    )


def _breach(limit: Limit, runs: Sequence[ProcessRun]) -> LimitBreach | None:
    """Hold the median over the processes against a limit; None: kept."""
    values = [value for run in runs if (value := metric_of(run, limit.metric)) is not None]
    if not values:
        return LimitBreach(expression=limit.expression, measured=None)
    measured = median(values)
    if limit.is_kept(measured):
        return None
    return LimitBreach(expression=limit.expression, measured=measured)
