"""Quantiles of the rounds of one process, and the summary that is kept of them.

Quantiles are nearest-rank: the smallest round that at least that share of the rounds do not
exceed (type 1 of Hyndman & Fan 1996, "Sample quantiles in statistical packages"). They are always
rounds that really happened, where interpolation would invent a time between two modes.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final, TypedDict

__all__ = [
    "MIN_ROUNDS",
    "MIN_ROUNDS_P50",
    "MIN_ROUNDS_P90",
    "MIN_ROUNDS_P95",
    "MIN_ROUNDS_P99",
    "Summary",
    "nearest_rank",
    "summarise",
]

MIN_ROUNDS_P50: Final = 6
MIN_ROUNDS_P90: Final = 36
"""Fewest rounds for which q**n <= 0.025: below, even the largest round may well lie under the true
quantile, and no two-sided 95 % interval for it exists (Hahn & Meeker 1991, order statistics)."""
MIN_ROUNDS_P95: Final = 72
MIN_ROUNDS_P99: Final = 368
MIN_ROUNDS: Final[Mapping[int, int]] = {
    50: MIN_ROUNDS_P50,
    90: MIN_ROUNDS_P90,
    95: MIN_ROUNDS_P95,
    99: MIN_ROUNDS_P99,
}
"""By the percentage."""

_LOW_PERCENT: Final = 10


class Summary(TypedDict):
    """The numbers of a ProcessRun that its rounds decide, in seconds."""

    rounds: int
    min_s: float
    median_s: float
    low_s: float
    mean_s: float
    max_s: float
    iqr_s: float
    p90_s: float | None
    p95_s: float | None
    p99_s: float | None


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """Return the nearest-rank quantile of ascending values.

    The rank is computed in integers, since 0.07 * 100 is more than 7 in floating point.

    Raises:
        ValueError: no values, or a percentage outside 0 to 100.
    """
    if not ordered or not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
        raise ValueError("a quantile needs at least one value and 0 to 100 per cent")
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def summarise(rounds_s: Sequence[float]) -> Summary:
    """Summarise the rounds of one process.

    The median of an even number of rounds is the mean of the middle two, as pytest-benchmark has
    it, so that files with and without raw rounds agree.

    Raises:
        ValueError: no rounds.
    """
    ordered = sorted(rounds_s)
    count = len(ordered)
    low_s = nearest_rank(ordered, _LOW_PERCENT)
    return Summary(
        rounds=count,
        min_s=ordered[0],
        median_s=(ordered[(count - 1) // 2] + ordered[count // 2]) / 2,
        low_s=low_s,
        mean_s=fmean(ordered),
        max_s=ordered[-1],
        iqr_s=nearest_rank(ordered, 75) - nearest_rank(ordered, 25),
        p90_s=nearest_rank(ordered, 90) if count >= MIN_ROUNDS_P90 else None,
        p95_s=nearest_rank(ordered, 95) if count >= MIN_ROUNDS_P95 else None,
        p99_s=nearest_rank(ordered, 99) if count >= MIN_ROUNDS_P99 else None,
    )
