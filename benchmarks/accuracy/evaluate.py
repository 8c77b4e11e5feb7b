"""Draw runs from recordings, and say how often each rule is right, as a Markdown table."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.accuracy.rules import RULES, Rule
from perfgate.commands.trials import Recording, draw_runs
from perfgate.config import Config
from perfgate.model import Benchmark, ProcessRun, Verdict
from perfgate.stats.proportions import Proportion
from perfgate.units import format_ratio

__all__ = ["UNCHANGED", "table"]

UNCHANGED: Final = ("same", "unrelated edit")
"""What every recording begins with."""

_TRIALS: Final = 1000
_FOUND: Final = frozenset({Verdict.REGRESSED})
_STOPPED: Final = frozenset({Verdict.REGRESSED, Verdict.UNDECIDED})


def table(recorded: Mapping[str, Any], seed: int) -> Iterator[str]:
    """Yield the lines of a table: rules down, identical code and slowdowns across."""
    slowdowns = [key for key in recorded["pairs"] if key.replace(".", "").isdigit()]
    head = ["rule", "same code red", "unrelated edit red"]
    head += [f"{float(key):.0%} found" for key in slowdowns]
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    rng = random.Random(seed)
    processes = recorded["processes"]
    for rule in RULES:
        fewest = min(len(runs) for runs in processes.values())
        if fewest < rule.processes or len(processes["reference"]) < 2 * rule.processes:
            continue
        cells = [
            _share(_reds(rule, processes["reference"], processes["reference"], rng)),
            _share(_reds(rule, processes["unrelated edit"], processes["reference"], rng)),
            *(
                _share(_hits(rule, processes[key], processes["reference"], rng))
                for key in slowdowns
            ),
        ]
        yield f"| {' | '.join([rule.name, *cells])} |"
    yield from _own(recorded, slowdowns, rng)


def _own(
    recorded: Mapping[str, Any], slowdowns: Sequence[str], rng: random.Random
) -> Iterator[str]:
    pairs = recorded["pairs"]
    config = Config(root=Path())
    quiet = [_verdicts(pairs[key], config, rng) for key in UNCHANGED]
    slower = [_slowed(pairs["same"], pairs[key], config, rng) for key in slowdowns]
    for name, counted in (("red", _FOUND), ("red or undecided", _STOPPED)):
        cells = [_share(Proportion.of(bool(v & counted) for v in runs)) for runs in quiet]
        cells += [_share(Proportion.of(v in counted for v in verdicts)) for verdicts in slower]
        yield f"| **perfgate**, {name} | {' | '.join(cells)} |"
    truths = [
        format_ratio(median(median(values) for values in pairs[key].values())) for key in slowdowns
    ]
    yield f"| measured over all pairs | | | {' | '.join(truths)} |"


def _verdicts(
    estimates: Mapping[str, Sequence[float]], config: Config, rng: random.Random
) -> list[set[Verdict]]:
    runs = draw_runs(_recording(estimates), config, _TRIALS, rng=rng)
    return [{judgement.verdict for judgement in judgements} for judgements in runs]


def _slowed(
    same: Mapping[str, Sequence[float]],
    slower: Mapping[str, Sequence[float]],
    config: Config,
    rng: random.Random,
) -> list[Verdict]:
    """Return the verdicts on one slowed benchmark at a time, beside all others unchanged."""
    found = []
    for name, values in slower.items():
        others = {key: list(estimates) for key, estimates in same.items() if key != name}
        recording = _recording({name: values} | others)
        for judgements in draw_runs(recording, config, _TRIALS // len(slower), rng=rng):
            found += [one.verdict for one in judgements if one.benchmark == name]
    return found


def _recording(estimates: Mapping[str, Sequence[float]]) -> Recording:
    run = ProcessRun(rounds=24, iterations=1, min_s=1.0, median_s=1.0)
    pairs = min(len(values) for values in estimates.values())
    return Recording(
        benchmarks=tuple(Benchmark(id=name, suite="all", runs=(run,)) for name in estimates),
        estimates={name: tuple(values[:pairs]) for name, values in estimates.items()},
    )


def _reds(rule: Rule, new: Sequence[Any], old: Sequence[Any], rng: random.Random) -> Proportion:
    """Return how often a run over all benchmarks has at least one that counts as slower."""
    return Proportion.of(
        any(_is_slower(rule, name, *drawn) for name in drawn[0][0])
        for drawn in (rule.draw(new, old, rng) for _ in range(_TRIALS // 4))
    )


def _hits(rule: Rule, new: Sequence[Any], old: Sequence[Any], rng: random.Random) -> Proportion:
    """Return how often a slowed benchmark counts as slower."""
    drawn = [rule.draw(new, old, rng) for _ in range(_TRIALS // len(new[0]))]
    return Proportion.of(_is_slower(rule, name, *one) for one in drawn for name in one[0][0])


def _is_slower(rule: Rule, name: str, new: Sequence[Any], old: Sequence[Any]) -> bool:
    return rule.is_slower([run[name] for run in new], [run[name] for run in old])


def _share(value: Proportion) -> str:
    low, high = value.interval()
    return f"{value.share:.1%} ({low:.1%}-{high:.1%})"
