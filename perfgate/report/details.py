"""One benchmark in full: the numbers behind its verdict, as facts and as charts."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final, TypeAlias

from perfgate.model import (
    Baseline,
    Benchmark,
    Comparison,
    Environment,
    Evidence,
    Judgement,
    ProcessRun,
    Report,
    Revision,
)
from perfgate.report.causes import causes
from perfgate.report.charts import Chart, rounded
from perfgate.report.figures import draw_estimates, draw_times
from perfgate.report.sentences import count_samples, interval, name_cpu, name_reference
from perfgate.report.text import Quoted, Sentence, join
from perfgate.units import format_bytes, format_number, format_percent, format_ratio, format_seconds

__all__ = ["Details", "Facts", "Gauge", "describe", "describe_run"]

_MOST_PROCESSES: Final = 30
_FEW_PROCESSES: Final = 5
_METRICS_SHOWN: Final = 20
_LEGS_SHOWN: Final = 30
_GAUGE_REACH: Final = 2.0
"""Thresholds that a gauge shows to either side."""


Facts: TypeAlias = tuple[tuple[str, Sentence], ...]
"""What a number is, and the number in words."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """An effect in thresholds: 0 is no change, 1 the threshold; ends lie within two of them."""

    middle: float
    low: float
    high: float
    reach: float = _GAUGE_REACH


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a page shows of a benchmark beside its row."""

    gauge: Gauge | None
    facts: Facts
    charts: tuple[Chart, ...]
    effect: float | None
    """What sorting by the change goes by."""
    after_s: float | None
    """What sorting by the time goes by."""


def describe(
    judgement: Judgement,
    benchmark: Benchmark | None,
    evidence: Evidence | None,
    *,
    effect: float | None,
    after_s: float | None,
    is_brief: bool,
) -> Details:
    """Lay out every number that a report holds of a benchmark; the brief way, fewer processes."""
    most = _FEW_PROCESSES if is_brief else _MOST_PROCESSES
    charts = (
        draw_estimates(judgement, evidence),
        draw_times(judgement, benchmark, evidence, most_processes=most),
    )
    return Details(
        gauge=_gauge(judgement),
        facts=(
            *(("Slower", line) for line in causes(judgement, evidence)[1:]),
            *_known(_facts(judgement, benchmark)),
        ),
        charts=tuple(chart for chart in charts if chart is not None),
        effect=effect,
        after_s=after_s,
    )


def describe_run(report: Report) -> tuple[Facts, ...]:
    """Lay out the code that was measured, then each machine that measured it."""
    results = report.results
    code = (
        ("Commit", _commit(results.revision)),
        ("Merge base", _commit(report.base)),
        ("Legs", join([(Quoted(leg),) for leg in results.legs[:_LEGS_SHOWN]], ", ")),
    )
    machines = map(_machine, (results.environments or (results.environment,))[:_LEGS_SHOWN])
    return tuple(facts for facts in (_known(code), *machines) if facts)


def _known(facts: Iterable[tuple[str, Sentence]]) -> Facts:
    return tuple((name, fact) for name, fact in facts if fact)


def _commit(revision: Revision | None) -> Sentence:
    if revision is None or not revision.commit.strip():
        return ()
    branch: Sentence = (" on ", Quoted(revision.branch)) if revision.branch.strip() else ()
    dirty = " with uncommitted changes" if revision.is_dirty else ""
    return (Quoted(revision.commit), *branch, dirty)


def _machine(environment: Environment) -> Facts:
    named = {
        "CPU": environment.cpu_model,
        "System": f"{environment.system} {environment.kernel}",
        "Architecture": environment.machine,
        "Python": f"{environment.implementation} {environment.python}",
        "Build": environment.python_build,
        "Governor": environment.governor,
        "perfgate": environment.perfgate,
        "pytest-benchmark": environment.pytest_benchmark,
    }
    facts: list[tuple[str, Sentence]] = [
        (name, (Quoted(text.strip()),) if text.strip() else ()) for name, text in named.items()
    ]
    if environment.cpu_count is not None:
        facts.insert(1, ("CPUs", (f"{environment.cpu_count}",)))
    if environment.load_1min is not None:
        facts.append(("Load before", (f"{environment.load_1min:.3g} over one minute",)))
    return _known(facts)


