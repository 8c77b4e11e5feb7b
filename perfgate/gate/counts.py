"""Instructions against the same references as time: a metric of their own, and a second witness.

The same code takes the same number of instructions, whatever the machine is busy with, so no test
is needed: what the threshold does not allow is more. They are compared within one build of the
interpreter alone, and they are no time: what waits for memory, a lock or a disk counts for nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from perfgate.config import Waiver
from perfgate.gate.comparisons import Case
from perfgate.model import (
    Baseline,
    CountChange,
    CountOutcome,
    Counts,
    Judgement,
    Reason,
    ReferenceKind,
    Verdict,
)

__all__ = ["INSTRUCTIONS", "is_more", "is_other_count", "with_counts"]

INSTRUCTIONS: Final = "instructions"
"""Name of the metric in a baseline line."""
_REACH: Final = 0.75
"""Share of the threshold from which it counts as reached: a change of exactly the threshold would
be found in half of all cases otherwise. From one folder or environment to another the same code was
off by up to 0.35 %, so that 1 % more is found, and what is unchanged is far from 0.75 %."""
_SHARE_CUT: Final = 0.2
"""Share of the threshold that a change must add itself to be red for the sum of several."""
_FLOOR_INSTRUCTIONS: Final = 20.0
"""What a call of nothing at all may differ by: how memory lies where it is copied."""
_UNTOLD_BY_TIME: Final = frozenset({Reason.OTHER_HARDWARE, Reason.TOO_NOISY, Reason.NO_REFERENCE})


def is_more(before: float, after: float, threshold: float) -> bool:
    """Say whether a call takes more instructions by the threshold."""
    return after - before > max(_FLOOR_INSTRUCTIONS, _REACH * threshold * before)


def is_other_count(old: Baseline, new: Baseline, threshold: float) -> bool:
    """Say whether a new count is to be approved: none was for this build, or it differs."""
    after = new.metrics.get(INSTRUCTIONS)
    if after is None:
        return False
    before = old.metrics.get(INSTRUCTIONS)
    if before is None or old.counted_with != new.counted_with:
        return True
    return is_more(before, after, threshold) or is_more(after, before, threshold)


def with_counts(
    judgement: Judgement,
    case: Case,
    failing: Collection[Verdict],
    *,
    waiver: Waiver | None,
    is_default_branch: bool,
) -> Judgement:
    """Hold what was counted against its references.

    More instructions than the threshold allows are red like a slowdown: through this change where
    the merge base has fewer, else as drift. Where no code could run beside the candidate's and the
    numbers of time alone cannot tell, the count decides.
    """
    threshold = case.rule.counts_threshold
    changes = tuple(_changes(case, threshold))
    if not changes:
        return judgement
    judgement = msgspec.structs.replace(judgement, counts=changes, counts_threshold=threshold)
    if judgement.verdict in failing or judgement.verdict is Verdict.ACCEPTED:
        return judgement
    allowed = max(threshold, waiver.max_slowdown) if waiver else threshold
    verdict = _more(changes, allowed, case, is_default_branch=is_default_branch)
    if verdict is not None:
        return _decided(judgement, verdict, Reason.MORE_INSTRUCTIONS)
    outcomes = {one.outcome for one in changes if one.reference is not ReferenceKind.MERGE_BASE}
    if CountOutcome.FEWER in outcomes and judgement.verdict is Verdict.PASSED:
        return _decided(judgement, Verdict.IMPROVED, Reason.FEWER_INSTRUCTIONS)
    is_untold = judgement.verdict is Verdict.UNDECIDED and judgement.reason in _UNTOLD_BY_TIME
    if is_untold and not case.evidence.pairs:
        if CountOutcome.SAME in outcomes:
            return _decided(judgement, Verdict.PASSED, Reason.SAME_INSTRUCTIONS)
        if CountOutcome.FEWER in outcomes:
            return _decided(judgement, Verdict.IMPROVED, Reason.FEWER_INSTRUCTIONS)
    return judgement


def _decided(judgement: Judgement, verdict: Verdict, reason: Reason) -> Judgement:
    return msgspec.structs.replace(judgement, verdict=verdict, reason=reason)


def _more(
    changes: Sequence[CountChange], allowed: float, case: Case, *, is_default_branch: bool
) -> Verdict | None:
    """Return what more instructions come to; None: there are none that matter."""
    base = next((one for one in changes if one.reference is ReferenceKind.MERGE_BASE), None)
    over = [
        one
        for one in changes
        if one.outcome is CountOutcome.MORE and is_more(one.before, one.after, allowed)
    ]
    if not over:
        return None
    if base in over or over[0].reference is ReferenceKind.FILE:
        return Verdict.REGRESSED
    if is_default_branch:
        return Verdict.DRIFTED
    if base is None or base.outcome is CountOutcome.OTHER_BUILD:  # with pairs: whose it is, is open
        return Verdict.UNDECIDED if case.evidence.pairs else Verdict.REGRESSED
    adds = is_more(base.before, base.after, _SHARE_CUT * allowed)
    return Verdict.REGRESSED if adds else Verdict.DRIFTED


def _changes(case: Case, threshold: float) -> Iterator[CountChange]:
    """Yield the candidate's count against each that is there; the merge base first."""
    evidence = case.evidence
    counts = case.measured.counts if case.measured else None
    if counts is None or counts.instructions is None:
        return
    after, build = counts.instructions, counts.build
    base = evidence.base_counts
    if base is not None and base.instructions is not None:
        yield _change(ReferenceKind.MERGE_BASE, base, after, build, threshold, evidence.base_commit)
    other = evidence.other.counts if evidence.other is not None else None
    if other is not None and other.instructions is not None:
        yield _change(ReferenceKind.FILE, other, after, build, threshold)
    baseline = evidence.baseline
    if evidence.other is None and baseline is not None and INSTRUCTIONS in baseline.metrics:
        approved = Counts(instructions=baseline.metrics[INSTRUCTIONS], build=baseline.counted_with)
        yield _change(ReferenceKind.COMMITTED, approved, after, build, threshold)


def _change(
    reference: ReferenceKind,
    before: Counts,
    after: float,
    build: str,
    threshold: float,
    commit: str = "",
) -> CountChange:
    usual = before.instructions or 0.0
    outcome = CountOutcome.SAME
    if before.build != build:
        outcome = CountOutcome.OTHER_BUILD
    elif is_more(usual, after, threshold):
        outcome = CountOutcome.MORE
    elif is_more(after, usual, threshold):
        outcome = CountOutcome.FEWER
    return CountChange(
        reference=reference, commit=commit, before=usual, after=after, outcome=outcome
    )
