"""Memory against the same references as time: what a benchmark keeps, and its peak.

Blocks that an operation keeps are counted, and counting the same code twice gives the same number:
no test is needed where nothing varies. Where something does (threads, caches, the kernel's pages),
the processes of a side show by how much. More memory is then only what lies clear of that: every
process of the candidate above every process of the reference, by more than either side's processes
differ among themselves. With four processes on each side, values of one distribution are separated
at all in 1 of 70 draws (Wilcoxon, 1945), and by such a gap far more seldom; in two modes, where a
side may lie in one of them by chance, in 1 of 256. So what exploring left is confirmed with fresh
pairs, as a slowdown is, and all of them together must be separated.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec

from perfgate.gate.comparisons import PAIRED, Case
from perfgate.gate.limits import metric_of
from perfgate.model import (
    MEMORY_METRICS,
    Judgement,
    MemoryChange,
    MemoryOutcome,
    ProcessRun,
    Reason,
    ReferenceKind,
    Verdict,
)

__all__ = ["allowed_growth", "is_left_larger", "memory_of", "with_memory"]

_FLOORS: Final[Mapping[str, float]] = {"blocks_per_op": 0.5, "memory_growth": 2e6}
"""Growth that never matters: half a block, two of the arenas that Python takes at once."""
_SHARE_CUT: Final = 0.2
"""Share of the threshold that a change must add to count in a sum of several, as for time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """What one reference needed, by the name of the metric."""

    kind: ReferenceKind
    commit: str
    values: Mapping[str, Sequence[float]]


def memory_of(runs: Sequence[ProcessRun]) -> dict[str, tuple[float, ...]]:
    """Return what processes needed, by the name of the metric that at least one of them has."""
    found = {
        name: tuple(value for run in runs if (value := metric_of(run, name)) is not None)
        for name in MEMORY_METRICS
    }
    return {name: values for name, values in found.items() if values}


def is_left_larger(
    before: Sequence[ProcessRun], after: Sequence[ProcessRun], threshold: float
) -> bool:
    """Say whether exploring left a benchmark to be confirmed as needing more memory."""
    old, new = memory_of(before), memory_of(after)
    return any(
        _outcome(name, old[name], new[name], threshold) in _BY_OUTCOME for name in old.keys() & new
    )


def allowed_growth(metric: str, before: float, threshold: float) -> float:
    """Return how much more than before passes, in the unit of the metric."""
    return max(_FLOORS[metric], threshold * before)


def with_memory(
    judgement: Judgement, case: Case, failing: Collection[Verdict], *, is_default_branch: bool
) -> Judgement:
    """Hold a measured benchmark's memory against its references.

    Against the merge base, another file or committed numbers it decides by itself. What only the
    approved code did with less drifted, unless this change surely adds to it.
    """
    threshold = case.rule.memory_threshold
    if threshold is None:
        return judgement
    changes = tuple(_changes(case, threshold))
    judgement = msgspec.structs.replace(judgement, memory=changes, memory_threshold=threshold)
    if judgement.verdict in failing or judgement.reason in _LEFT_ALONE:
        return judgement
    verdict = _verdict(changes, is_default_branch=is_default_branch)
    if verdict is None or (verdict is Verdict.UNDECIDED and judgement.verdict is verdict):
        return judgement
    reason = Reason.MEMORY_UNCLEAR if verdict is Verdict.UNDECIDED else Reason.MORE_MEMORY
    return msgspec.structs.replace(judgement, verdict=verdict, reason=reason)


def _verdict(changes: Sequence[MemoryChange], *, is_default_branch: bool) -> Verdict | None:
    """Return what memory alone comes to; None: nothing."""
    found = {(one.metric, one.reference): one.outcome for one in changes}
    verdicts = set()
    for one in changes:
        if one.reference is not ReferenceKind.APPROVED:
            verdicts.add(_BY_OUTCOME.get(one.outcome))
        elif one.outcome is MemoryOutcome.MORE:
            base = found.get((one.metric, ReferenceKind.MERGE_BASE))
            adds = base in {MemoryOutcome.ADDED, MemoryOutcome.MORE}
            verdicts.add(Verdict.REGRESSED if adds and not is_default_branch else Verdict.DRIFTED)
    order = (Verdict.REGRESSED, Verdict.DRIFTED, Verdict.UNDECIDED)
    return next((verdict for verdict in order if verdict in verdicts), None)


_LEFT_ALONE: Final = frozenset({Reason.BASELINE_EDITED, Reason.OUT_OF_BUDGET})
"""What this change itself approves, and what could not be confirmed."""
_BY_OUTCOME: Final[Mapping[MemoryOutcome, Verdict]] = {
    MemoryOutcome.MORE: Verdict.REGRESSED,
    MemoryOutcome.UNCLEAR: Verdict.UNDECIDED,
}


def _changes(case: Case, threshold: float) -> Iterator[MemoryChange]:
    """Yield every metric that both the candidate and a reference have."""
    measured = memory_of(case.measured.runs if case.measured else ())
    for reference in _references(case):
        for name, after in measured.items():
            before = reference.values.get(name)
            if before:
                yield MemoryChange(
                    metric=name,
                    reference=reference.kind,
                    commit=reference.commit,
                    before=median(before),
                    after=median(after),
                    outcome=_outcome(name, before, after, threshold),
                )


def _references(case: Case) -> Iterator[_Reference]:
    """Yield code that ran beside the candidate; without any, the other file or committed numbers.

    Blocks do not depend on the CPU and pages hardly do, so that of the numbers may be another one.
    """
    evidence = case.evidence
    paired = [pairs for pairs in evidence.pairs if pairs.reference in PAIRED]
    if paired:
        for pairs in paired:
            yield _Reference(
                kind=pairs.reference, commit=pairs.commit, values=pairs.reference_memory
            )
    elif evidence.other is not None:
        values = memory_of(evidence.other.runs)
        yield _Reference(kind=ReferenceKind.FILE, commit="", values=values)
    elif evidence.baseline is not None and not evidence.baseline_environment:
        metrics = evidence.baseline.metrics
        approved: dict[str, Sequence[float]] = {
            name: (metrics[name],) for name in MEMORY_METRICS if name in metrics
        }
        yield _Reference(kind=ReferenceKind.COMMITTED, commit="", values=approved)


def _outcome(
    metric: str, before: Sequence[float], after: Sequence[float], threshold: float
) -> MemoryOutcome:
    """Compare the processes of both sides; one process alone cannot show what varies."""
    usual = median(before)
    growth = median(after) - usual
    gap = min(after) - max(before)
    spread = max(max(values) - min(values) for values in (before, after))
    is_over = growth > allowed_growth(metric, usual, threshold)
    if gap <= 0:
        return MemoryOutcome.WITHIN
    # A committed number has a spread too, which nobody knows: it is taken to be the candidate's.
    sides = 1 if len(before) > 1 else 2
    if gap <= sides * spread or len(after) == 1:
        return MemoryOutcome.UNCLEAR if is_over else MemoryOutcome.WITHIN
    if is_over:
        return MemoryOutcome.MORE
    adds = growth > allowed_growth(metric, usual, _SHARE_CUT * threshold)
    return MemoryOutcome.ADDED if adds else MemoryOutcome.WITHIN
