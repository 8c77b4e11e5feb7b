"""A report from a pull request, judged again: its numbers are taken, its verdicts are not.

Its numbers may have been written by anybody, so they are held to what a measurement can be
before the gate, which trusts its own measurements, gets to see them.
"""

import itertools
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from perfgate.commands.compare import finished_report
from perfgate.commands.merge import merge_reports
from perfgate.config import Config
from perfgate.errors import InputFileError
from perfgate.model import (
    MEMORY_METRICS,
    Baseline,
    Benchmark,
    Counts,
    Environment,
    Evidence,
    Explanation,
    NoteKind,
    PairedSamples,
    ProcessRun,
    Report,
)

__all__ = ["judged_again"]

_MOST_BENCHMARKS: Final = 20_000
_NAME_LIMIT: Final = 1_000
_MOST_RUNS: Final = 1_000
_MOST_PAIRS: Final = 30
"""As many as can be configured; the exact test doubles its work with every other one."""
_MOST_SIGNS: Final = 20_000_000
"""Sums that the exact tests of a report may take together: half a minute, or 4,900 benchmarks that
are confirmed with the most pairs that perfgate takes by itself."""
_SECONDS: Final = (1e-15, 1e9)
_LARGEST_EFFECT: Final = 50.0
"""Natural logarithm: a factor of 10^21."""
_LARGEST_SPREAD: Final = 50.0
_MOST_PROCESSES: Final = 1_000_000
_LARGEST_NUMBER: Final = 1e18
_MOST_ENVIRONMENTS: Final = 30
_MOST_EXPLANATIONS: Final = 300
"""Three of each shard or leg, of which there are fewer than a hundred."""
_MOST_FUNCTIONS: Final = 5
_LARGEST_LINE: Final = 10**9


def judged_again(report: Report, config: Config, *, edited: Collection[str], source: str) -> Report:
    """Judge the numbers of a pull request's report by settings that it has no say in.

    Args:
        report: What the pull request's own run found.
        config: The settings of the branch that it goes to.
        edited: Suites whose baselines the pull request changes; approvals in others are not taken.
        source: What errors call the report.

    Raises:
        InputFileError: it holds what no measurement can be.
    """
    _check(report, source)
    parts = [_judged(part, config, edited) for part in _parts(report)]
    if len(parts) == 1:
        return parts[0]
    return merge_reports([(part.results.environment.key, part) for part in parts])


def _judged(part: Report, config: Config, edited: Collection[str]) -> Report:
    evidence = [
        one if one.suite in edited else msgspec.structs.replace(one, edit=None)
        for one in part.evidence
    ]
    notes = [note for note in part.notes if note.kind is not NoteKind.SHIFTED]  # found again
    judged = finished_report(evidence, part.results, config, notes=notes)
    return msgspec.structs.replace(
        judged, title=part.title, base=part.base, duration_s=part.duration_s
    )


# --- legs of several environments --------------------------------------------------------------


def _parts(report: Report) -> list[Report]:
    """Take a merged report apart again, so that settings find the benchmarks by their own names."""
    if not report.results.is_mixed:
        return [report]
    return [_part(report, environment) for environment in report.results.environments]


def _part(report: Report, environment: Environment) -> Report:
    suffix = f" ({environment.key})"
    evidence = tuple(
        msgspec.structs.replace(one, benchmark=one.benchmark.removesuffix(suffix))
        for one in report.evidence
        if one.benchmark.endswith(suffix)
    )
    benchmarks = tuple(
        msgspec.structs.replace(one, id=one.id.removesuffix(suffix))
        for one in report.results.benchmarks
        if one.id.endswith(suffix)
    )
    results = msgspec.structs.replace(
        report.results, environment=environment, environments=(), benchmarks=benchmarks, legs=()
    )
    return msgspec.structs.replace(report, evidence=evidence, results=results)


# --- what a measurement can be -----------------------------------------------------------------


def _check(report: Report, source: str) -> None:
    for place, problem in _problems(report):
        raise InputFileError(source, place, problem)


