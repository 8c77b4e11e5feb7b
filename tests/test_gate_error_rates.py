"""Whole runs of 100 benchmarks, simulated: how often unchanged code fails, what is found.

Noise as it was measured between processes of identical code: a standard deviation of 1.8 %, with
heavy tails, or with one process in eight off by up to 18 %.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import stdev
from typing import Final

import pytest
from scipy import stats

from perfgate.gate import is_left, is_left_faster, judge
from perfgate.model import Benchmark, Evidence, PairedSamples, ProcessRun, ReferenceKind, Verdict
from perfgate.stats.paired import pairs_needed
from tests.evidence import APPROVED, BASE, baseline, config, results

Noise = Callable[[random.Random], float]

BENCHMARKS: Final = 100
STATED: Final = 0.01
NAMES: Final = tuple(f"test_{index}" for index in range(BENCHMARKS))
ONE_RUN: Final = (ProcessRun(rounds=9, iterations=1, min_s=1e-3, median_s=1e-3),)
TAKEN: Final = results(*(Benchmark(id=name, suite="api", runs=ONE_RUN) for name in NAMES))


def _normal(draw: random.Random) -> float:
    return draw.gauss(0, 0.018)


def _wide(draw: random.Random) -> float:
    return draw.gauss(0, 0.09)


def _heavy(draw: random.Random) -> float:
    # Student's t with three degrees of freedom; its middle as wide as that of 1.8 %
    return 0.0158 * draw.gauss(0, 1) / math.sqrt(draw.gammavariate(1.5, 2) / 3)


def _layout(draw: random.Random) -> float:
    off = draw.uniform(0, 0.18) if draw.random() < 1 / 8 else 0.0
    return draw.gauss(0, 0.018 / math.sqrt(2)) + off


def _two_modes(draw: random.Random) -> float:
    return draw.gauss(0, 0.018) + (0.18 if draw.random() < 1 / 8 else 0.0)


def _pair(noise: Noise, draw: random.Random) -> float:
    """Return the noise of a pair whose spread is that of one process in the table above."""
    return noise(draw) - noise(draw) if noise is _layout else noise(draw)


def _is_possible(found: int, trials: int, rate: float) -> bool:
    """Say whether so many are no contradiction to a rate of at most ``rate``."""
    return bool(stats.binomtest(found, trials, rate, alternative="greater").pvalue > 0.01)


# --- pairs -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the gate by pairs; effects by benchmark and reference, all others unchanged."""

    noise: Noise
    references: tuple[ReferenceKind, ...] = (BASE,)
    effects: Mapping[tuple[str, ReferenceKind], float]

    def _draw(self, name: str, kind: ReferenceKind, count: int, draw: random.Random) -> list[float]:
        effect = self.effects.get((name, kind), 0.0)
        return [effect + _pair(self.noise, draw) for _ in range(count)]

    def verdicts(self, draw: random.Random) -> dict[str, Verdict]:
        explored = {
            name: {kind: self._draw(name, kind, 4, draw) for kind in self.references}
            for name in NAMES
        }
        slower = [
            name
            for name, found in explored.items()
            if any(is_left(values, 0.05) for values in found.values())
        ]
        faster = [
            name
            for name, found in explored.items()
            if name not in slower and is_left_faster(found[self.references[-1]], 0.05)
        ]
        confirming = dict.fromkeys(slower, pairs_needed(len(slower), STATED))
        confirming |= dict.fromkeys(faster, pairs_needed(len(faster), STATED))
        given = [
            Evidence(
                benchmark=name,
                suite="api",
                pairs=tuple(
                    PairedSamples(
                        reference=kind,
                        commit="",
                        explore=tuple(values),
                        confirm=tuple(self._draw(name, kind, confirming.get(name, 0), draw)),
                    )
                    for kind, values in found.items()
                ),
            )
            for name, found in explored.items()
        ]
        return {one.benchmark: one.verdict for one in judge(given, TAKEN, config())}


NOISES = [
    pytest.param(_normal, id="normal"),
    pytest.param(_heavy, id="heavy"),
    pytest.param(_layout, id="layout"),
    pytest.param(_wide, id="wide"),
]


@pytest.mark.parametrize("noise", NOISES)
def test_by_pairs_unchanged_code_fails_as_rarely_as_stated(noise: Noise) -> None:
    draw = random.Random(1)
    run = Run(noise=noise, effects={})
    trials = 25 if noise is _wide else 80
    found = [set(run.verdicts(draw).values()) for _ in range(trials)]
    assert _is_possible(sum(Verdict.REGRESSED in one for one in found), trials, STATED)
    assert _is_possible(sum(Verdict.IMPROVED in one for one in found), trials, STATED)


@pytest.mark.parametrize(
    ("percent", "noise", "rate"),
    [
        pytest.param(5, _normal, 0.95, id="5 %"),
        pytest.param(10, _normal, 0.995, id="10 %"),
        pytest.param(10, _heavy, 0.98, id="10 %, heavy"),
    ],
)
def test_by_pairs_one_slower_benchmark_is_found(percent: float, noise: Noise, rate: float) -> None:
    draw = random.Random(2)
    run = Run(noise=noise, effects={(NAMES[7], BASE): math.log1p(percent / 100)})
    trials = 60
    found = [run.verdicts(draw) for _ in range(trials)]
    stopped = sum(one[NAMES[7]] in {Verdict.REGRESSED, Verdict.UNDECIDED} for one in found)
    assert _is_possible(trials - stopped, trials, 1 - rate)
    others = sum(list(one.values()).count(Verdict.REGRESSED) > 1 for one in found)
    assert _is_possible(others, trials, STATED)


