"""Verdicts: which comparisons are significant over the run, and what follows from them.

Error rates. Each benchmark has one *primary* comparison: the merge base where there is one, else
the approved code, else the numbers of process runs. A pull request goes red for a slowdown only
if the primary comparison is significant among all primary ones (Holm over the run), also where
the sum of several changes is what counts; so unchanged code fails at most as often as
``false_alarms`` says, whatever was approved. What says that the approved code was faster is a
family of its own, and what says that the candidate is faster another one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from perfgate.config import Config, Waiver
from perfgate.gate.comparisons import EFFECT_CUT, PAIRED, Case, cases_of, is_left_faster
from perfgate.gate.counts import with_counts
from perfgate.gate.limits import limited
from perfgate.gate.memory import with_memory
from perfgate.gate.renames import with_similar
from perfgate.gate.run import fails_on
from perfgate.model import (
    Comparison,
    Evidence,
    FailureKind,
    Judgement,
    Reason,
    ReferenceKind,
    Results,
    Verdict,
)
from perfgate.stats.multiplicity import holm
from perfgate.stats.paired import sign_flip_p

__all__ = ["judge"]

_REACH: Final = 0.9
"""Share of the threshold that the interval of a slowdown must reach. Drawn from recorded pairs, 5 %
with a threshold of 5 % is found in 96.8 % and 93.6 % (quiet, noisy), with 1.0 in 95.7 % and 92.3 %;
3 % goes red in 16 % and 12 %, with 0.8 in 36 % and 28 % (all with an EFFECT_CUT of 0.5)."""
_SHARE_CUT: Final = 0.2
"""Share of the threshold that a change must add itself to be red for the sum of several. Ten
changes of 2 % under a threshold of 5 % lie at 0.4; code that merely moved in memory lies below."""

_Key = tuple[str, ReferenceKind]
_Test = tuple[_Key, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    """Comparisons that are significant with the promised error rate over the whole run."""

    slower: frozenset[_Key]
    faster: frozenset[_Key]


def judge(
    evidence: Sequence[Evidence],
    results: Results,
    config: Config,
    *,
    is_default_branch: bool = False,
) -> tuple[Judgement, ...]:
    """Return one verdict per benchmark, in the order of the evidence.

    A benchmark that was skipped and has no baseline is left out: nobody asked about it.

    Raises:
        ValueError: a measured benchmark has no evidence, or one has it twice.
    """
    _check_complete(evidence, results)
    cases = cases_of(evidence, results, config)
    findings = _findings(cases, config.false_alarms)
    judge_case = _Judge(
        findings=findings,
        config=config,
        failing=fails_on(config, is_default_branch=is_default_branch),
        is_default_branch=is_default_branch,
    )
    judgements = [
        judgement for case in cases if (judgement := judge_case.verdict(case)) is not None
    ]
    return with_similar(judgements)


def _check_complete(evidence: Sequence[Evidence], results: Results) -> None:
    names = [one.benchmark for one in evidence]
    known = set(names)
    if len(known) < len(names):
        raise ValueError("a benchmark has evidence twice")
    unknown = [one.id for one in results.benchmarks if one.id not in known]
    if unknown:
        raise ValueError(f"measured but without evidence, so nobody would judge it: {unknown[0]}")


# --- significance over the run -----------------------------------------------------------------


def _findings(cases: Iterable[Case], false_alarms: float) -> _Findings:
    """Adjust within three families: primary, approved beside a merge base, and faster.

    Pairs count where exploring left something, which their own fresh values know nothing of.
    Committed numbers that stand beside pairs are shown but not tested.
    """
    primary: list[_Test] = []
    approved: list[_Test] = []
    faster: list[_Test] = []
    for case in cases:
        tests = _slower_tests(case)
        primary += tests[:1]
        approved += tests[1:]
        faster += _faster_tests(case)
    slower = _significant(primary, false_alarms) | _significant(approved, false_alarms)
    return _Findings(slower=slower, faster=_significant(faster, false_alarms))


def _significant(tests: Sequence[_Test], false_alarms: float) -> frozenset[_Key]:
    adjusted = holm([p_value for _, p_value in tests])
    return frozenset(
        key for (key, _), p_value in zip(tests, adjusted, strict=True) if p_value <= false_alarms
    )


def _slower_tests(case: Case) -> list[_Test]:
    """Return the tests of one benchmark, the primary one first."""
    wanted = (
        [ReferenceKind.MERGE_BASE, ReferenceKind.APPROVED]
        if case.evidence.pairs
        else [ReferenceKind.FILE, ReferenceKind.COMMITTED]
    )
    if case.evidence.pairs and not case.is_left:
        return []
    name = case.evidence.benchmark
    return [
        ((name, kind), one.p_value)
        for kind in wanted
        if (one := case.against(kind)) is not None and one.p_value is not None
    ]


def _faster_tests(case: Case) -> list[_Test]:
    """Return the one test of a benchmark that looks faster, with its p-value for "not faster"."""
    comparison = _for_improvement(case)
    if comparison is None or comparison.p_value is None:
        return []
    key = (case.evidence.benchmark, comparison.reference)
    pairs = case.pairs_with(comparison.reference)
    if pairs is None:
        return [(key, 1 - comparison.p_value)]
    if not is_left_faster(pairs.explore, case.rule.threshold):
        return []
    return [(key, sign_flip_p([-estimate for estimate in pairs.confirm], case.threshold_log))]


def _for_improvement(case: Case) -> Comparison | None:
    """Return the comparison that can show an improvement: what was approved counts first."""
    if case.evidence.pairs:
        return case.against(ReferenceKind.APPROVED) or case.against(ReferenceKind.MERGE_BASE)
    return case.against(ReferenceKind.FILE) or case.against(ReferenceKind.COMMITTED)


# --- decisions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """What all benchmarks of a run are judged by."""

    findings: _Findings
    config: Config
    failing: tuple[Verdict, ...]
    is_default_branch: bool

    def verdict(self, case: Case) -> Judgement | None:
        if case.measured is None or not case.measured.runs:
            return _unmeasured(case)
        waiver = self.config.waiver_for(case.evidence.benchmark)
        judgement = _waived(self._compared(case), waiver)
        judgement = with_memory(
            judgement, case, self.failing, is_default_branch=self.is_default_branch
        )
        judgement = with_counts(
            judgement, case, self.failing, waiver=waiver, is_default_branch=self.is_default_branch
        )
        return limited(judgement, case, self.failing)

    def _compared(self, case: Case) -> Judgement:
        evidence = case.evidence
        if evidence.edit is not None and evidence.edit.new is not None:
            message = evidence.edit.new.reason
            return case.settle(Verdict.ACCEPTED, Reason.BASELINE_EDITED, message)
        if evidence.pairs:
            return self._by_pairs(case)
        if evidence.is_out_of_budget:
            return case.settle(Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
        comparison = case.against(ReferenceKind.FILE, ReferenceKind.COMMITTED)
        if comparison is not None:
            return self._by_processes(case, comparison)
        if evidence.baseline is None:
            return case.settle(Verdict.NEW, Reason.NO_BASELINE)
        if evidence.baseline_environment:
            return case.settle(Verdict.UNDECIDED, Reason.OTHER_ENVIRONMENT)
        return case.settle(Verdict.UNDECIDED, Reason.OTHER_HARDWARE)

    def _by_processes(self, case: Case, comparison: Comparison) -> Judgement:
        """Judge by the threshold; where both sides have several processes, by the test too."""
        if case.evidence.other is not None and case.evidence.other_cpu:
            other_cpu = case.evidence.other_cpu
            return case.settle(Verdict.UNDECIDED, Reason.OTHER_HARDWARE, other_cpu)
        if abs(comparison.log_ratio) < case.threshold_log:
            return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)
        if case.is_within_floor(comparison):
            return case.settle(Verdict.PASSED, Reason.WITHIN_FLOOR)
        key = (case.evidence.benchmark, comparison.reference)
        is_tested = comparison.p_value is not None
        if comparison.log_ratio > 0:
            if is_tested and key not in self.findings.slower:
                return case.settle(Verdict.UNDECIDED, Reason.TOO_NOISY)
            return case.settle(Verdict.REGRESSED, Reason.SLOWER)
        if is_tested and key not in self.findings.faster:
            return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)
        return case.settle(Verdict.IMPROVED, Reason.FASTER)

    def _by_pairs(self, case: Case) -> Judgement:
        base = case.against(ReferenceKind.MERGE_BASE)
        approved = case.against(ReferenceKind.APPROVED)
        slower = [one for one in (base, approved) if one is not None and self._is_slower(one, case)]
        mattering = [one for one in slower if not case.is_within_floor(one)]
        if base in mattering and base is not None:
            return case.deciding(base).settle(Verdict.REGRESSED, Reason.SLOWER)
        if approved in mattering and approved is not None:
            return self._slower_than_approved(case.deciding(approved), base)
        if slower:
            return case.deciding(slower[0]).settle(Verdict.PASSED, Reason.WITHIN_FLOOR)
        return self._not_slower(case, [one for one in (base, approved) if one is not None])

    def _is_slower(self, comparison: Comparison, case: Case) -> bool:
        """Say whether fresh pairs show a slowdown that the threshold may not let pass.

        Significant over the run, an effect of EFFECT_CUT, and an interval that does not exclude
        _REACH: cutting at the threshold would miss half of what lies right on it, and an interval
        that ends just below would miss some more.
        """
        if (case.evidence.benchmark, comparison.reference) not in self.findings.slower:
            return False
        reaches = comparison.high is None or comparison.high >= _REACH * case.threshold_log
        return reaches and comparison.log_ratio >= EFFECT_CUT * case.threshold_log

    def _slower_than_approved(self, case: Case, base: Comparison | None) -> Judgement:
        """Tell this change's share from what came before it."""
        if self.is_default_branch:
            return case.settle(Verdict.DRIFTED, Reason.DRIFTED_BEFORE)
        if base is None or base.p_value is None:  # whose slowdown it is cannot be told
            return case.settle(Verdict.UNDECIDED, Reason.NO_REFERENCE)
        is_significant = (case.evidence.benchmark, base.reference) in self.findings.slower
        if is_significant and base.log_ratio >= _SHARE_CUT * case.threshold_log:
            return case.settle(Verdict.REGRESSED, Reason.SLOWER_IN_SUM)
        if not is_significant and base.log_ratio >= EFFECT_CUT * case.threshold_log:
            # One odd pair of few hides a slowdown from the test, and proves nobody's innocence.
            return case.deciding(base).settle(Verdict.UNDECIDED, Reason.TOO_NOISY)
        return case.settle(Verdict.DRIFTED, Reason.DRIFTED_BEFORE)

    def _not_slower(self, case: Case, compared: Sequence[Comparison]) -> Judgement:
        """Tell apart what cannot be told, what became faster, and what passes."""
        is_confirmed = all(one.p_value is not None for one in compared)
        if case.evidence.is_out_of_budget:
            return case.settle(Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
        if case.is_left and not is_confirmed:
            return case.settle(Verdict.UNDECIDED, Reason.NO_REFERENCE)
        for one in compared:
            is_suspect = one.p_value is not None and one.log_ratio >= case.threshold_log
            if is_suspect and not case.is_within_floor(one):
                return case.deciding(one).settle(Verdict.UNDECIDED, Reason.TOO_NOISY)
        if case.evidence.baseline is None:
            return case.settle(Verdict.NEW, Reason.NO_BASELINE)
        faster = _for_improvement(case)
        if (
            faster is None
            or (case.evidence.benchmark, faster.reference) not in self.findings.faster
        ):
            return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)
        if faster.log_ratio > -case.threshold_log or case.is_within_floor(faster):
            return case.settle(Verdict.PASSED, Reason.WITHIN_THRESHOLD)
        return case.deciding(faster).settle(Verdict.IMPROVED, Reason.FASTER)


