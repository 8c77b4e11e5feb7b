"""Paired estimates: what pairs of processes say about one benchmark.

How the rule was chosen. Recorded were the estimates of 28 process pairs of identical code over 101
benchmarks of a URL library, 16 on a quiet and 12 on a machine with a bursty neighbour on both
cores; runs of the whole gate were drawn from them with replacement, slowdowns added. Most
benchmarks spread by 1.8 % between pairs, one in ten by 4 %, and one process in eight of some
benchmarks is 18 % off: memory layout, with tails that no normal distribution has. After exploring
with 4 pairs (median at least 0.3 of the threshold is left), per run of 101 benchmarks:

| confirming rule                              | unchanged code red | 5 % found   | 10 % found   |
|----------------------------------------------|--------------------|-------------|--------------|
| median of 7 at least half the threshold      | 21 % / 33 %        | 98 % / 97 % | 99.9 / 99.5  |
| median of 12 at least 0.6 of it              | 4.0 % / 15 %       | 98 % / 97 % | 99.9 / 99.6  |
| Hodges-Lehmann of 10 at least 0.55 of it     | 7.1 % / 23 %       | 98 % / 97 % | 99.9 / 99.6  |
| mean of 12 without 3 at each end, 0.55 of it | 4.7 % / 20 %       | 99 % / 97 % | 99.9 / 99.6  |
| median of 12 at half, 10 of 12 positive      | 1.9 % / 3.5 %      | 97 % / 94 % | 99.7 / 98.4  |
| **sign flips of 18 clipped, below**          | **0.1 % / 0.3 %**  | 96 % / 94 % | 99.9 / 99.7  |

(quiet / noisy; "found" counts UNDECIDED too, which stops a change as well). The winner is also the
only one whose false alarms are bounded by an argument: for identical code the two sides of a pair
are exchangeable, so each estimate is as likely to have the other sign, whatever the tails.

More rounds in a pair help little: in the same recordings the middle benchmark spread between pairs
by 2.10 % with 16 rounds, 1.84 % with 24, 1.80 % with 40 and 1.76 % with 60. What is left is drawn
once per process.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

__all__ = [
    "FEWEST_PAIRS",
    "Interval",
    "PairEstimate",
    "median_interval",
    "pair_estimate",
    "pairs_needed",
    "robust_scale",
    "shrunken",
    "sign_flip_p",
]

_SMALLEST_S: Final = 1e-12
_TOLERATED: Final = 2
"""Pairs of a confirmation that may point the other way, as far as they like."""
FEWEST_PAIRS: Final = 12
"""Of a confirmation whose number nobody set."""
_MOST_PAIRS: Final = 24
_MAD_TO_SD: Final = 1.4826
_MEDIAN_SE: Final = 1.2533
"""Standard error of a median over that of a mean, for normal values: sqrt(pi / 2)."""
_PRIOR_WEIGHT: Final = 4
_ROUNDING: Final = 1e-12

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEstimate:
    """ln(candidate / reference) of one pair of processes."""

    log_ratio: float
    error: float
    """Its standard error as far as the rounds tell; what is drawn once per process comes on top."""


def pair_estimate(
    candidate_s: Sequence[float], reference_s: Sequence[float], block: int
) -> PairEstimate:
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
    blocks = [fmean(ratios[start : start + block]) for start in range(0, whole, block)]
    values = blocks or [fmean(ratios)]
    return PairEstimate(
        log_ratio=median(values), error=_MEDIAN_SE * robust_scale(values) / math.sqrt(len(values))
    )


def sign_flip_p(estimates: Sequence[float], clip: float) -> float:
    """Return the exact one-sided p-value for "not slower" (Fisher 1935, randomisation test).

    The statistic is the sum of the estimates, each clipped to ``clip`` at most in size, over all
    2^n assignments of signs. Clipping keeps it exact and takes the weight of a single wild pair;
    ranks (Wilcoxon 1945) would give the wildest pair the largest weight of all.

    Args:
        estimates: ln(candidate / reference), at most 30.
        clip: Largest size that counts; the threshold is a good choice.
    """
    values = [max(-clip, min(clip, estimate)) for estimate in estimates]
    observed = math.fsum(values) - _ROUNDING
    half = len(values) // 2
    first = _signed_sums(values[:half])
    second = sorted(_signed_sums(values[half:]))
    at_least = sum(len(second) - bisect_left(second, observed - total) for total in first)
    return at_least / (len(first) * len(second))


def _signed_sums(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for value in values:
        sums = [total + signed for total in sums for signed in (value, -value)]
    return sums


def pairs_needed(tests: int, false_alarms: float) -> int:
    """Return how many fresh pairs a confirmation takes, before looking at any of them.

    Just enough that ``tests`` simultaneous tests can each be significant although two of their
    pairs point the other way; even, so that two pairs at once fill two cores.
    """
    alpha = false_alarms / max(1, tests)
    for pairs in range(FEWEST_PAIRS, _MOST_PAIRS, 2):
        patterns = math.fsum(math.comb(pairs, flipped) for flipped in range(_TOLERATED + 1))
        if patterns <= alpha * 2.0**pairs:
            return pairs
    return _MOST_PAIRS


def median_interval(values: Sequence[float]) -> Interval:
    """Return two order statistics that hold the median with at least 95 % (Thompson 1936).

    Distribution-free, as benchstat does it; with fewer than six values no pair of them reaches
    95 %, and the whole range is returned.
    """
    ordered = sorted(values)
    count = len(ordered)
    tail = 0.0
    dropped = -1
    for below in range(count // 2):
        tail += math.comb(count, below) / 2**count
        if tail > 0.025:  # noqa: PLR2004 - half of the 5 % that may miss
            break
        dropped = below
    place = max(0, dropped)
    return ordered[place], ordered[count - 1 - place]


def robust_scale(values: Sequence[float]) -> float:
    """Return the standard deviation that a normal sample of the same middle would have.

    From the median absolute deviation (Hampel 1974): half of the values may lie anywhere.
    """
    middle = median(values)
    return _MAD_TO_SD * median(abs(value - middle) for value in values)


def shrunken(scale: float, typical: float, pairs: int) -> float:
    """Pull a scale from a few pairs towards that of the run's benchmarks (Smyth 2004, limma).

    Returns the standard error of the median of so many pairs.
    """
    weight = max(1, pairs - 1)
    variance = (_PRIOR_WEIGHT * typical**2 + weight * scale**2) / (_PRIOR_WEIGHT + weight)
    return _MEDIAN_SE * math.sqrt(variance / max(1, pairs))
