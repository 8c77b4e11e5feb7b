import random
from collections import Counter
from pathlib import Path

import pytest

from perfgate.commands.trials import Recording, draw_runs, power, typical_left
from perfgate.config import Config
from perfgate.model import Benchmark, ProcessRun, Verdict
from perfgate.stats.proportions import Proportion

CONFIG = Config(root=Path())
RUN = ProcessRun(rounds=24, iterations=1, min_s=1e-3, median_s=1e-3)


def recording(benchmarks: int, pairs: int = 32, spread: float = 0.018) -> Recording:
    rng = random.Random(1)
    names = [f"benchmarks/test_a.py::test_{number}" for number in range(benchmarks)]
    return Recording(
        benchmarks=tuple(Benchmark(id=name, suite="a", runs=(RUN,)) for name in names),
        estimates={name: tuple(rng.gauss(0, spread) for _ in range(pairs)) for name in names},
    )


def test_runs_of_identical_code_are_as_rarely_red_as_promised() -> None:
    reds = [
        any(one.verdict is Verdict.REGRESSED for one in judgements)
        for judgements in draw_runs(recording(40), CONFIG, 300, rng=random.Random(2))
    ]
    low, _ = Proportion.of(reds).interval()
    assert low <= CONFIG.false_alarms


def test_a_slower_benchmark_is_red_and_the_others_are_not() -> None:
    given = recording(10)
    name = given.benchmarks[3].id
    slower = {name: 0.2}
    found = Counter(
        (one.benchmark == name, one.verdict)
        for judgements in draw_runs(given, CONFIG, 50, rng=random.Random(3), slower=slower)
        for one in judgements
    )
    assert found[True, Verdict.REGRESSED] == 50
    assert found[False, Verdict.REGRESSED] == 0


def test_power_grows_with_the_threshold_and_falls_with_the_spread() -> None:
    def of(threshold: float, spread: float) -> float:
        config = Config(root=Path(), threshold=threshold)
        given = recording(1, spread=spread)
        return power(given, config, pairs=14, draws=100, rng=random.Random(4))

    assert of(0.01, 0.05) < 0.5
    assert of(0.3, 0.05) > 0.9
    assert of(0.05, 0.2) < 0.5
    assert of(0.05, 0.01) > 0.9


def test_what_usually_needs_confirming_is_at_least_one() -> None:
    assert typical_left(recording(5, spread=0.0), CONFIG, random.Random(5)) == 1
    assert 2 <= typical_left(recording(60, spread=0.05), CONFIG, random.Random(5)) <= 30


@pytest.mark.parametrize("pairs", [{"a": 7, "b": 7}, {"a": 24, "b": 23}])
def test_a_recording_needs_as_many_pairs_of_each_benchmark(pairs: dict[str, int]) -> None:
    estimates = {name: (0.0,) * count for name, count in pairs.items()}
    with pytest.raises(ValueError, match="same number of pairs"):
        Recording(benchmarks=(), estimates=estimates)
