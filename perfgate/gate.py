"""The gate: estimates and policy in, one verdict per benchmark out. Pure."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec

from perfgate.config import Config, DriftPolicy, Limit, NewPolicy, Rule
from perfgate.model import (
    Benchmark,
    Comparison,
    Evidence,
    FailureKind,
    Judgement,
    LimitBreach,
    PairedSamples,
    ProcessRun,
    Reason,
    ReferenceKind,
    Results,
    Verdict,
)
from perfgate.stats.multiplicity import holm
from perfgate.stats.paired import (
    median_interval,
    robust_scale,
    shrunken,
    sign_flip_p,
)
from perfgate.stats.screening import Summary, compare_summaries

__all__ = ["EXPLORE_CUT", "exit_status", "fails_on", "is_left", "judge", "metric_of"]

EXPLORE_CUT: Final = 0.3
"""Share of the threshold from which an explored benchmark is left for confirmation."""
_EFFECT_CUT: Final = 0.5
"""Share of the threshold that a confirmed effect must reach to matter at all."""
_POWER_Z: Final = 1.645
"""Normal quantile of the 95 % with which a smallest findable slowdown is found."""
_ALIKE: Final = 0.75
_USUAL_SPREAD: Final = 0.02
"""Between pairs, where a run has too few benchmarks to tell; the median of 101 was 0.018."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One benchmark with all that decides about it."""

    evidence: Evidence
    measured: Benchmark | None
    rule: Rule
    comparisons: tuple[Comparison, ...]
    """The deciding one first."""

    @property
    def threshold_log(self) -> float:
        return math.log1p(self.rule.threshold)

    def against(self, *kinds: ReferenceKind) -> Comparison | None:
        return next((one for one in self.comparisons if one.reference in kinds), None)

    def settle(self, verdict: Verdict, reason: Reason, message: str = "") -> Judgement:
        evidence, measured = self.evidence, self.measured
        runs = measured.runs if measured else ()
        return Judgement(
            benchmark=evidence.benchmark,
            suite=evidence.suite,
            verdict=verdict,
            reason=reason,
            threshold=self.rule.threshold,
            floor_s=self.rule.floor_s,
            candidate_s=median(run.median_s for run in runs) if runs else None,
            comparisons=self.comparisons,
            baseline=evidence.baseline,
            edit=evidence.edit,
            message=message,
            path=measured.path if measured else "",
            line=measured.line if measured else None,
        )


def is_left(explore: Sequence[float], threshold: float) -> bool:
    """Say whether exploring left a benchmark to be confirmed."""
    return median(explore) >= EXPLORE_CUT * math.log1p(threshold)


def judge(
    evidence: Sequence[Evidence],
    results: Results,
    config: Config,
    *,
    is_default_branch: bool = False,
) -> tuple[Judgement, ...]:
    """Return one verdict per benchmark, in the order of the evidence.

    A benchmark that was skipped and has no baseline is left out: nobody asked about it.
    """
    measured = {benchmark.id: benchmark for benchmark in results.benchmarks}
    typical = typical_scale(evidence)
    cases = [_case(one, measured.get(one.benchmark), results, config, typical) for one in evidence]
    significant = _significant(cases, config.false_alarms)
    judgements = [
        judgement
        for case in cases
        if (judgement := _judge_case(case, significant, config, is_default_branch)) is not None
    ]
    return _with_similar(judgements)


def fails_on(config: Config, *, is_default_branch: bool) -> tuple[Verdict, ...]:
    """Return the verdicts that make a run fail with status 1."""
    verdicts = [
        Verdict.REGRESSED,
        Verdict.LIMIT_EXCEEDED,
        Verdict.MISSING,
        Verdict.ERRORED,
    ]
    if config.drift is DriftPolicy.FAIL or (config.drift is DriftPolicy.AUTO and is_default_branch):
        verdicts.append(Verdict.DRIFTED)
    if config.new is NewPolicy.FAIL:
        verdicts.append(Verdict.NEW)
    return tuple(verdicts)


def exit_status(
    judgements: Iterable[Judgement], failing: Sequence[Verdict], *, undecided_fails: bool
) -> int:
    """Return 0, 1 or 3: a run that judged nothing, or nothing with a baseline, never passes."""
    verdicts = {judgement.verdict for judgement in judgements}
    if verdicts & set(failing):
        return 1
    if Verdict.UNDECIDED in verdicts and undecided_fails:
        return 3
    return 3 if verdicts <= {Verdict.NEW} else 0


