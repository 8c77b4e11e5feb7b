"""Rules by which tools decide, each as its documentation or source states it.

All take runs of processes: per run and benchmark the statistics that pytest-benchmark printed.
Tools that compare two single runs get two; those that collect several get as many as their
documentation asks for, interleaved.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Final

from scipy import stats

__all__ = ["RULES", "Rule", "Run"]

Run = Mapping[str, Mapping[str, float]]
"""Statistics in seconds by benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Says whether a benchmark counts as slower."""

    name: str
    processes: int
    """Runs that it needs of each side."""
    is_slower: Callable[[Sequence[Mapping[str, float]], Sequence[Mapping[str, float]]], bool]

    def draw(
        self, new: Sequence[Run], old: Sequence[Run], rng: random.Random
    ) -> tuple[list[Run], list[Run]]:
        """Draw the runs of one trial; identical code may come from one list: then disjoint."""
        if new is old:
            drawn = rng.sample(list(old), 2 * self.processes)
            return drawn[: self.processes], drawn[self.processes :]
        return rng.sample(list(new), self.processes), rng.sample(list(old), self.processes)


def _ratio(key: str, limit: float) -> Callable[..., bool]:
    def is_slower(new: Sequence[Mapping[str, float]], old: Sequence[Mapping[str, float]]) -> bool:
        return new[0][key] > limit * old[0][key]

    return is_slower


def _benchstat(new: Sequence[Mapping[str, float]], old: Sequence[Mapping[str, float]]) -> bool:
    """P < .05 by Mann and Whitney, and slower (golang.org/x/perf/cmd/benchstat)."""
    ours, theirs = [run["mean"] for run in new], [run["mean"] for run in old]
    p = stats.mannwhitneyu(ours, theirs, alternative="two-sided").pvalue
    return bool(p < 0.05 and median(ours) > median(theirs))


def _asv(new: Sequence[Mapping[str, float]], old: Sequence[Mapping[str, float]]) -> bool:
    """P < .002 by Mann and Whitney, and 1.1 times slower (asv continuous)."""
    ours, theirs = [run["median"] for run in new], [run["median"] for run in old]
    p = stats.mannwhitneyu(ours, theirs, alternative="two-sided").pvalue
    return bool(p < 0.002 and median(ours) > 1.1 * median(theirs))


def _pyperf(new: Sequence[Mapping[str, float]], old: Sequence[Mapping[str, float]]) -> bool:
    """Student's t at 95 %, two-sided, equal variances (pyperf compare_to)."""
    ours, theirs = [run["mean"] for run in new], [run["mean"] for run in old]
    pooled = math.sqrt((stdev(ours) ** 2 + stdev(theirs) ** 2) / 2)
    if pooled == 0:
        return fmean(ours) > fmean(theirs)
    t = (fmean(ours) - fmean(theirs)) / (pooled * math.sqrt(2 / len(ours)))
    return bool(t > stats.t.ppf(0.975, 2 * len(ours) - 2))


RULES: Final = (
    Rule(name="pytest-benchmark, mean:5%", processes=1, is_slower=_ratio("mean", 1.05)),
    Rule(name="pytest-benchmark, min:5%", processes=1, is_slower=_ratio("min", 1.05)),
    Rule(name="pytest-benchmark, mean:10%", processes=1, is_slower=_ratio("mean", 1.10)),
    Rule(name="pytest-benchmark, min:10%", processes=1, is_slower=_ratio("min", 1.10)),
    Rule(name="github-action-benchmark, 200%", processes=1, is_slower=_ratio("mean", 2.0)),
    Rule(name="benchstat, p < .05, 10 + 10", processes=10, is_slower=_benchstat),
    Rule(name="asv continuous, 10 + 10", processes=10, is_slower=_asv),
    Rule(name="pyperf compare_to, 10 + 10", processes=10, is_slower=_pyperf),
)
