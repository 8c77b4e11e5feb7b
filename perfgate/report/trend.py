"""The past of a benchmark in one line of text."""

import math
from collections.abc import Sequence
from typing import Final

from perfgate.stats.changepoint import ChangeKind, describe
from perfgate.units import format_ratio, format_seconds

__all__ = ["sparkline", "trend"]

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_RUNS: Final = 20
"""Most recent runs that a trend shows."""


def sparkline(values: Sequence[float]) -> str:
    """Draw positive values as blocks, the smallest lowest; what hardly differs stays flat.

    Heights are in proportion to logarithms, and a span below 10 % does not fill them: noise must
    not look like a mountain range.
    """
    logs = [math.log(value) for value in values]
    if not logs:
        return ""
    low, span = min(logs), max(max(logs) - min(logs), math.log(1.1))
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((log - low) / span * top)] for log in logs)


def trend(past_s: Sequence[float], now_s: float | None) -> str:
    """Say how a time stood in earlier runs, the oldest first; empty without any."""
    known = [value for value in past_s if math.isfinite(value) and value > 0]
    past = known[-_RUNS:]
    if not past:
        return ""
    is_known = now_s is not None and math.isfinite(now_s) and now_s > 0
    line = sparkline([*past, now_s] if now_s is not None and is_known else past)
    low, high = format_seconds(min(past)), format_seconds(max(past))
    between = low if low == high else f"{low} to {high}"
    runs = "1 earlier run" if len(past) == 1 else f"{len(past)} earlier runs"
    return f"{line} {runs}: {between}{_last_change(known, len(past))}"


def _last_change(known_s: Sequence[float], shown: int) -> str:
    """Say when the level that is shown was last left, if within what is shown."""
    changes = describe(known_s).changes
    if not changes or changes[-1].index <= len(known_s) - shown:
        return ""
    ago = len(known_s) - changes[-1].index
    match changes[-1].kind:
        case ChangeKind.STEP:
            return f"; {format_ratio(changes[-1].log_ratio)} for {ago} runs"
        case ChangeKind.RETURN:
            return f"; back on an earlier level for {ago} runs"
        case ChangeKind.FLIP:
            return "; it goes back and forth between two levels"