def _problems(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, each with its place."""
    names = [one.benchmark for one in report.evidence]
    if max(len(names), len(report.results.benchmarks)) > _MOST_BENCHMARKS:
        yield "evidence", f"more than {_MOST_BENCHMARKS:,} benchmarks"
    if len(set(names)) < len(names):
        yield "evidence", "a benchmark stands twice"
    if not {one.id for one in report.results.benchmarks} <= set(names):
        yield "results.benchmarks", "a benchmark was measured that has no evidence"
    yield from _of_environments(report)
    if sum(_signs(one) for one in report.evidence) > _MOST_SIGNS:
        yield "evidence", "more pairs of processes than can be tested"
    if sum(one.explanation is not None for one in report.evidence) > _MOST_EXPLANATIONS:
        yield "evidence", f"more than {_MOST_EXPLANATIONS} explanations"
    for index, one in enumerate(report.results.benchmarks):
        place = f"results.benchmarks[{index}]"
        yield from _of_name(one.id, f"{place}.id")
        yield from _of_runs(one, place)
    for index, given in enumerate(report.evidence):
        place = f"evidence[{index}]"
        yield from _of_name(given.benchmark, f"{place}.benchmark")
        yield from _of_evidence(given, place)


def _of_environments(report: Report) -> Iterator[tuple[str, str]]:
    environments = report.results.environments
    if len(environments) > _MOST_ENVIRONMENTS:
        yield "results.environments", f"more than {_MOST_ENVIRONMENTS} legs"
        return
    if len({one.key for one in environments}) < len(environments):
        yield "results.environments", "an environment stands twice"
    if not report.results.is_mixed:
        return
    endings = tuple(f" ({one.key})" for one in environments)
    for index, one in enumerate(report.evidence):
        if not one.benchmark.endswith(endings):
            yield f"evidence[{index}].benchmark", "does not say which environment it is of"


def _of_name(name: str, place: str) -> Iterator[tuple[str, str]]:
    if not 0 < len(name) <= _NAME_LIMIT:
        yield place, "is empty, or too long to be the name of a benchmark"


def _signs(given: Evidence) -> int:
    return sum(2 ** (min(len(pairs.confirm), _MOST_PAIRS) // 2) for pairs in given.pairs)


def _of_evidence(given: Evidence, place: str) -> Iterator[tuple[str, str]]:
    edits = [given.edit.old, given.edit.new] if given.edit else []
    for baseline in (given.baseline, *edits):
        if baseline is not None:
            yield from _of_baseline(baseline, f"{place}.baseline")
    if given.other is not None:
        yield from _of_runs(given.other, f"{place}.other")
    yield from _of_counts(given.base_counts, f"{place}.base_counts")
    yield from _of_explanation(given.explanation, f"{place}.explanation")
    if len({pairs.reference for pairs in given.pairs}) < len(given.pairs):
        yield f"{place}.pairs", "a reference stands twice"
    for pairs in given.pairs:
        yield from _of_pairs(pairs, f"{place}.pairs")


def _of_pairs(pairs: PairedSamples, place: str) -> Iterator[tuple[str, str]]:
    if max(len(pairs.explore), len(pairs.confirm)) > _MOST_PAIRS:
        yield place, f"more than {_MOST_PAIRS} pairs of processes"
    if max(map(abs, (*pairs.explore, *pairs.confirm))) > _LARGEST_EFFECT:
        yield place, "an estimate that no two programs can differ by"
    amounts = [*itertools.chain(*pairs.reference_memory.values())]
    most = len(MEMORY_METRICS) * 2 * _MOST_PAIRS
    if not set(pairs.reference_memory) <= set(MEMORY_METRICS) or len(amounts) > most:
        yield f"{place}.reference_memory", "is no memory that was measured"
    if max(map(abs, amounts), default=0) > _LARGEST_NUMBER:
        yield f"{place}.reference_memory", "a number that is too large"
    if pairs.reference_s is not None and not _is_time(pairs.reference_s):
        yield f"{place}.reference_s", "is no time that something took"


def _of_baseline(baseline: Baseline, place: str) -> Iterator[tuple[str, str]]:
    if not (_is_time(baseline.low_s) and _is_time(baseline.median_s)):
        yield place, "is no time that something took"
    if baseline.spread is not None and not 0 <= baseline.spread <= _LARGEST_SPREAD:
        yield f"{place}.spread", "is no spread between processes"
    if not 1 <= baseline.processes <= _MOST_PROCESSES:
        yield f"{place}.processes", "is no number of processes"


def _of_runs(benchmark: Benchmark, place: str) -> Iterator[tuple[str, str]]:
    if len(benchmark.runs) > _MOST_RUNS:
        yield f"{place}.runs", f"more than {_MOST_RUNS:,} processes"
    yield from _of_counts(benchmark.counts, f"{place}.counts")
    for run in benchmark.runs:
        if not all(map(_is_time, _times(run))):
            yield f"{place}.runs", "a time that nothing took"
        numbers = (run.iqr_s or 0, run.rss_growth_bytes or 0, *run.metrics.values())
        if max(map(abs, numbers)) > _LARGEST_NUMBER:
            yield f"{place}.runs", "a number that is too large"


def _of_counts(counts: Counts | None, place: str) -> Iterator[tuple[str, str]]:
    if counts is not None and (counts.instructions or 0) > _LARGEST_NUMBER:
        yield place, "more instructions than a call can take"


def _of_explanation(explanation: Explanation | None, place: str) -> Iterator[tuple[str, str]]:
    if explanation is None:
        return
    functions = explanation.functions
    if len(functions) > _MOST_FUNCTIONS:
        yield f"{place}.functions", f"more than {_MOST_FUNCTIONS} functions"
        return
    texts = (explanation.commit, *itertools.chain(*((one.name, one.file) for one in functions)))
    if max(map(len, texts)) > _NAME_LIMIT:
        yield place, "a text that is too long to be the name of anything"
    for one in functions:
        if not 0 <= one.line <= _LARGEST_LINE:
            yield f"{place}.functions", "is no line of a file"
        if not all(0 <= time_s <= _SECONDS[1] for time_s in (one.before_s, one.after_s)):
            yield f"{place}.functions", "a time that nothing took"
        if not all(0 <= calls <= _LARGEST_NUMBER for calls in (one.calls_before, one.calls_after)):
            yield f"{place}.functions", "is no number of calls"


def _times(run: ProcessRun) -> Iterator[float]:
    yield from (run.min_s, run.median_s)
    optional = (run.low_s, run.mean_s, run.max_s, run.p90_s, run.p95_s, run.p99_s)
    yield from (time_s for time_s in optional if time_s is not None)


def _is_time(seconds: float) -> bool:
    least, most = _SECONDS
    return least <= seconds <= most
