"""Limits, which hold whatever the references did: absolute ones, and shares of what was approved.

A share compares two numbers and tests nothing: noise is for the margin of the limit to cover.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from perfgate.config import Limit
from perfgate.gate.comparisons import Case
from perfgate.model import (
    Judgement,
    LackingApproval,
    LimitBreach,
    ProcessRun,
    Reason,
    Verdict,
)

__all__ = ["limited", "metric_of", "typical_metric"]

_SAME_ANYWHERE: Final = frozenset({"success_rate", "error_rate"})
"""What does not depend on how fast a machine is; of any other metric nobody can tell."""


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


def typical_metric(runs: Sequence[ProcessRun], name: str) -> float | None:
    """Return the median of a metric over the processes that have it; None where none does."""
    values = [value for run in runs if (value := metric_of(run, name)) is not None]
    return median(values) if values else None


def limited(judgement: Judgement, case: Case, failing: Collection[Verdict]) -> Judgement:
    """Hold a measured benchmark against its limits.

    A limit that was exceeded decides. One that could not be measured takes back any verdict that
    would have let the benchmark pass: nobody knows whether it was kept. A share of what was never
    approved binds no benchmark that is new as a whole.
    """
    is_new = judgement.verdict is Verdict.NEW
    breaches = [
        breach
        for limit in case.rule.limits
        if (breach := _breach(limit, case)) is not None
        and not (is_new and breach.lacking is LackingApproval.ABSENT)
    ]
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


def _breach(limit: Limit, case: Case) -> LimitBreach | None:
    """Hold what is typical of the processes against a limit; None: kept."""
    measured = typical_metric(case.measured.runs if case.measured else (), limit.metric)
    if measured is not None and limit.is_relative:
        approved = _approved(limit.metric, case)
        if isinstance(approved, LackingApproval):
            return LimitBreach(expression=limit.expression, measured=None, lacking=approved)
        measured /= approved
    if measured is not None and limit.is_kept(measured):
        return None
    return LimitBreach(expression=limit.expression, measured=measured)


def _approved(metric: str, case: Case) -> float | LackingApproval:
    """Return the number that a share is of: in the other file, or in the line that will count."""
    evidence = case.evidence
    if evidence.other is not None:
        approved, is_from_here = typical_metric(evidence.other.runs, metric), not evidence.other_cpu
    else:
        edited = evidence.edit.new if evidence.edit else None
        baseline = edited or evidence.baseline
        approved = baseline.metrics.get(metric) if baseline else None
        is_from_here = baseline is not None and case.is_from_here(baseline)
    if approved is None:
        return LackingApproval.ABSENT
    if not (is_from_here or metric.rpartition(".")[2] in _SAME_ANYWHERE):
        return LackingApproval.OTHER_HARDWARE
    return approved if approved > 0 else LackingApproval.NOT_POSITIVE
