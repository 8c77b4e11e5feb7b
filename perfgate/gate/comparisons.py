"""One benchmark against each of its references: the numbers that a verdict rests on."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, median
from typing import Final

from perfgate.config import Config, Rule
from perfgate.model import (
    Baseline,
    Benchmark,
    Comparison,
    Environment,
    Evidence,
    Judgement,
    PairedSamples,
    ProcessRun,
    Reason,
    ReferenceKind,
    Results,
    Verdict,
)
from perfgate.stats.paired import (
    FEWEST_PAIRS,
    median_interval,
    robust_scale,
    shrunken,
    sign_flip_p,
)
from perfgate.stats.screening import Demand, Difference, Summary, compare_summaries

__all__ = [
    "EFFECT_CUT",
    "EXPLORE_CUT",
    "PAIRED",
    "Case",
    "cases_of",
    "is_left",
    "is_left_faster",
    "typical_scale",
]

EXPLORE_CUT: Final = 0.3
"""Share of the threshold from which an explored benchmark is left for confirmation."""
EFFECT_CUT: Final = 0.6
"""Share of the threshold that a confirmed effect must reach to matter at all.

Drawn from recorded pairs, 5 % with a threshold of 5 % is found in at most 1 of 100 less than with
0.5, and 3 % goes red in 11 of 100 instead of 15. With 0.5, code that only moved in memory was red
in 2 of 57 whole runs, by 2.5 and 2.9 %."""
PAIRED: Final = frozenset({ReferenceKind.MERGE_BASE, ReferenceKind.APPROVED})
_POWER_Z: Final = 1.645
"""Normal quantile of the 95 % with which a smallest findable slowdown is found."""
_USUAL_SPREAD: Final = 0.02
"""Between pairs, where a run has too few benchmarks to tell; the median of 101 was 0.018."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One benchmark with all that decides about it."""

    evidence: Evidence
    measured: Benchmark | None
    rule: Rule
    comparisons: tuple[Comparison, ...]
    """The deciding one first."""
    environment: Environment
    """Where the candidate was measured."""

    @property
    def threshold_log(self) -> float:
        """The threshold as a log ratio."""
        return math.log1p(self.rule.threshold)

    @property
    def is_left(self) -> bool:
        """Say whether exploring left it to be confirmed as slower, against any reference."""
        return any(is_left(one.explore, self.rule.threshold) for one in self.evidence.pairs)

    def against(self, *kinds: ReferenceKind) -> Comparison | None:
        """Return the first comparison with a reference of these kinds."""
        return next((one for one in self.comparisons if one.reference in kinds), None)

    def pairs_with(self, kind: ReferenceKind) -> PairedSamples | None:
        """Return the pairs that were measured with a reference."""
        return next((one for one in self.evidence.pairs if one.reference is kind), None)

    def is_within_floor(self, comparison: Comparison) -> bool:
        """Say whether the absolute difference is one that never matters."""
        if self.rule.floor_s <= 0 or comparison.reference_s is None:
            return False
        difference_s = math.expm1(comparison.log_ratio) * comparison.reference_s
        return abs(difference_s) < self.rule.floor_s

    def deciding(self, first: Comparison) -> "Case":
        """Put one comparison before the others."""
        rest = [one for one in self.comparisons if one is not first]
        return replace(self, comparisons=(first, *rest))

    def is_from_here(self, baseline: Baseline) -> bool:
        """Say whether a baseline's numbers were recorded here, or on hardware that is as good."""
        return _is_from(self.environment, baseline, self.evidence)

    def settle(self, verdict: Verdict, reason: Reason, message: str = "") -> Judgement:
        """Write down the verdict with every number it rests on."""
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
    """Say whether exploring left a benchmark to be confirmed as slower."""
    return median(explore) >= EXPLORE_CUT * math.log1p(threshold)


def is_left_faster(explore: Sequence[float], threshold: float) -> bool:
    """Say whether exploring left a benchmark to be confirmed as faster.

    At the threshold itself: an improvement that is overlooked costs nothing, pairs do.
    """
    return median(explore) <= -math.log1p(threshold)


def typical_scale(evidence: Iterable[Evidence]) -> float:
    """Return the usual spread between this run's pairs: that of its middle benchmark."""
    scales = [
        robust_scale(pairs.explore)
        for one in evidence
        for pairs in one.pairs
        if len(pairs.explore) > 2  # noqa: PLR2004 - two pairs have no spread of their own
    ]
    return median(scales) if len(scales) >= 5 else _USUAL_SPREAD  # noqa: PLR2004 - fewer tell little