def typical_scale(evidence: Iterable[Evidence]) -> float:
    """Return the usual spread between this run's pairs: that of its middle benchmark."""
    scales = [
        robust_scale(pairs.explore)
        for one in evidence
        for pairs in one.pairs
        if len(pairs.explore) > 2  # noqa: PLR2004 - two pairs have no spread of their own
    ]
    return median(scales) if len(scales) >= 5 else _USUAL_SPREAD  # noqa: PLR2004 - fewer tell little


# --- numbers -----------------------------------------------------------------------------------


def _case(
    evidence: Evidence,
    measured: Benchmark | None,
    results: Results,
    config: Config,
    typical: float,
) -> _Case:
    rule = config.rule_for(evidence.benchmark, evidence.suite)
    runs = measured.runs if measured else ()
    comparisons = [_paired(pairs, runs, rule, typical) for pairs in evidence.pairs]
    if runs and evidence.other is not None and evidence.other.runs:
        comparisons.append(_files(runs, evidence.other.runs, config.false_alarms))
    if runs and evidence.baseline is not None and _is_comparable(evidence, results):
        comparisons.append(_committed(runs, evidence, config.false_alarms))
    return _Case(evidence=evidence, measured=measured, rule=rule, comparisons=tuple(comparisons))


def _is_comparable(evidence: Evidence, results: Results) -> bool:
    """Say whether the baseline's number was recorded here, or on hardware that is as good."""
    if evidence.baseline_environment or evidence.baseline is None:
        return False
    return results.environment.is_same_hardware(evidence.baseline.cpu)


def _paired(
    pairs: PairedSamples, runs: Sequence[ProcessRun], rule: Rule, typical: float
) -> Comparison:
    values = pairs.confirm or pairs.explore
    estimate = median(values)
    low, high = median_interval(values)
    error = shrunken(robust_scale(values), typical, len(values))
    threshold = math.log1p(rule.threshold)
    cut = (_EFFECT_CUT if pairs.confirm else EXPLORE_CUT) * threshold
    return Comparison(
        reference=pairs.reference,
        commit=pairs.commit,
        log_ratio=estimate,
        low=low,
        high=high,
        p_value=sign_flip_p(pairs.confirm, threshold) if pairs.confirm else None,
        smallest_findable=cut + _POWER_Z * error,
        samples=len(values),
        reference_s=pairs.reference_s,
        candidate_s=median(run.median_s for run in runs) if runs else None,
    )


def _lows(runs: Sequence[ProcessRun], others: Sequence[ProcessRun] = ()) -> list[float]:
    """Return what is compared: the low quantile, or the minimum where a side kept no rounds."""
    has_quantiles = all(run.low_s is not None for run in (*runs, *others))
    return [run.low_s if has_quantiles and run.low_s is not None else run.min_s for run in runs]


def _files(
    runs: Sequence[ProcessRun], others: Sequence[ProcessRun], false_alarms: float
) -> Comparison:
    difference = compare_summaries(
        Summary.of(_lows(runs, others)), Summary.of(_lows(others, runs)), false_alarms=false_alarms
    )
    return Comparison(
        reference=ReferenceKind.FILE,
        log_ratio=difference.log_ratio,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        smallest_findable=difference.smallest_findable,
        samples=min(len(runs), len(others)),
        reference_s=median(run.median_s for run in others),
        candidate_s=median(run.median_s for run in runs),
    )


def _committed(runs: Sequence[ProcessRun], evidence: Evidence, false_alarms: float) -> Comparison:
    baseline = evidence.baseline
    if baseline is None:
        raise AssertionError("compared only where there is one")
    reference = Summary(
        location=math.log(baseline.low_s), spread=baseline.spread, processes=baseline.processes
    )
    difference = compare_summaries(Summary.of(_lows(runs)), reference, false_alarms=false_alarms)
    return Comparison(
        reference=ReferenceKind.COMMITTED,
        log_ratio=difference.log_ratio,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        smallest_findable=difference.smallest_findable,
        samples=min(len(runs), baseline.processes),
        reference_s=baseline.median_s,
        candidate_s=median(run.median_s for run in runs),
    )


def _significant(
    cases: Sequence[_Case], false_alarms: float
) -> frozenset[tuple[str, ReferenceKind]]:
    """Return which comparisons show a slowdown, with the promised error rate over the whole run.

    Committed numbers that stand beside pairs are shown but not tested.
    """
    tests = [
        ((case.evidence.benchmark, one.reference), one.p_value)
        for case in cases
        for one in case.comparisons
        if one.p_value is not None
        and not (case.evidence.pairs and one.reference is ReferenceKind.COMMITTED)
    ]
    adjusted = holm([p_value for _, p_value in tests])
    return frozenset(
        key for (key, _), p_value in zip(tests, adjusted, strict=True) if p_value <= false_alarms
    )


