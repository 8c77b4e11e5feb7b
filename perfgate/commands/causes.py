"""What the worst regressions of a check became slower in, put beside the evidence.

Both trees are there already. No verdict rests on it, and a failure to find out is a note.
"""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from perfgate.commands.explain import Growth, grown_in_python
from perfgate.commands.pairing import PairJob
from perfgate.errors import MeasurementError
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress
from perfgate.model import (
    Evidence,
    Explanation,
    GrownFunction,
    Judgement,
    Note,
    NoteKind,
    Reason,
    ReferenceKind,
    Report,
    Verdict,
)
from perfgate.report.text import shorten

__all__ = ["with_explanations"]

_MOST: Final = 3
_LONGEST_S: Final = 20.0
_MOST_FUNCTIONS: Final = 5
_LEAST_PART: Final = 0.1
"""Of what the first function grew by: less tells nobody where to look."""
_LEAST_SHARE: Final = 0.01
"""Of the whole call: a profile of few rounds differs by less from itself."""
_TEXT_LIMIT: Final = 500
_REASONS: Final = frozenset({Reason.SLOWER, Reason.SLOWER_IN_SUM, Reason.MORE_INSTRUCTIONS})


def with_explanations(report: Report, job: PairJob, progress: Progress) -> Report:
    """Explain the worst regressions within what is left of the budget."""
    chosen = [
        one
        for one in report.judgements
        if one.verdict is Verdict.REGRESSED and one.reason in _REASONS
    ]
    chosen.sort(key=_effect, reverse=True)
    found: dict[str, Explanation] = {}
    unknown: list[str] = []
    for judgement in chosen[:_MOST]:
        side = _before(judgement, job)
        if side is None:
            continue
        try:
            explanation = _explained(judgement.benchmark, side, job, progress)
        except MeasurementError as error:
            unknown.append(f"{judgement.benchmark}: {error.problem}")
        else:
            if explanation.functions:
                found[judgement.benchmark] = explanation
    notes = [Note(kind=NoteKind.UNEXPLAINED, facts=tuple(unknown))] if unknown else []
    return msgspec.structs.replace(
        report,
        evidence=tuple(_beside(one, found.get(one.benchmark)) for one in report.evidence),
        notes=(*report.notes, *notes),
    )


def _beside(evidence: Evidence, explanation: Explanation | None) -> Evidence:
    if explanation is None:
        return evidence
    return msgspec.structs.replace(evidence, explanation=explanation)


def _effect(judgement: Judgement) -> float:
    return judgement.comparisons[0].log_ratio if judgement.comparisons else 0.0


def _before(judgement: Judgement, job: PairJob) -> Side | None:
    """Return the tree that it is slower than; without pairs, that of the merge base."""
    references = job.references.get(judgement.benchmark)
    if references is None:
        return None
    kind = judgement.comparisons[0].reference if judgement.comparisons else None
    if kind is ReferenceKind.APPROVED and references.approved is not None:
        return references.approved
    return references.merge_base or references.approved


def _explained(name: str, side: Side, job: PairJob, progress: Progress) -> Explanation:
    now_s = time.monotonic()
    deadline_s = min(job.deadline_s, now_s + _LONGEST_S)
    if deadline_s <= now_s:
        raise MeasurementError(name, "the time budget ran out")
    growths = grown_in_python(
        (side, job.candidate),
        name,
        job.environ,
        job.timeout_s,
        progress=progress,
        deadline_s=deadline_s,
    )
    return Explanation(commit=job.commits.get(side.name, ""), functions=_largest(growths))


def _largest(growths: Sequence[Growth]) -> tuple[GrownFunction, ...]:
    """Keep what is large beside the call and beside the largest."""
    if not growths:
        return ()
    most = growths[0].after - growths[0].before
    return tuple(
        GrownFunction(
            name=shorten(one.name, _TEXT_LIMIT),
            file=shorten(one.file, _TEXT_LIMIT),
            line=one.line,
            before_s=one.before,
            after_s=one.after,
            calls_before=one.calls_before or 0.0,
            calls_after=one.calls_after or 0.0,
        )
        for one in growths[:_MOST_FUNCTIONS]
        if one.after - one.before >= max(_LEAST_PART * most, _LEAST_SHARE * _whole(one))
    )


def _whole(growth: Growth) -> float:
    return growth.after / growth.share_after
