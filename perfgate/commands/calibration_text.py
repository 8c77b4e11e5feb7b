"""What `perfgate calibrate` found out, for people."""

from collections.abc import Iterator

from perfgate.commands.calibrate import THRESHOLDS, Advice, Calibration
from perfgate.config import Config, exact_percent
from perfgate.stats.proportions import Proportion
from perfgate.units import format_duration, format_percent

__all__ = ["describe"]


def describe(found: Calibration, config: Config) -> Iterator[str]:
    """Yield lines for people."""
    yield (
        f"{found.benchmarks} benchmarks in {found.pairs} pairs of processes, both of the present "
        f"code; a check of them takes about {format_duration(found.check_s)}."
    )
    if found.left_out:
        yield f"Left out, since they failed in some process: {', '.join(found.left_out)}."
    yield f"Runs of unchanged code, {found.red.total} drawn from these pairs:"
    yield f"  red        {_proportion(found.red)}, {config.false_alarms:.3g} promised"
    yield f"  undecided  {_proportion(found.undecided)}"
    yield (
        f"Spread between pairs: {found.spread:.1%} for the middle benchmark, "
        f"{found.spread_of_worst_tenth:.1%} for one in ten; "
        f"more rounds would take {found.share_of_rounds:.0%} of its variance away."
    )
    yield "Found in 95 of 100 runs, with a threshold of as much:"
    for threshold in THRESHOLDS:
        good = sum(value is not None and value <= threshold for value in found.findable.values())
        if good:
            yield f"  a slowdown of {format_percent(threshold):>6}  {good} of {found.benchmarks}"
        if good == found.benchmarks:
            break
    yield "Advice:"
    yield from (f"  {line}" for line in _advised(found.advice, config))


def _proportion(value: Proportion) -> str:
    low, high = value.interval()
    return f"{value.share:.1%} ({low:.1%} to {high:.1%})"


def _advised(advice: Advice, config: Config) -> Iterator[str]:
    if advice.threshold is None:
        yield "no threshold up to 100 % suits most benchmarks: use a quieter machine"
    elif advice.threshold != config.threshold:
        yield f'threshold = "{exact_percent(advice.threshold)}" instead of {config.threshold:.3g}'
    if advice.rounds is not None:
        yield f"rounds = {advice.rounds} instead of {config.rounds}"
    if advice.pairs is not None:
        yield f"pairs = {advice.pairs}: then the present threshold can stay"
    for name, threshold in advice.overrides.items():
        yield f'{name}: threshold = "{exact_percent(threshold)}"'
    for name in advice.hopeless:
        yield f"{name}: no threshold up to 100 % is good for it; look at what it measures"
    settings = (advice.rounds, advice.pairs)
    if advice.threshold == config.threshold and not any((*settings, advice.overrides)):
        yield "keep the settings as they are"