# --- decisions ---------------------------------------------------------------------------------


def _judge_case(
    case: _Case,
    significant: frozenset[tuple[str, ReferenceKind]],
    config: Config,
    is_default_branch: bool,  # noqa: FBT001 - private
) -> Judgement | None:
    unmeasured = _unmeasured(case)
    if unmeasured is not None or case.measured is None or not case.measured.runs:
        return unmeasured
    judgement = _compared(case, significant, is_default_branch=is_default_branch)
    judgement = _waived(judgement, case, config)
    return _limited(judgement, case)


def _unmeasured(case: _Case) -> Judgement | None:
    evidence, measured = case.evidence, case.measured
    failure = measured.failure if measured else None
    if failure is not None and failure.kind is not FailureKind.SKIPPED:
        reason = Reason.UNFIT if failure.kind is FailureKind.UNFIT else Reason.RAISED
        return case.settle(Verdict.ERRORED, reason, failure.message)
    if measured is not None and failure is None:
        return None
    if evidence.edit is not None and evidence.edit.new is None:
        return case.settle(Verdict.ACCEPTED, Reason.BASELINE_EDITED)
    if evidence.baseline is not None or evidence.other is not None:
        return case.settle(Verdict.MISSING, Reason.NOT_MEASURED, failure.message if failure else "")
    return None


def _compared(
    case: _Case, significant: frozenset[tuple[str, ReferenceKind]], *, is_default_branch: bool
) -> Judgement:
    evidence = case.evidence
    if evidence.edit is not None and evidence.edit.new is not None:
        message = evidence.edit.new.reason
        return case.settle(Verdict.ACCEPTED, Reason.BASELINE_EDITED, message)
    if evidence.pairs:
        return _by_pairs(case, significant, is_default_branch=is_default_branch)
    if evidence.is_out_of_budget:
        return case.settle(Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
    comparison = case.against(ReferenceKind.FILE, ReferenceKind.COMMITTED)
    if comparison is not None:
        return _by_processes(case, comparison, significant)
    if evidence.baseline is None:
        return case.settle(Verdict.NEW, Reason.NO_BASELINE)
    if evidence.baseline_environment:
        return case.settle(Verdict.UNDECIDED, Reason.OTHER_ENVIRONMENT)
    return case.settle(Verdict.UNDECIDED, Reason.OTHER_HARDWARE)


def _by_processes(
    case: _Case, comparison: Comparison, significant: frozenset[tuple[str, ReferenceKind]]
) -> Judgement:
    """Judge by the threshold; where both sides have several processes, by the test too."""
    evidence = case.evidence
    is_slower = comparison.log_ratio >= case.threshold_log
    if evidence.other is not None and _is_other_hardware(evidence):
        return case.settle(Verdict.UNDECIDED, Reason.OTHER_HARDWARE)
    if is_slower and _is_within_floor(comparison, case.rule):
        return case.settle(Verdict.PASSED, Reason.WITHIN_FLOOR)
    if is_slower:
        is_tested = comparison.p_value is not None
        if is_tested and (evidence.benchmark, comparison.reference) not in significant:
            return case.settle(Verdict.UNDECIDED, Reason.TOO_NOISY)
        return case.settle(Verdict.REGRESSED, Reason.SLOWER)
    if _is_faster(comparison, case):
        return case.settle(Verdict.IMPROVED, Reason.FASTER)
    return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)


def _is_other_hardware(evidence: Evidence) -> bool:
    return bool(evidence.other_cpu)


def _is_within_floor(comparison: Comparison, rule: Rule) -> bool:
    if rule.floor_s <= 0 or comparison.reference_s is None:
        return False
    return math.expm1(comparison.log_ratio) * comparison.reference_s < rule.floor_s


def _is_faster(comparison: Comparison, case: _Case) -> bool:
    """Say whether it is faster by the threshold: every pair, or the interval, must agree."""
    if comparison.log_ratio > -case.threshold_log:
        return False
    return comparison.high is None or comparison.high < 0