def _gauge(judgement: Judgement) -> Gauge | None:
    if not judgement.comparisons or judgement.threshold <= 0:
        return None
    deciding = judgement.comparisons[0]
    unit = math.log1p(judgement.threshold)

    def place(log_ratio: float | None, unbounded: float) -> float:
        value = unbounded if log_ratio is None else log_ratio / unit
        return rounded(max(-_GAUGE_REACH, min(_GAUGE_REACH, value)))

    return Gauge(
        middle=place(deciding.log_ratio, 0),
        low=place(deciding.low, -_GAUGE_REACH),
        high=place(deciding.high, _GAUGE_REACH),
    )


# --- facts -------------------------------------------------------------------------------------


def _facts(judgement: Judgement, benchmark: Benchmark | None) -> list[tuple[str, Sentence]]:
    floor = f"; floor {format_seconds(judgement.floor_s)}" if judgement.floor_s > 0 else ""
    return [
        ("Threshold", (f"{format_percent(judgement.threshold)} slower{floor}",)),
        *(_compared(comparison) for comparison in judgement.comparisons),
        ("Measured", _measured(judgement, benchmark)),
        ("Approved", _approved(judgement.baseline)),
        *_limits(judgement),
        ("Reported", _reported(benchmark)),
        ("Memory", _memory(benchmark)),
        ("Suite", (Quoted(judgement.suite),)),
        ("Source", _source(judgement)),
    ]


def _compared(comparison: Comparison) -> tuple[str, Sentence]:
    between = interval(comparison)
    parts = [
        format_ratio(comparison.log_ratio) + (f" ({between})" if between else ""),
        count_samples(comparison),
    ]
    if comparison.p_value is not None:
        parts.append(f"p = {comparison.p_value:.2g}")
    if comparison.smallest_findable is not None:
        parts.append(f"could have found {format_ratio(comparison.smallest_findable)} or more")
    return "Compared", (f"{', '.join(parts)}, against ", *name_reference(comparison))


def _measured(judgement: Judgement, benchmark: Benchmark | None) -> Sentence:
    if judgement.candidate_s is None:
        return ()
    time = f"{format_seconds(judgement.candidate_s)} (median)"
    runs = benchmark.runs if benchmark is not None else ()
    if not runs:
        return (time,)
    rounds = sum(run.rounds for run in runs)
    processes = "1 process" if len(runs) == 1 else f"{len(runs)} processes"
    calls = f", {runs[0].iterations:,} calls each" if runs[0].iterations > 1 else ""
    return (f"{time} of {rounds:,} rounds in {processes}{calls}",)


def _approved(baseline: Baseline | None) -> Sentence:
    if baseline is None:
        return ()
    processes = "1 process" if baseline.processes == 1 else f"{baseline.processes} processes"
    time = format_seconds(baseline.median_s)
    reason: Sentence = (": ", Quoted(baseline.reason)) if baseline.reason.strip() else ()
    return (f"{time} (median) of {processes} on ", *name_cpu(baseline.cpu), *reason)


def _limits(judgement: Judgement) -> list[tuple[str, Sentence]]:
    return [("Limit", (Quoted(breach.expression),)) for breach in judgement.breaches]


def _reported(benchmark: Benchmark | None) -> Sentence:
    if benchmark is None:
        return ()
    names = dict.fromkeys(name for run in benchmark.runs for name in run.metrics)
    shown: list[Sentence] = [
        (Quoted(name), f" {format_number(median(_values(benchmark.runs, name)))}")
        for name in list(names)[:_METRICS_SHOWN]
    ]
    if len(names) > len(shown):
        shown.append((f"and {len(names) - len(shown)} more",))
    return join(shown, ", ")


def _values(runs: Sequence[ProcessRun], name: str) -> list[float]:
    return [run.metrics[name] for run in runs if name in run.metrics]


def _memory(benchmark: Benchmark | None) -> Sentence:
    runs = benchmark.runs if benchmark is not None else ()
    grown = [run.rss_growth_bytes for run in runs if run.rss_growth_bytes is not None]
    return (f"the peak grew by {format_bytes(max(grown))} at most",) if any(grown) else ()


def _source(judgement: Judgement) -> Sentence:
    if not judgement.path:
        return ()
    line = f", line {judgement.line}" if judgement.line is not None else ""
    return (Quoted(judgement.path), line)
