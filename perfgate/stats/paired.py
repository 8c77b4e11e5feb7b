"""Paired estimates: what one pair of processes says about one benchmark."""

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Final

__all__ = ["pair_estimate"]

_SMALLEST_S: Final = 1e-12


def pair_estimate(candidate_s: Sequence[float], reference_s: Sequence[float], block: int) -> float:
    """Return the median over blocks of rounds of the mean ln(candidate / reference).

    A block is a whole rotation of the order in which the processes take their turns, so within it
    each side has been first (cold) and second (warm) equally often, and a linear drift of the
    machine's speed cancels. The median over blocks then drops the rounds that an interrupt hit: a
    plain mean over all rounds would not (Bulej et al. 2020, Duet benchmarking, pairs the same way).

    Args:
        candidate_s: Durations of the rounds, in order.
        reference_s: Durations of the same rounds on the other side; as many, same iterations.
        block: Rounds in a rotation; a last, incomplete block is used only if it is the only one.

    Raises:
        ValueError: no rounds, or not as many on both sides.
    """
    if len(candidate_s) != len(reference_s) or not candidate_s:
        raise ValueError("both sides need the same number of rounds, at least one")
    ratios = [
        math.log(max(c, _SMALLEST_S) / max(r, _SMALLEST_S))
        for c, r in zip(candidate_s, reference_s, strict=True)
    ]
    whole = len(ratios) - len(ratios) % block
    if not whole:
        return fmean(ratios)
    return median(fmean(ratios[start : start + block]) for start in range(0, whole, block))