def cases_of(evidence: Sequence[Evidence], results: Results, config: Config) -> tuple[Case, ...]:
    """Return each benchmark with its comparisons, in the order of the evidence."""
    measured = {benchmark.id: benchmark for benchmark in results.benchmarks}
    builder = _Builder(
        results=results,
        false_alarms=config.false_alarms,
        typical=typical_scale(evidence),
        confirmed=sum(1 for one in evidence if any(pairs.confirm for pairs in one.pairs)),
        screened=sum(1 for one in evidence if not one.pairs and (one.baseline or one.other)),
    )
    return tuple(
        builder.case(one, measured.get(one.benchmark), config.rule_for(one.benchmark, one.suite))
        for one in evidence
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """What all benchmarks of a run have in common."""

    results: Results
    false_alarms: float
    typical: float
    confirmed: int
    """Benchmarks whose pairs are tested together."""
    screened: int
    """Benchmarks whose process runs are tested together."""

    def case(self, evidence: Evidence, measured: Benchmark | None, rule: Rule) -> Case:
        runs = measured.runs if measured else ()
        comparisons = [self._paired(pairs, runs, rule) for pairs in evidence.pairs]
        if runs and evidence.other is not None and evidence.other.runs:
            comparisons.append(self._files(runs, evidence.other.runs, rule))
        baseline = evidence.baseline
        here = self.results.environment
        if runs and baseline is not None and _is_from(here, baseline, evidence):
            comparisons.append(self._committed(runs, baseline, rule))
        return Case(
            evidence=evidence,
            measured=measured,
            rule=rule,
            comparisons=tuple(comparisons),
            environment=here,
        )

    def _paired(self, pairs: PairedSamples, runs: Sequence[ProcessRun], rule: Rule) -> Comparison:
        values = pairs.confirm or pairs.explore
        threshold = math.log1p(rule.threshold)
        low, high = median_interval(values)
        return Comparison(
            reference=pairs.reference,
            commit=pairs.commit,
            log_ratio=median(values),
            low=low,
            high=high,
            p_value=sign_flip_p(pairs.confirm, threshold) if pairs.confirm else None,
            smallest_findable=self._findable(pairs, threshold),
            samples=len(values),
            reference_s=pairs.reference_s,
            candidate_s=median(run.median_s for run in runs) if runs else None,
        )

    def _findable(self, pairs: PairedSamples, threshold_log: float) -> float:
        """Return the slowdown that both stages would have let through to red in 95 of 100 runs.

        Of a benchmark that exploring settled, the confirmation that it did not take is taken to
        spread as its exploration did.
        """
        values = pairs.confirm or pairs.explore
        count = len(pairs.confirm) or FEWEST_PAIRS
        error = shrunken(robust_scale(values), self.typical, len(values))
        confirming = error * math.sqrt(len(values) / count)
        level = self.false_alarms / max(1, self.confirmed)
        needed = max(EFFECT_CUT * threshold_log, NormalDist().inv_cdf(1 - level) * confirming)
        findable = needed + _POWER_Z * confirming
        if pairs.confirm:
            return findable
        return max(findable, EXPLORE_CUT * threshold_log + _POWER_Z * error)

    def _files(
        self, runs: Sequence[ProcessRun], others: Sequence[ProcessRun], rule: Rule
    ) -> Comparison:
        difference = compare_summaries(
            Summary.of(_lows(runs, others)), Summary.of(_lows(others, runs)), self._demand(rule)
        )
        return _by_processes(
            ReferenceKind.FILE,
            difference,
            samples=min(len(runs), len(others)),
            reference_s=median(run.median_s for run in others),
            candidate_s=median(run.median_s for run in runs),
        )

    def _committed(self, runs: Sequence[ProcessRun], baseline: Baseline, rule: Rule) -> Comparison:
        reference = Summary(
            location=math.log(baseline.low_s),
            spread=baseline.spread,
            processes=baseline.processes,
        )
        difference = compare_summaries(Summary.of(_lows(runs)), reference, self._demand(rule))
        return _by_processes(
            ReferenceKind.COMMITTED,
            difference,
            samples=min(len(runs), baseline.processes),
            reference_s=baseline.median_s,
            candidate_s=median(run.median_s for run in runs),
        )

    def _demand(self, rule: Rule) -> Demand:
        return Demand(
            false_alarms=self.false_alarms / max(1, self.screened),
            threshold=math.log1p(rule.threshold),
        )


def _is_from(here: Environment, baseline: Baseline, evidence: Evidence) -> bool:
    return not evidence.baseline_environment and here.is_same_hardware(baseline.cpu)


def _by_processes(
    reference: ReferenceKind,
    difference: Difference,
    *,
    samples: int,
    reference_s: float,
    candidate_s: float,
) -> Comparison:
    return Comparison(
        reference=reference,
        log_ratio=difference.log_ratio,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        smallest_findable=difference.smallest_findable,
        samples=samples,
        reference_s=reference_s,
        candidate_s=candidate_s,
    )


def _lows(runs: Sequence[ProcessRun], others: Sequence[ProcessRun] = ()) -> list[float]:
    """Return what is compared: the low quantile, or the minimum where a side kept no rounds."""
    has_quantiles = all(run.low_s is not None for run in (*runs, *others))
    return [run.low_s if has_quantiles and run.low_s is not None else run.min_s for run in runs]
