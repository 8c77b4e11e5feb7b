"""Whole runs of the gate, drawn from recorded pairs of processes: how often which verdict."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from perfgate.commands.pairing import EXPLORE_PAIRS
from perfgate.config import Config
from perfgate.gate import is_left, judge
from perfgate.model import (
    Benchmark,
    Environment,
    Evidence,
    Judgement,
    PairedSamples,
    ReferenceKind,
    Results,
    Verdict,
)
from perfgate.stats.paired import pairs_needed

__all__ = ["Recording", "draw_runs", "power", "typical_left"]

_FEWEST_PAIRS: Final = 2 * EXPLORE_PAIRS
_LOOKS: Final = 100
_NOWHERE: Final = Environment(system="", machine="", implementation="", python="0.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Pairs of processes that ran the same benchmarks."""

    benchmarks: tuple[Benchmark, ...]
    """The candidate's own numbers; those with an estimate in every pair."""
    estimates: Mapping[str, tuple[float, ...]]
    """ln(candidate / reference) of each pair, by benchmark; the same pairs in the same order."""

    def __post_init__(self) -> None:
        counts = {len(values) for values in self.estimates.values()}
        if len(counts) != 1 or min(counts) < _FEWEST_PAIRS:
            raise ValueError(f"needs the same number of pairs for each, {_FEWEST_PAIRS} at least")

    @property
    def pairs(self) -> int:
        """How many pairs were recorded."""
        return len(next(iter(self.estimates.values())))

    def thresholds(self, config: Config) -> dict[str, float]:
        """Return the threshold of each benchmark, as a plain ratio."""
        return {one.id: config.rule_for(one.id, one.suite).threshold for one in self.benchmarks}

    def only(self, name: str) -> "Recording":
        """Return the recording of one benchmark alone."""
        return Recording(
            benchmarks=tuple(one for one in self.benchmarks if one.id == name),
            estimates={name: self.estimates[name]},
        )


def draw_runs(
    recording: Recording,
    config: Config,
    runs: int,
    *,
    rng: random.Random,
    slower: Mapping[str, float] | None = None,
    pairs: int | None = None,
) -> Iterator[tuple[Judgement, ...]]:
    """Yield the verdicts of so many runs, each made of pairs drawn anew.

    A run explores with distinct pairs and confirms with others, drawn with replacement; all of its
    benchmarks share them, since they share their processes. Nothing is made symmetric or centred:
    what a benchmark was off by in the recording, it is off by in every run.

    Args:
        recording: Pairs of identical code, or of two trees.
        config: Thresholds and error rate; ``pairs`` if fixed.
        runs: How many to draw.
        rng: Where the draws come from.
        slower: Added to every estimate of a benchmark, as a log ratio.
        pairs: Confirming pairs; None: as many as a run of the gate would take.
    """
    shifts = slower or {}
    shifted = {
        name: [value + shifts.get(name, 0.0) for value in values]
        for name, values in recording.estimates.items()
    }
    thresholds = recording.thresholds(config)
    results = Results(environment=_NOWHERE, benchmarks=recording.benchmarks)
    for _ in range(runs):
        explore, fresh = _split(recording.pairs, rng)
        left = _left(shifted, explore, thresholds)
        count = pairs or config.pairs or pairs_needed(len(left), config.false_alarms)
        couples = rng.choices(fresh, k=math.ceil(count / 2))
        confirm = [place for couple in couples for place in couple][:count]
        evidence = [
            _evidence(one, shifted[one.id], explore, confirm if one.id in left else [])
            for one in recording.benchmarks
        ]
        yield judge(evidence, results, config)


def power(
    recording: Recording, config: Config, *, pairs: int, draws: int, rng: random.Random
) -> float:
    """Return how often a slowdown of just the threshold turns a run red, for a single benchmark."""
    (name,) = recording.estimates
    slower = {name: math.log1p(recording.thresholds(config)[name])}
    runs = draw_runs(recording, config, draws, rng=rng, slower=slower, pairs=pairs)
    return sum(judgements[0].verdict is Verdict.REGRESSED for judgements in runs) / draws


def typical_left(recording: Recording, config: Config, rng: random.Random) -> int:
    """Return how many benchmarks of unchanged code exploring usually leaves, at least one."""
    thresholds = recording.thresholds(config)
    counts = [
        len(_left(recording.estimates, _split(recording.pairs, rng)[0], thresholds))
        for _ in range(_LOOKS)
    ]
    return max(1, round(median(counts)))


def _split(pairs: int, rng: random.Random) -> tuple[list[int], list[tuple[int, int]]]:
    """Return pairs to explore with, and couples of pairs to confirm with.

    Two consecutive pairs mirror each other in who begins, so they are drawn together.
    """
    couples = [(first, first + 1) for first in range(0, pairs - 1, 2)]
    rng.shuffle(couples)
    explored = EXPLORE_PAIRS // 2
    return [place for couple in couples[:explored] for place in couple], couples[explored:]


def _left(
    estimates: Mapping[str, Sequence[float]],
    explore: Sequence[int],
    thresholds: Mapping[str, float],
) -> set[str]:
    return {
        name
        for name, values in estimates.items()
        if is_left([values[place] for place in explore], thresholds[name])
    }


def _evidence(
    benchmark: Benchmark, values: Sequence[float], explore: Sequence[int], confirm: Sequence[int]
) -> Evidence:
    pairs = PairedSamples(
        reference=ReferenceKind.MERGE_BASE,
        commit="",
        explore=tuple(values[place] for place in explore),
        confirm=tuple(values[place] for place in confirm),
    )
    return Evidence(benchmark=benchmark.id, suite=benchmark.suite, pairs=(pairs,))
