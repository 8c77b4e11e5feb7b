import math
import random
from collections.abc import Mapping

import pytest

from perfgate.stats.changepoint import Change, describe
from perfgate.stats.run_noise import Timed, shared_changes, without_run_noise

RUNS = 80


def suite(
    *, common: float = 0.0, step_at: int | None = None, stepping: int = 20, seed: int = 3
) -> dict[str, Timed]:
    """Twenty benchmarks; what is common to a run scatters, and some become 10 % slower."""
    chance = random.Random(seed)
    shift = [math.exp(chance.gauss(0, common)) for _ in range(RUNS)]
    return {
        f"b{number}": [
            (
                run,
                shift[run]
                * math.exp(chance.gauss(0, 0.01))
                * (1.1 if step_at is not None and run >= step_at and number < stepping else 1.0),
            )
            for run in range(RUNS)
        ]
        for number in range(20)
    }


def changes_of(series: Mapping[str, Timed]) -> dict[str, tuple[Change, ...]]:
    corrected = without_run_noise(series)
    return {name: describe(values).changes for name, values in corrected.items()}


def test_what_passes_through_a_whole_run_is_taken_out() -> None:
    series = suite(common=0.1)
    corrected = without_run_noise(series)
    raw = [value for _, value in series["b0"]]
    assert describe(raw).noise > 0.08
    assert describe(corrected["b0"]).noise < 0.03


def test_a_lasting_slowdown_of_the_whole_suite_stays_and_is_said_to_be_shared() -> None:
    series = suite(common=0.03, step_at=50)
    changes = changes_of(series)
    (shared,) = shared_changes(series, changes)
    assert abs(shared.run - 50) <= 3
    assert len(shared.changed) > 15
    assert shared.measured == 20
    assert shared.log_ratio == pytest.approx(math.log(1.1), abs=0.04)


def test_the_slowdown_of_one_benchmark_shows_beside_a_noisy_whole() -> None:
    series = suite(common=0.1, step_at=50, stepping=1)
    changes = changes_of(series)
    assert [change.index for change in changes["b0"]] == [50]
    assert not any(found for name, found in changes.items() if name != "b0")
    assert shared_changes(series, changes) == ()


def test_a_suite_that_creeps_is_not_straightened() -> None:
    series = {
        name: [(run, value * math.exp(0.002 * run)) for run, value in timed]
        for name, timed in suite(common=0.005).items()
    }
    corrected = without_run_noise(series)["b0"]
    assert describe(corrected).drift == pytest.approx(0.16, abs=0.04)


def test_machines_that_take_turns_are_taken_out() -> None:
    series = {
        name: [(run, value * (1.3 if run // 10 % 2 else 1.0)) for run, value in timed]
        for name, timed in suite().items()
    }
    assert not any(changes_of(series).values())


def test_a_run_of_few_benchmarks_is_left_alone() -> None:
    series = dict(list(suite(common=0.1).items())[:4])
    assert without_run_noise(series) == {
        name: tuple(value for _, value in timed) for name, timed in series.items()
    }


def test_series_with_missing_runs_are_corrected_by_their_own_runs() -> None:
    series = suite(common=0.1)
    series["b0"] = [timed for timed in series["b0"] if timed[0] % 3]
    corrected = without_run_noise(series)
    assert len(corrected["b0"]) == len(series["b0"])
    assert describe(corrected["b0"]).noise < 0.03


def test_a_slowdown_and_a_speedup_at_once_are_two_changes() -> None:
    series = suite(step_at=40, stepping=11)
    series |= {
        f"f{number}": [(run, value / (1.1 if run >= 40 else 1.0)) for run, value in timed]
        for number, timed in enumerate(suite(seed=9).values())
    }
    changes = changes_of(series)
    assert shared_changes(series, changes) == ()
