"""``perfgate calibrate``: identical code on this machine; what can be told, and at what cost."""

import math
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, variance
from typing import Final

from perfgate.commands.pairing import EXPLORE_PAIRS
from perfgate.commands.run import Machine, own_side, suite_plan
from perfgate.commands.selection import select_suites
from perfgate.commands.trials import Recording, draw_runs, power, typical_left
from perfgate.config import Config, edited_settings, exact_percent
from perfgate.errors import ConfigError, UndecidedError
from perfgate.files import write_file
from perfgate.measure.lockstep import GroupOutcome, GroupPlan, available_cpus, measure_groups
from perfgate.measure.process import collect_suites, place_outcomes
from perfgate.measure.worker import CollectedBenchmark
from perfgate.model import ProcessRun, Verdict
from perfgate.stats.paired import pairs_needed
from perfgate.stats.proportions import Proportion

__all__ = ["THRESHOLDS", "Advice", "Calibration", "calibrate", "record", "write_advice"]

THRESHOLDS: Final = (0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
"""What is tried as a threshold, smallest first."""
_DRAWS: Final = 200
_POWER: Final = 0.95
_MOST_BENCHMARKS: Final = 0.95
"""Share of the benchmarks that a project-wide threshold should be good for."""
_WORTH_MORE_ROUNDS: Final = 0.4
_MOST_PAIRS: Final = 30
_MOST_ROUNDS: Final = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Settings that this machine can keep; a field is None where nothing needs to be set."""

    threshold: float | None
    """None: not even the largest threshold that was tried is good for most benchmarks."""
    overrides: Mapping[str, float]
    """Thresholds of the benchmarks that are too noisy for that."""
    hopeless: tuple[str, ...]
    """Benchmarks of which no slowdown that was tried is found."""
    rounds: int | None
    pairs: int | None

    def settings(self) -> dict[str, str | int]:
        """Return what to set in ``[tool.perfgate]``."""
        wanted = {
            "threshold": None if self.threshold is None else exact_percent(self.threshold),
            "rounds": self.rounds,
            "pairs": self.pairs,
        }
        return {key: value for key, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What identical code has shown."""

    pairs: int
    benchmarks: int
    left_out: tuple[str, ...]
    """Files that could not be collected, and benchmarks that failed in one of the processes."""
    check_s: float
    """What a whole check of unchanged code takes, about."""
    red: Proportion
    """Of drawn runs of the whole gate."""
    undecided: Proportion
    spread: float
    """Standard deviation between pairs of the middle benchmark, as a log ratio."""
    spread_of_worst_tenth: float
    share_of_rounds: float
    """How much of the variance between pairs more rounds would take away, for the middle one."""
    findable: Mapping[str, float | None]
    """By benchmark the smallest threshold at which a slowdown of that size is found in 95 % of
    runs; None: none of those tried."""
    advice: Advice


def calibrate(
    config: Config, names: tuple[str, ...], machine: Machine, *, pairs: int, trials: int
) -> Calibration:
    """Measure pairs of identical code, and draw whole runs of the gate from them.

    Args:
        config: The present settings.
        names: Suites; empty: all.
        machine: Where and with what to measure.
        pairs: How many pairs of processes to record, twelve at least.
        trials: How many runs of the gate to draw.

    Raises:
        UndecidedError: there are no suites, or no benchmark ran in every process.
        MeasurementError: a suite could not start, or measuring was refused.
        UsageError: a name is no suite's.
    """
    recorded = record(config, names, machine, pairs=pairs)
    recording = recorded.recording
    rng = random.Random(machine.seed)  # noqa: S311 - reproducible, not secret
    runs = [
        {judgement.verdict for judgement in judgements}
        for judgements in draw_runs(recording, config, trials, rng=rng)
    ]
    tests = typical_left(recording, config, rng)
    findable = {
        name: _smallest_findable(recording.only(name), config, tests, rng)
        for name in recording.estimates
    }
    spreads = sorted(math.sqrt(variance(values)) for values in recording.estimates.values())
    share = median(recorded.shares_of_rounds)
    return Calibration(
        pairs=pairs,
        benchmarks=len(recording.estimates),
        left_out=recorded.left_out,
        check_s=_check_s(recorded, config, tests),
        red=Proportion.of(Verdict.REGRESSED in verdicts for verdicts in runs),
        undecided=Proportion.of(Verdict.UNDECIDED in verdicts for verdicts in runs),
        spread=median(spreads),
        spread_of_worst_tenth=spreads[math.ceil(0.9 * len(spreads)) - 1],
        share_of_rounds=share,
        findable=findable,
        advice=_advice(findable, share, recording, config, tests, rng),
    )


def write_advice(advice: Advice, config: Config) -> Path:
    """Put the advice into pyproject.toml, where every other byte stays; return the file.

    Raises:
        ConfigError: it cannot be read or extended.
        UsageError: it cannot be written.
    """
    file = config.root / "pyproject.toml"
    try:
        content = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise ConfigError(file, "", f"cannot be read: {error.strerror}") from error
    write_file(file, edited_settings(file, content, advice.settings(), advice.overrides))
    return file


# --- recording ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Pairs, and how much of their spread the rounds explain."""

    recording: Recording
    left_out: tuple[str, ...]
    shares_of_rounds: tuple[float, ...]
    """One per benchmark."""
    start_s: float
    """For starting and collecting both processes of a pair."""
    pair_s: float
    """For a whole pair."""


def record(config: Config, names: tuple[str, ...], machine: Machine, *, pairs: int) -> Recorded:
    """Measure pairs of processes that both run the present code; errors as for `calibrate`."""
    suites = select_suites(config, names)
    candidate = own_side(config, machine)
    start_s = time.monotonic()
    collections = collect_suites(suite_plan(config, suites, machine))
    places = {
        place.id: (suite, place)
        for suite, found in collections.items()
        for place in found.benchmarks
    }
    plan = GroupPlan(
        sides=(candidate, replace(candidate, name=_TWIN)),
        files=tuple(path for suite in suites for path in suite.paths),
        benchmarks=tuple(places),
        environ=machine.environ,
        timeout_s=config.timeout_s,
        rounds=config.rounds,
    )
    collected_s = time.monotonic()
    groups = measure_groups(plan, groups=pairs, seed=machine.seed, progress=machine.progress)
    measured_s = time.monotonic()
    return _recorded(
        groups,
        places,
        broken=[name or suite for suite, found in collections.items() for name, _ in found.errors],
        start_s=len(plan.sides) * (collected_s - start_s) / len(suites),
        pair_s=(measured_s - collected_s) / math.ceil(pairs / len(available_cpus())),
    )


_TWIN: Final = "same code"


def _recorded(
    groups: Sequence[Mapping[str, GroupOutcome]],
    places: Mapping[str, tuple[str, CollectedBenchmark]],
    *,
    broken: Sequence[str],
    start_s: float,
    pair_s: float,
) -> Recorded:
    complete = [name for name in places if all(_TWIN in group[name].log_ratios for group in groups)]
    if not complete:
        raise UndecidedError("no benchmark ran in every process, so nothing can be said")
    estimates = {
        name: tuple(group[name].log_ratios[_TWIN] for group in groups) for name in complete
    }
    benchmarks = []
    for name in complete:
        suite, place = places[name]
        outcomes = [group[name].candidate for group in groups]
        runs = [outcome for outcome in outcomes if isinstance(outcome, ProcessRun)]
        benchmarks.append(place_outcomes(place, suite, runs, []))
    shares = [
        _share_of_rounds(values, [group[name].errors[_TWIN] for group in groups])
        for name, values in estimates.items()
    ]
    return Recorded(
        recording=Recording(benchmarks=tuple(benchmarks), estimates=estimates),
        left_out=(*broken, *(name for name in places if name not in estimates)),
        shares_of_rounds=tuple(shares),
        start_s=start_s,
        pair_s=pair_s,
    )


def _share_of_rounds(estimates: Sequence[float], errors: Sequence[float]) -> float:
    between = variance(estimates)
    return min(1.0, fmean(error**2 for error in errors) / between) if between > 0 else 0.0


# --- what can be told --------------------------------------------------------------------------


def _smallest_findable(
    alone: Recording, config: Config, tests: int, rng: random.Random
) -> float | None:
    """Return the smallest threshold that is kept, by bisection: power grows with the threshold."""
    pairs = config.pairs or pairs_needed(tests, config.false_alarms)
    low, high = 0, len(THRESHOLDS)
    while low < high:
        middle = (low + high) // 2
        if _is_found(alone, config, THRESHOLDS[middle], tests, pairs, rng):
            high = middle
        else:
            low = middle + 1
    return THRESHOLDS[low] if low < len(THRESHOLDS) else None


def _is_found(
    alone: Recording, config: Config, threshold: float, tests: int, pairs: int, rng: random.Random
) -> bool:
    """Say whether a slowdown of just the threshold is found beside so many other tests.

    Its p-value, the smallest, has to pass the first step of Holm.
    """
    level = replace(
        config, threshold=threshold, overrides=(), false_alarms=config.false_alarms / tests
    )
    return power(alone, level, pairs=pairs, draws=_DRAWS, rng=rng) >= _POWER


def _check_s(recorded: Recorded, config: Config, tests: int) -> float:
    """Return the time of a check: exploring everything, then confirming what is usually left."""
    confirming = config.pairs or pairs_needed(tests, config.false_alarms)
    share = tests / len(recorded.recording.estimates)
    start_s = min(recorded.start_s, recorded.pair_s)
    left_s = start_s + (recorded.pair_s - start_s) * share
    return (EXPLORE_PAIRS * recorded.pair_s + confirming * left_s) / len(available_cpus())


def _advice(
    findable: Mapping[str, float | None],
    share_of_rounds: float,
    recording: Recording,
    config: Config,
    tests: int,
    rng: random.Random,
) -> Advice:
    threshold = _good_for_most(findable.values())
    needs_more = share_of_rounds > _WORTH_MORE_ROUNDS and config.rounds < _MOST_ROUNDS
    wanted = [name for name, found in findable.items() if found is None or found > config.threshold]
    return Advice(
        threshold=threshold,
        overrides={
            name: found
            for name, found in findable.items()
            if found is not None and threshold is not None and found > threshold
        },
        hopeless=tuple(name for name, found in findable.items() if found is None),
        rounds=2 * config.rounds if needs_more else None,
        pairs=_MOST_PAIRS if _would_more_pairs_do(wanted, recording, config, tests, rng) else None,
    )


def _good_for_most(findable: Iterable[float | None]) -> float | None:
    values = [value if value is not None else math.inf for value in findable]
    for threshold in THRESHOLDS:
        if sum(value <= threshold for value in values) >= _MOST_BENCHMARKS * len(values):
            return threshold
    return None


def _would_more_pairs_do(
    wanted: Sequence[str], recording: Recording, config: Config, tests: int, rng: random.Random
) -> bool:
    """Say whether the most pairs keep the present threshold where the usual number does not."""
    allowed = (1 - _MOST_BENCHMARKS) * len(recording.estimates)
    if len(wanted) <= allowed:
        return False
    still = sum(
        not _is_found(recording.only(name), config, config.threshold, tests, _MOST_PAIRS, rng)
        for name in wanted
    )
    return still <= allowed
