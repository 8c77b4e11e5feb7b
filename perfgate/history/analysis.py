"""From recorded runs to series with their changes: pure, one kind of machine at a time."""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from perfgate.history.columns import Column, Columns
from perfgate.history.past import PastRun, Series, Shift
from perfgate.model import Environment
from perfgate.stats.changepoint import Shape, describe
from perfgate.stats.run_noise import shared_changes, without_run_noise

__all__ = ["Arranged", "Group", "Paired", "analysed", "arranged"]

_WATCHED: Final = ("python", "kernel", "governor", "cpu_count")
"""What of an environment may explain a change; its CPU and kind keep series apart anyway."""


class Group(NamedTuple):
    """Runs that may be compared: one kind of machine, one title."""

    environment: str
    cpu: str
    title: str


class Paired(NamedTuple):
    """A benchmark in lockstep with older code."""

    run: int
    """Place of the run."""
    reference: str
    """First 12 digits of the commit."""
    high: float
    """Upper end of ln(candidate / reference); infinite where nothing bounds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """All runs in the order of their commits, and the series of each group by benchmark."""

    runs: tuple[PastRun, ...]
    lines: Mapping[Group, Mapping[str, Sequence[tuple[int, float]]]]
    """Place of the run and time, the oldest first."""
    suites: Mapping[str, str]
    """Suite of each benchmark, as it was last."""
    shown: Mapping[str, tuple[int, ...]]
    """Places of the runs whose gate said that a benchmark became slower, or was told so."""
    paired: Mapping[str, Paired]
    """What lockstep said of each benchmark last, on whatever machine."""
    left_out: int
    """Runs of commits that the branch no longer has."""


def arranged(
    files: Sequence[Columns], position: Mapping[str, int] | None, renames: Mapping[str, str]
) -> Arranged:
    """Put recorded runs in order; of a commit that was measured again the last run counts.

    Args:
        files: What was read.
        position: Of every commit on the branch; None: not known, and the time decides.
        renames: Today's names of benchmarks by earlier ones.
    """
    left_out = 0
    latest: dict[tuple[Group, str], tuple[float, int, int]] = {}
    for place, file in enumerate(files):
        for number, run in enumerate(file.runs):
            if position is not None and run.commit not in position:
                left_out += 1
                continue
            group = Group(run.environment.key, run.environment.cpu_model, run.title)
            seen = latest.get((group, run.commit), (0.0, -1, -1))
            latest[group, run.commit] = max(seen, (run.recorded, place, number))
    order = sorted(
        (0 if position is None else position[commit], chosen, group)
        for (group, commit), chosen in latest.items()
    )
    runs: list[PastRun] = []
    homes: dict[tuple[int, int], tuple[int, Group]] = {}
    for _, (_, place, number), group in order:
        homes[place, number] = (len(runs), group)
        run = files[place].runs[number]
        runs.append(
            PastRun(
                commit=run.commit,
                recorded=run.recorded,
                environment=run.environment,
                title=run.title,
                name=run.name,
            )
        )
    return _with_lines(files, tuple(runs), homes, renames, left_out)


def _with_lines(
    files: Sequence[Columns],
    runs: tuple[PastRun, ...],
    homes: Mapping[tuple[int, int], tuple[int, Group]],
    renames: Mapping[str, str],
    left_out: int,
) -> Arranged:
    lines: dict[Group, dict[str, list[tuple[int, float]]]] = {}
    suites: dict[str, str] = {}
    shown: dict[str, list[int]] = {}
    paired: dict[str, Paired] = {}
    for place, file in enumerate(files):
        own = [homes.get((place, number)) for number in range(len(file.runs))]
        for column in file.columns:
            name = renames.get(column.benchmark, column.benchmark)
            suites[name] = column.suite
            for at, low_s in zip(array("I", column.runs), array("d", column.low_s), strict=True):
                home = own[at]
                if home is not None:
                    lines.setdefault(home[1], {}).setdefault(name, []).append((home[0], low_s))
            latest = _latest_pair(column, own, file.references)
            if latest is not None:
                paired[name] = max(paired.get(name, latest), latest)
        for at, benchmark in file.shown:
            home = own[at]
            if home is not None:
                shown.setdefault(renames.get(benchmark, benchmark), []).append(home[0])
    return Arranged(
        runs=runs,
        lines={
            group: {name: sorted(line) for name, line in found.items()}
            for group, found in lines.items()
        },
        suites=suites,
        shown={name: tuple(places) for name, places in shown.items()},
        paired=paired,
        left_out=left_out,
    )


def _latest_pair(
    column: Column, own: Sequence[tuple[int, Group] | None], references: Sequence[str]
) -> Paired | None:
    pairs = zip(
        reversed(array("I", column.runs)),
        reversed(array("d", column.pair_high)),
        reversed(array("I", column.pair_commit)),
        strict=True,
    )
    for at, high, reference in pairs:
        home = own[at]
        if home is not None and reference:
            return Paired(home[0], references[reference], high)
    return None


def analysed(
    past: Arranged, position: Mapping[str, int] | None, *, step: Callable[[str], None]
) -> tuple[Series, ...]:
    """Find what changed in each series, worst first is left to whoever shows it.

    ``step`` is called with the name of each benchmark.
    """
    series: list[Series] = []
    for group, lines in sorted(past.lines.items()):
        corrected = without_run_noise(lines)
        shapes: dict[str, Shape] = {}
        for name, values in corrected.items():
            shapes[name] = describe(values)
            step(name)
        together = _together(lines, shapes)
        for name, line in sorted(lines.items()):
            places = tuple(place for place, _ in line)
            shape = shapes[name]
            series.append(
                Series(
                    suite=past.suites[name],
                    benchmark=name,
                    environment=group.environment,
                    cpu=group.cpu,
                    title=group.title,
                    runs=places,
                    low_s=tuple(low_s for _, low_s in line),
                    shifts=_shifts(shape, places, past.runs, position, together[name]),
                    spikes=shape.spikes,
                    drift=shape.drift,
                    is_bimodal=shape.is_bimodal,
                    noise=shape.noise,
                )
            )
    return tuple(series)


def _together(
    lines: Mapping[str, Sequence[tuple[int, float]]], shapes: Mapping[str, Shape]
) -> dict[str, dict[int, int]]:
    """Return by benchmark and place of the change how many moved together, where most did."""
    together: dict[str, dict[int, int]] = {name: {} for name in lines}
    changes = {name: shape.changes for name, shape in shapes.items()}
    for shared in shared_changes(lines, changes):
        for name, at in shared.changed:
            together[name][at] = len(shared.changed)
    return together


def _shifts(
    shape: Shape,
    places: Sequence[int],
    runs: Sequence[PastRun],
    position: Mapping[str, int] | None,
    together: Mapping[int, int],
) -> tuple[Shift, ...]:
    shifts: list[Shift] = []
    for change in shape.changes:
        before, after = runs[places[change.index - 1]], runs[places[change.index]]
        shifts.append(
            Shift(
                kind=change.kind,
                last_good=before.commit,
                first_changed=after.commit,
                commits=position[after.commit] - position[before.commit]
                if position is not None
                else 0,
                before_s=change.before,
                after_s=change.after,
                log_ratio=change.log_ratio,
                superiority=change.superiority,
                at=change.index,
                moved_together=together.get(change.index, 0),
                left=math.log(shape.changes[-1].after / change.before),
                environment_change=_difference(before.environment, after.environment),
            )
        )
    return tuple(shifts)


def _difference(before: Environment, after: Environment) -> str:
    changed = (
        f"{name} {getattr(before, name) or 'unknown'} -> {getattr(after, name) or 'unknown'}"
        for name in _WATCHED
        if getattr(before, name) != getattr(after, name)
    )
    return ", ".join(changed)
