"""What instructions say of a verdict, in sentences: the number that decided, or a second witness.

Counts and time need not agree, and why they do not is worth more than either number.
"""

from typing import Final

from perfgate.model import CountChange, CountOutcome, Judgement, Reason, ReferenceKind, Verdict
from perfgate.report.text import Sentence
from perfgate.units import format_instructions, format_percent

__all__ = ["by_counts", "witness"]

_REFERENCES: Final = {
    ReferenceKind.COMMITTED: "its baseline",
    ReferenceKind.FILE: "the other file",
    ReferenceKind.MERGE_BASE: "the merge base",
    ReferenceKind.APPROVED: "the approved code",
}
_BY_COUNT: Final = frozenset(
    {Reason.MORE_INSTRUCTIONS, Reason.FEWER_INSTRUCTIONS, Reason.SAME_INSTRUCTIONS}
)
_UNSEEN: Final = (
    " Then the time is spent where no instruction is: on memory that is not in a cache, on locks, "
    "on waiting, or in the system."
)


def by_counts(judgement: Judgement) -> list[Sentence]:
    """Explain a verdict that instructions decided."""
    allowed = format_percent(judgement.counts_threshold or 0.0)
    ending = {
        Verdict.DRIFTED: ", but not through this change",
        Verdict.UNDECIDED: ", and whose change that is cannot be told",
    }.get(judgement.verdict, "")
    if judgement.reason is Reason.MORE_INSTRUCTIONS:
        rule = f"It takes more instructions; the threshold is {allowed}{ending}."
    elif judgement.reason is Reason.FEWER_INSTRUCTIONS:
        rule = "It takes fewer instructions. Others could now hide under the old count."
    else:
        rule = "Times alone cannot tell here, and it takes the same instructions."
    return [(rule,), *(_numbers(one) for one in judgement.counts)]


def witness(judgement: Judgement) -> list[Sentence]:
    """Say what instructions say of a verdict that time decided; nothing where both are silent."""
    if judgement.reason in _BY_COUNT or not judgement.counts:
        return []
    change = judgement.counts[0]
    if change.outcome is CountOutcome.OTHER_BUILD:
        return [("Its instructions were approved with another build of Python: time decides.",)]
    direction = _DIRECTIONS.get(judgement.verdict)
    if direction is None:
        return []
    if change.outcome is direction:
        return [("Instructions agree. ", *_numbers(change))]
    text = "Instructions disagree. "
    tail = _UNSEEN if direction is CountOutcome.MORE else ""
    return [(text, *_numbers(change), tail)] if tail else [(text, *_numbers(change))]


_DIRECTIONS: Final = {
    Verdict.REGRESSED: CountOutcome.MORE,
    Verdict.DRIFTED: CountOutcome.MORE,
    Verdict.IMPROVED: CountOutcome.FEWER,
}


def _numbers(change: CountChange) -> Sentence:
    amounts = f"{format_instructions(change.before)} → {format_instructions(change.after)}"
    percent = ""
    if change.before > 0 and change.after > 0:
        percent = f" ({change.after / change.before - 1:+.1%})".replace("%", " %")
    name = _REFERENCES[change.reference]
    return (f"Instructions of a call: {amounts}{percent} against {name}.",)
