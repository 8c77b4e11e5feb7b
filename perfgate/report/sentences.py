"""Why a verdict was reached, in sentences.

Our own words are plain strings without any markup character; what comes from outside is Quoted.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

from perfgate.model import (
    Benchmark,
    Comparison,
    Environment,
    Judgement,
    LackingApproval,
    LimitBreach,
    MemoryChange,
    MemoryOutcome,
    Reason,
    ReferenceKind,
    Verdict,
)
from perfgate.report.counted import by_counts, witness
from perfgate.report.text import Quoted, Sentence, shorten
from perfgate.units import (
    format_bytes,
    format_interval,
    format_measured,
    format_number,
    format_percent,
    format_ratio,
    format_seconds,
)

__all__ = [
    "count_samples",
    "explain",
    "interval",
    "name_commit",
    "name_cpu",
    "name_reference",
]

_LIMIT_EXCEEDED: Final = ("A limit was exceeded.",)
_MEMORY_UNCLEAR: Final = (
    "Needs more memory than the threshold allows, but its own processes differ as much.",
)
_UNCONFIRMED: Final = (
    ", but a reference did not run in every pair that was needed to tell whose change that is."
)
_FAR: Final = 1.5
"""Factor that two hours on one machine do not differ by."""
_ROUNDS_NEEDED: Final = {"p90": 36, "p95": 72, "p99": 368}
_LACKING: Final = {
    LackingApproval.ABSENT: "is relative to a number that is not approved: update the baselines",
    LackingApproval.NOT_POSITIVE: "is a share of zero or less, which says nothing: set a number",
    LackingApproval.OTHER_HARDWARE: "is relative to a number that was approved on other hardware",
}


_MEMORY: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = {
    "blocks_per_op": ("Blocks kept per operation", format_number),
    "memory_growth": ("Growth of its peak memory", format_bytes),
}


def name_commit(commit: str) -> Sentence:
    """Name a commit by its first ten digits; empty when unknown."""
    return (Quoted(shorten(commit[:10] if commit.isalnum() else commit, 40)),) if commit else ()


def interval(comparison: Comparison) -> str:
    """Write the interval of an effect; empty when neither side is bounded."""
    low, high = comparison.low, comparison.high
    if low is not None and high is not None:
        return format_interval(low, high)
    if low is not None:
        return f"at least {format_ratio(low)}"
    return f"at most {format_ratio(high)}" if high is not None else ""


# --- why ---------------------------------------------------------------------------------------


def explain(
    judgement: Judgement, benchmark: Benchmark | None, environment: Environment
) -> tuple[Sentence, ...]:
    """Say why the verdict was reached, with the number that decided or the one that was missing.

    The first sentence gives the rule, which others may share; what follows is of this one alone.
    """
    parts = [*_core(judgement, benchmark, environment)]
    if judgement.reason is not Reason.LIMIT and judgement.reason is not Reason.LIMIT_UNMEASURED:
        parts += [_breach(breach) for breach in judgement.breaches]
    if judgement.reason is not Reason.MORE_MEMORY:
        parts += _grown(judgement, MemoryOutcome.MORE)
    parts += witness(judgement)
    if judgement.similar:
        was = (
            "It was probably renamed to"
            if judgement.verdict is Verdict.MISSING
            else ("It was probably renamed from")
        )
        parts.append((f"{was} ", Quoted(judgement.similar), "."))
    return tuple(parts)


def _core(  # noqa: C901, PLR0911, PLR0912 - one flat choice over a closed set, checked for completeness
    judgement: Judgement, benchmark: Benchmark | None, environment: Environment
) -> Sequence[Sentence]:
    allowed = format_percent(judgement.threshold)
    match judgement.reason:
        case Reason.WITHIN_THRESHOLD:
            return [(f"Within the threshold of {allowed}.",)]
        case Reason.WITHIN_FLOOR:
            return [(f"The difference is below the floor of {format_seconds(judgement.floor_s)}.",)]
        case Reason.SLOWER:
            return _slower(judgement, f"; the threshold is {allowed}.")
        case Reason.SLOWER_IN_SUM:
            return _slower(judgement, f"; the threshold is {allowed}, and this change adds to it.")
        case Reason.DRIFTED_BEFORE:
            return _slower(judgement, ", but not through this change.")
        case Reason.MORE_MEMORY:
            return [_memory_rule(judgement), *_grown(judgement, MemoryOutcome.MORE)]
        case Reason.MEMORY_UNCLEAR:
            return [_MEMORY_UNCLEAR, *_grown(judgement, MemoryOutcome.UNCLEAR)]
        case Reason.MORE_INSTRUCTIONS | Reason.FEWER_INSTRUCTIONS | Reason.SAME_INSTRUCTIONS:
            return by_counts(judgement)
        case Reason.FASTER:
            rule = ". A slowdown could now hide under the old time."
            return [("Faster than ", *_against(judgement), rule)]
        case Reason.LIMIT:
            return [_breach(breach) for breach in judgement.breaches] or [_LIMIT_EXCEEDED]
        case Reason.LIMIT_UNMEASURED:
            unmeasured = [_unmeasured(breach, benchmark) for breach in judgement.breaches]
            return unmeasured or [("A limit could not be measured.",)]
        case Reason.NOT_MEASURED:
            return [("It has a baseline, but this run did not measure it.",)]
        case Reason.RAISED:
            return [("It failed: ", _message(judgement), ".")]
        case Reason.NO_BASELINE:
            return [("It has no baseline yet.",)]
        case Reason.BASELINE_EDITED:
            return [_edited(judgement), *_beyond_edit(judgement, environment)]
        case Reason.WAIVED:
            return [("Waived", *_until(judgement), ": ", _message(judgement), ".")]
        case Reason.OTHER_HARDWARE:
            return [_other_hardware(judgement, environment)]
        case Reason.OTHER_ENVIRONMENT:
            ending = ", and times from elsewhere cannot be compared."
            return [("No baseline was recorded for ", Quoted(environment.key), ending)]
        case Reason.TOO_NOISY:
            return _too_noisy(judgement)
        case Reason.OUT_OF_BUDGET:
            text = f"The time budget ran out after {_pairs(judgement)}."
            return [(text,), _findable(judgement)]
        case Reason.NO_REFERENCE:
            return [_no_reference(judgement)]
        case Reason.UNFIT:
            return [("Measuring it would mislead: ", _message(judgement), ".")]
        case _:
            assert_never(judgement.reason)


def _memory_rule(judgement: Judgement) -> Sentence:
    allowed = format_percent(judgement.memory_threshold or 0.0)
    drifted = judgement.verdict is Verdict.DRIFTED
    rest = ", but not through this change" if drifted else ""
    return (f"Needs more memory; the threshold is {allowed}{rest}.",)


def _grown(judgement: Judgement, outcome: MemoryOutcome) -> list[Sentence]:
    """Name what grew, from what to what, against every reference that shows it."""
    return [
        (f"{_MEMORY[one.metric][0]}: {_amounts(one)} against ", *_named(one), ".")
        for one in judgement.memory
        if one.outcome is outcome and one.metric in _MEMORY
    ]


def _amounts(change: MemoryChange) -> str:
    write = _MEMORY[change.metric][1]
    text = f"{write(change.before)} → {write(change.after)}"
    if change.before <= 0 or change.after <= 0:
        return text
    return f"{text} ({change.after / change.before - 1:+.1%})".replace("%", " %")


def _named(change: MemoryChange) -> Sentence:
    commit = name_commit(change.commit)
    name = _REFERENCES[change.reference]
    return (f"{name} ", *commit) if commit else (name,)


def _slower(judgement: Judgement, rest: str) -> list[Sentence]:
    """Name what it is slower than, then how it stands to every other reference."""
    return [("Slower than ", *_against(judgement), rest), *_others(judgement)]


def _message(judgement: Judgement) -> Quoted:
    return Quoted(judgement.message.strip() or "no reason given")


def _until(judgement: Judgement) -> Sentence:
    return (" until ", Quoted(judgement.waiver_expires)) if judgement.waiver_expires else ()


_REFERENCES: Final = {
    ReferenceKind.COMMITTED: "its baseline",
    ReferenceKind.FILE: "the other file",
    ReferenceKind.MERGE_BASE: "the merge base",
    ReferenceKind.APPROVED: "the approved code",
}


def _against(judgement: Judgement) -> Sentence:
    return name_reference(judgement.comparisons[0]) if judgement.comparisons else ("its reference",)


def name_reference(comparison: Comparison) -> Sentence:
    """Name what was compared with, by its commit where it has one."""
    commit = name_commit(comparison.commit)
    name = _REFERENCES[comparison.reference]
    return (f"{name} ", *commit) if commit else (name,)


def _others(judgement: Judgement) -> list[Sentence]:
    return [
        (f"{format_ratio(other.log_ratio)} against ", *name_reference(other), ".")
        for other in judgement.comparisons[1:]
    ]


def _edited(judgement: Judgement) -> Sentence:
    edit = judgement.edit
    if edit is not None and edit.new is None:
        return ("This change removes its baseline.",)
    verb = "sets" if edit is None or edit.old is None else "edits"
    reason = edit.new.reason if edit is not None and edit.new is not None else judgement.message
    if not reason.strip():
        return (f"This change {verb} its baseline, without a reason.",)
    return (f"This change {verb} its baseline: ", Quoted(reason), ".")


def _beyond_edit(judgement: Judgement, environment: Environment) -> Sequence[Sentence]:
    """Tell when the code is far slower than what the change sets: it went on after the edit."""
    new = judgement.edit.new if judgement.edit is not None else None
    if new is None or judgement.candidate_s is None or not environment.is_same_hardware(new.cpu):
        return ()
    if not 0 < _FAR * new.median_s < judgement.candidate_s:
        return ()
    effect = format_ratio(math.log(judgement.candidate_s / new.median_s))
    measured = f"{format_seconds(judgement.candidate_s)}: {effect}"
    return [(f"This run measured {measured} against what the change sets.",)]


def _other_hardware(judgement: Judgement, environment: Environment) -> Sentence:
    theirs = judgement.baseline.cpu if judgement.baseline is not None else judgement.message
    return (
        "The baseline comes from ",
        *name_cpu(theirs),
        ", this run from ",
        *name_cpu(environment.cpu_model),
        ". Their times cannot be compared.",
    )


def name_cpu(model: str) -> Sentence:
    """Name a CPU, or say that it is unknown."""
    return (Quoted(model),) if model.strip() else ("an unknown CPU",)


def _too_noisy(judgement: Judgement) -> Sequence[Sentence]:
    allowed = format_percent(judgement.threshold)
    text = f"Too noisy to tell unchanged from {allowed} slower, after {_pairs(judgement)}."
    return [(text,), _findable(judgement)]


def _no_reference(judgement: Judgement) -> Sentence:
    paired = [one for one in judgement.comparisons if one.commit]
    if paired:
        effect = format_ratio(paired[0].log_ratio)
        return (f"{effect} against ", *name_reference(paired[0]), _UNCONFIRMED)
    baseline = judgement.baseline
    if baseline is None:
        return ("There was nothing to compare it with: no code and no baseline.",)
    processes = "1 process" if baseline.processes == 1 else f"{baseline.processes} processes"
    return (f"Only its baseline from {processes} was there, and that alone cannot tell.",)


def _pairs(judgement: Judgement) -> str:
    return count_samples(judgement.comparisons[0]) if judgement.comparisons else "0 pairs"


def count_samples(comparison: Comparison) -> str:
    """Count what a comparison rests on: 7 pairs, 1 process."""
    paired = comparison.reference in {ReferenceKind.MERGE_BASE, ReferenceKind.APPROVED}
    one, many = ("pair", "pairs") if paired else ("process", "processes")
    return f"{comparison.samples} {one if comparison.samples == 1 else many}"


def _findable(judgement: Judgement) -> Sentence:
    smallest = judgement.comparisons[0].smallest_findable if judgement.comparisons else None
    if smallest is None:
        return ("Which slowdown it could have found is unknown.",)
    return (f"It could have found {format_ratio(smallest)} or more.",)


# --- limits ------------------------------------------------------------------------------------


def _breach(breach: LimitBreach) -> Sentence:
    if breach.lacking is not None:
        return ("The limit ", Quoted(breach.expression), f" {_LACKING[breach.lacking]}.")
    if breach.measured is None:
        return ("The limit ", Quoted(breach.expression), " could not be measured.")
    measured = format_measured(breach.expression, breach.measured)
    return ("The limit is ", Quoted(breach.expression), f"; measured {measured}.")


def _unmeasured(breach: LimitBreach, benchmark: Benchmark | None) -> Sentence:
    if breach.measured is not None or breach.lacking is not None:
        return _breach(breach)
    metric = re.match(r"\s*(\w+)", breach.expression)
    needed = _ROUNDS_NEEDED.get(metric.group(1)) if metric else None
    if needed is None:
        return (
            "The limit ",
            Quoted(breach.expression),
            " needs a number that the benchmark did not report.",
        )
    most = max((run.rounds for run in benchmark.runs), default=0) if benchmark else 0
    return (
        "The limit ",
        Quoted(breach.expression),
        f" needs {needed} rounds in a process; there were {most}.",
    )