def _waived(judgement: Judgement, waiver: Waiver | None) -> Judgement:
    if waiver is None or judgement.verdict not in {Verdict.REGRESSED, Verdict.DRIFTED}:
        return judgement
    worst = max(
        one.log_ratio
        for index, one in enumerate(judgement.comparisons)
        if index == 0 or one.reference in PAIRED
    )
    if worst > math.log1p(waiver.max_slowdown):
        return judgement
    return msgspec.structs.replace(
        judgement,
        verdict=Verdict.PASSED,
        reason=Reason.WAIVED,
        message=waiver.reason,
        waiver_expires=waiver.expires.isoformat(),
    )


def _unmeasured(case: Case) -> Judgement | None:
    evidence, measured = case.evidence, case.measured
    failure = measured.failure if measured else None
    message = failure.message if failure else ""
    if failure is not None and failure.kind is not FailureKind.SKIPPED:
        reason = Reason.UNFIT if failure.kind is FailureKind.UNFIT else Reason.RAISED
        return case.settle(Verdict.ERRORED, reason, message)
    if failure is None and evidence.is_out_of_budget:
        return case.settle(Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
    if evidence.edit is not None and evidence.edit.new is None:
        return case.settle(Verdict.ACCEPTED, Reason.BASELINE_EDITED)
    has_baseline = evidence.baseline is not None or evidence.edit is not None
    had_number = evidence.other is not None and bool(evidence.other.runs)
    if has_baseline or had_number:
        return case.settle(Verdict.MISSING, Reason.NOT_MEASURED, message)
    return None