def _by_pairs(
    case: _Case, significant: frozenset[tuple[str, ReferenceKind]], *, is_default_branch: bool
) -> Judgement:
    base = case.against(ReferenceKind.MERGE_BASE)
    approved = case.against(ReferenceKind.APPROVED)
    slower = {
        one.reference
        for one in (base, approved)
        if one is not None and _is_slower(one, case, significant)
    }
    deciding = approved if ReferenceKind.APPROVED in slower else base
    if slower and deciding is not None and _is_within_floor(deciding, case.rule):
        return case.settle(Verdict.PASSED, Reason.WITHIN_FLOOR)
    if ReferenceKind.MERGE_BASE in slower:
        return _deciding(case, base).settle(Verdict.REGRESSED, Reason.SLOWER)
    if ReferenceKind.APPROVED in slower:
        adds = base is not None and base.p_value is not None and (base.low or 0) > 0
        if adds and not is_default_branch:
            return _deciding(case, approved).settle(Verdict.REGRESSED, Reason.SLOWER_IN_SUM)
        return _deciding(case, approved).settle(Verdict.DRIFTED, Reason.DRIFTED_BEFORE)
    return _not_slower(case, base, approved)


def _not_slower(case: _Case, base: Comparison | None, approved: Comparison | None) -> Judgement:
    """Tell apart what cannot be told, what became faster, and what passes."""
    compared = [one for one in (base, approved) if one is not None]
    if case.evidence.is_out_of_budget:
        left = any(is_left(pairs.explore, case.rule.threshold) for pairs in case.evidence.pairs)
        if left:
            return case.settle(Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
    for one in compared:
        if one.p_value is not None and one.log_ratio >= case.threshold_log:
            return _deciding(case, one).settle(Verdict.UNDECIDED, Reason.TOO_NOISY)
    reference = approved or base
    if reference is not None and _is_faster(reference, case):
        return _deciding(case, reference).settle(Verdict.IMPROVED, Reason.FASTER)
    return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)


def _deciding(case: _Case, first: Comparison | None) -> _Case:
    rest = [one for one in case.comparisons if one is not first]
    ordered = (first, *rest) if first is not None else tuple(rest)
    return _Case(
        evidence=case.evidence, measured=case.measured, rule=case.rule, comparisons=ordered
    )


def _is_slower(
    comparison: Comparison, case: _Case, significant: frozenset[tuple[str, ReferenceKind]]
) -> bool:
    """Say whether fresh pairs show a slowdown that the threshold may not let pass.

    Significant over the run, at least half of the threshold, and the threshold itself not
    excluded by the interval: cutting at the threshold would miss half of what lies right on it.
    """
    if (case.evidence.benchmark, comparison.reference) not in significant:
        return False
    reaches = comparison.high is None or comparison.high >= case.threshold_log
    return reaches and comparison.log_ratio >= _EFFECT_CUT * case.threshold_log


# --- limits, waivers, names --------------------------------------------------------------------


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


def _limited(judgement: Judgement, case: _Case) -> Judgement:
    runs = case.measured.runs if case.measured else ()
    breaches = [breach for limit in case.rule.limits if (breach := _breach(limit, runs))]
    if not breaches:
        return judgement
    if any(breach.measured is not None for breach in breaches):
        verdict, reason = Verdict.LIMIT_EXCEEDED, Reason.LIMIT
    elif judgement.verdict in {Verdict.REGRESSED, Verdict.DRIFTED}:
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


def _waived(judgement: Judgement, case: _Case, config: Config) -> Judgement:
    waiver = config.waiver_for(case.evidence.benchmark)
    if waiver is None or judgement.verdict not in {Verdict.REGRESSED, Verdict.DRIFTED}:
        return judgement
    if judgement.comparisons[0].log_ratio > math.log1p(waiver.max_slowdown):
        return judgement
    return msgspec.structs.replace(
        judgement,
        verdict=Verdict.PASSED,
        reason=Reason.WAIVED,
        message=waiver.reason,
        waiver_expires=waiver.expires.isoformat(),
    )


def _with_similar(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Name the probable counterpart of what is missing and what is new: a rename is both."""
    new = [one.benchmark for one in judgements if one.verdict is Verdict.NEW]
    missing = [one.benchmark for one in judgements if one.verdict is Verdict.MISSING]
    if not new or not missing or len(new) * len(missing) > 10_000:  # noqa: PLR2004 - not one by one
        return tuple(judgements)
    partner = {name: _most_similar(name, new) for name in missing}
    partner |= {other: name for name, other in partner.items() if other}
    return tuple(
        msgspec.structs.replace(one, similar=partner[one.benchmark])
        if partner.get(one.benchmark)
        else one
        for one in judgements
    )


def _most_similar(name: str, others: Sequence[str]) -> str:
    own = name.rpartition("::")[2]
    moved = [other for other in others if other.rpartition("::")[2] == own]
    return next(iter(moved or difflib.get_close_matches(name, others, 1, _ALIKE)), "")
