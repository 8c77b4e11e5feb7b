"""Which slowdowns nobody has seen yet: confirmed, standing, and neither approved nor shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from perfgate.history.analysis import Arranged, Paired
from perfgate.history.approvals import Approval
from perfgate.history.past import Series, Shift
from perfgate.stats.changepoint import FEWEST_POINTS, ChangeKind

__all__ = ["Finding", "can_tell", "find_unseen"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A slowdown that is in the code of the default branch, and that no gate has shown."""

    series: Series
    shift: Shift


def can_tell(series: Iterable[Series]) -> bool:
    """Say whether any series is long enough for a change to be found in it."""
    return any(len(one.runs) >= FEWEST_POINTS for one in series)


def find_unseen(
    series: Sequence[Series],
    past: Arranged,
    approvals: Sequence[Approval],
    position: Mapping[str, int] | None,
    *,
    threshold: Callable[[Series], float],
) -> tuple[Finding, ...]:
    """Return the unseen slowdowns, the largest first.

    A slowdown counts when it came in one step that did not go back and forth, and the level now
    is still slower by the threshold. It is seen when the benchmark's baseline was approved since
    the last good run, or when the gate's own verdict on a run since then said so. It is none of
    the code when lockstep pairs find today's code no slower than code from before it, or when most
    of the suite moved with it while the machine changed.

    ``threshold`` gives ln of the smallest slowdown that matters for a series.
    """
    found = [
        Finding(series=one, shift=shift)
        for one in series
        for shift in one.shifts
        if _is_standing(shift, threshold(one))
        and not (shift.environment_change and shift.moved_together)
        and not _is_approved(one, shift, approvals, position)
        and not _is_shown(one, shift, past)
        and not _is_cleared(one, shift, past.paired.get(one.benchmark), position, threshold(one))
    ]
    return tuple(sorted(found, key=lambda one: -one.shift.log_ratio))


def _is_standing(shift: Shift, threshold: float) -> bool:
    is_step = shift.kind is not ChangeKind.FLIP
    return is_step and shift.log_ratio >= threshold and shift.left >= threshold


def _is_approved(
    series: Series,
    shift: Shift,
    approvals: Sequence[Approval],
    position: Mapping[str, int] | None,
) -> bool:
    """Say whether somebody approved a number that was measured with the slowdown in it."""
    if position is None:
        return False
    since = position[shift.last_good]
    return any(
        one.benchmark == series.benchmark
        and one.environment == series.environment
        and one.new_s is not None
        and position.get(one.commit, -1) > since
        for one in approvals
    )


def _is_shown(series: Series, shift: Shift, past: Arranged) -> bool:
    good = series.runs[shift.at - 1]
    return any(place > good for place in past.shown.get(series.benchmark, ()))


def _is_cleared(
    series: Series,
    shift: Shift,
    pair: Paired | None,
    position: Mapping[str, int] | None,
    threshold: float,
) -> bool:
    if pair is None or position is None or pair.run < series.runs[shift.at]:
        return False
    reference = next((at for commit, at in position.items() if commit[:12] == pair.reference), None)
    is_older = reference is not None and reference <= position[shift.last_good]
    return is_older and pair.high < threshold