def test_a_change_of_nothing_stays_green_where_ten_benchmarks_drifted() -> None:
    draw = random.Random(3)
    effects = {(name, APPROVED): math.log(1.1) for name in NAMES[:10]}
    run = Run(noise=_normal, references=(BASE, APPROVED), effects=effects)
    trials = 40
    found = [run.verdicts(draw) for _ in range(trials)]
    red = sum(Verdict.REGRESSED in one.values() for one in found)
    assert _is_possible(red, trials, STATED)
    drifted = sum(list(one.values()).count(Verdict.DRIFTED) for one in found)
    assert drifted >= 0.95 * 10 * trials


def test_the_fourth_change_of_two_percent_is_red() -> None:
    draw = random.Random(4)
    effects = {(NAMES[0], BASE): math.log(1.02), (NAMES[0], APPROVED): 4 * math.log(1.02)}
    run = Run(noise=_normal, references=(BASE, APPROVED), effects=effects)
    trials = 60
    red = sum(run.verdicts(draw)[NAMES[0]] is Verdict.REGRESSED for _ in range(trials))
    assert _is_possible(trials - red, trials, 0.2)


# --- process runs ------------------------------------------------------------------------------


def _benchmark(
    name: str, processes: int, effect: float, noise: Noise, draw: random.Random
) -> Benchmark:
    times = [1e-3 * math.exp(effect + noise(draw)) for _ in range(processes)]
    runs = tuple(
        ProcessRun(rounds=9, iterations=1, min_s=time, low_s=time, median_s=time) for time in times
    )
    return Benchmark(id=name, suite="api", runs=runs)


def _by_processes(
    draw: random.Random, noise: Noise, processes: int, effects: Mapping[str, float]
) -> dict[str, Verdict]:
    mine = [_benchmark(name, processes, effects.get(name, 0.0), noise, draw) for name in NAMES]
    given = [
        Evidence(benchmark=name, suite="api", other=_benchmark(name, processes, 0.0, noise, draw))
        for name in NAMES
    ]
    return {one.benchmark: one.verdict for one in judge(given, results(*mine), config())}


@pytest.mark.parametrize(
    ("noise", "processes"),
    [
        pytest.param(_normal, 5, id="normal, 5"),
        pytest.param(_wide, 5, id="wide, 5"),
        pytest.param(_wide, 10, id="wide, 10"),
        pytest.param(_heavy, 5, id="heavy, 5"),
        pytest.param(_layout, 5, id="layout, 5"),
        pytest.param(_two_modes, 5, id="two modes, 5"),
        pytest.param(_two_modes, 3, id="two modes, 3"),
        pytest.param(_two_modes, 2, id="two modes, 2"),
    ],
)
def test_by_processes_unchanged_code_fails_as_rarely_as_stated(
    noise: Noise, processes: int
) -> None:
    draw = random.Random(5)
    trials = 40 if noise is _two_modes else 20
    found = [set(_by_processes(draw, noise, processes, {}).values()) for _ in range(trials)]
    assert _is_possible(sum(Verdict.REGRESSED in one for one in found), trials, STATED)
    assert _is_possible(sum(Verdict.IMPROVED in one for one in found), trials, STATED)


@pytest.mark.parametrize(
    ("percent", "processes", "verdicts", "rate"),
    [
        pytest.param(30, 5, {Verdict.REGRESSED}, 0.99, id="30 % of 5"),
        pytest.param(10, 10, {Verdict.REGRESSED}, 0.95, id="10 % of 10"),
        pytest.param(
            10, 5, {Verdict.REGRESSED, Verdict.UNDECIDED}, 0.99, id="10 % of 5 never passes"
        ),
    ],
)
def test_by_processes_one_slower_benchmark_is_found(
    percent: float, processes: int, verdicts: set[Verdict], rate: float
) -> None:
    draw = random.Random(6)
    effects = {NAMES[7]: math.log1p(percent / 100)}
    trials = 20
    found = [_by_processes(draw, _normal, processes, effects)[NAMES[7]] for _ in range(trials)]
    stopped = sum(one in verdicts for one in found)
    assert _is_possible(trials - stopped, trials, 1 - rate)


def test_committed_medians_keep_the_stated_rate_too() -> None:
    draw = random.Random(7)
    trials = 20
    red = 0
    for _ in range(trials):
        mine = [_benchmark(name, 5, 0.0, _wide, draw) for name in NAMES]
        given = []
        for name in NAMES:
            logs = sorted(_wide(draw) for _ in range(5))
            spread = stdev(logs)
            line = baseline(1e-3 * math.exp(logs[2]), spread=spread, processes=5)
            given.append(Evidence(benchmark=name, suite="api", baseline=line))
        verdicts = [one.verdict for one in judge(given, results(*mine), config())]
        red += Verdict.REGRESSED in verdicts
    assert _is_possible(red, trials, STATED)
