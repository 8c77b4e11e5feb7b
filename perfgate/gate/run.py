"""What the verdicts of a run come to: its exit status, and whether everything moved at once."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from perfgate.config import Config, DriftPolicy, NewPolicy
from perfgate.gate.comparisons import EFFECT_CUT
from perfgate.model import Judgement, Note, NoteKind, Verdict
from perfgate.units import format_ratio

__all__ = ["exit_status", "fails_on", "shift_note"]

_FEWEST_SHIFTED: Final = 5
_SHARE_SHIFTED: Final = 0.9


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
    """Return 0, 1 or 3: a run without verdicts, or with nothing but NEW, never passes."""
    verdicts = {judgement.verdict for judgement in judgements}
    if verdicts & set(failing):
        return 1
    if Verdict.UNDECIDED in verdicts and undecided_fails:
        return 3
    return 3 if verdicts <= {Verdict.NEW} else 0


def shift_note(judgements: Iterable[Judgement]) -> Note | None:
    """Return a note if nine in ten benchmarks moved the same way, and by enough to matter.

    It says so and no more. Whether a dependency, an import hook or the machine did it, each
    benchmark keeps its verdict, since dividing the shift away would hide the first two.
    """
    moved = [
        (one.comparisons[0].log_ratio, math.log1p(one.threshold))
        for one in judgements
        if one.comparisons
    ]
    if len(moved) < _FEWEST_SHIFTED:
        return None
    middle = median(effect for effect, _ in moved)
    if abs(middle) < EFFECT_CUT * median(threshold for _, threshold in moved):
        return None
    alike = sum(1 for effect, _ in moved if effect * middle > 0)
    if alike < _SHARE_SHIFTED * len(moved):
        return None
    direction = "slower" if middle > 0 else "faster"
    count = f"{alike} of {len(moved)} {direction}"
    return Note(kind=NoteKind.SHIFTED, facts=(count, f"by {format_ratio(middle)} in the middle"))
