"""The past as a site shows it: every number formatted, every sentence built."""

import datetime as dt
import functools
import hashlib
import itertools
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from perfgate.commands.history import Past
from perfgate.history.approvals import Approval
from perfgate.history.past import History, Series, Shift
from perfgate.report.charts import Axis, Line, Mark, Plot, rounded, seconds_axis
from perfgate.report.text import Quoted, Sentence, shorten
from perfgate.stats.changepoint import FEWEST_POINTS, ChangeKind
from perfgate.units import format_percent, format_ratio, format_seconds

__all__ = [
    "BenchmarkShown",
    "ChangeShown",
    "SeriesShown",
    "file_name",
    "remarks",
    "view_benchmarks",
]

_TABLED: Final = 100
"""Most recent runs that the table below a chart holds."""
_DATES: Final = 6
_SPARK_POINTS: Final = 60
_SPARK: Final = (120, 24)
"""Width and height."""
_KINDS: Final = {
    ChangeKind.STEP: "",
    ChangeKind.RETURN: "back to the level before",
    ChangeKind.FLIP: "one of many between two levels",
}
_STATES: Final = {
    "slower": ("✗", "bad"),
    "creeping": ("!", "doubt"),
    "two modes": ("?", "doubt"),
    "changed": ("~", "neutral"),
    "faster": ("↓", "good"),
    "steady": ("✓", "good"),
    "too few runs": ("…", "neutral"),
}
"""The worst first."""
STATES: Final = tuple(_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeShown:
    """One change of a series in words."""

    anchor: str
    day: str
    moment: str
    """In the form of RFC 3339."""
    size: str
    effect: float
    times: str
    commits: str
    author: Quoted
    subject: Quoted
    confidence: str
    remarks: tuple[Quoted, ...]
    is_unseen: bool
    """No gate has shown it, and nobody approved it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesShown:
    """A benchmark on one kind of machine."""

    machine: Quoted
    state: str
    symbol: str
    tone: str
    latest: str
    latest_s: float
    change: str
    """The latest, or how far it crept."""
    effect: float | None
    spark: str
    """A path in a box of 120 by 24."""
    summary: Sentence
    plot: Plot
    changes: tuple[ChangeShown, ...]
    """The latest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkShown:
    """A benchmark with its series, the one of the latest run first, and what was approved."""

    name: Quoted
    suite: Quoted
    file: str
    series: tuple[SeriesShown, ...]
    approvals: tuple[tuple[str, str, Quoted, Quoted], ...]
    """Commit, times, environment and reason; the latest first."""


def view_benchmarks(past: Past) -> Iterator[BenchmarkShown]:
    """Yield every benchmark that has a series, by suite and name."""
    history = past.history
    unseen = {(id(one.series), one.shift.at) for one in past.findings}
    approved: dict[tuple[str, str], list[Approval]] = {}
    for one in history.approvals:
        approved.setdefault((one.suite, one.benchmark), []).append(one)
    ordered = sorted(history.series, key=lambda one: (one.suite, one.benchmark, -one.runs[-1]))
    for (suite, name), group in itertools.groupby(ordered, lambda o: (o.suite, o.benchmark)):
        yield BenchmarkShown(
            name=Quoted(name),
            suite=Quoted(suite),
            file=file_name(suite, name),
            series=tuple(_series(history, one, unseen) for one in group),
            approvals=tuple(_approval(one) for one in reversed(approved.get((suite, name), ()))),
        )


def file_name(suite: str, benchmark: str) -> str:
    """Name the page of a benchmark: for people by its own name, unique by a digest."""
    digest = hashlib.sha256(f"{suite}\n{benchmark}".encode(errors="surrogatepass")).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9]+", "-", benchmark.rpartition("::")[2])[:60].strip("-")
    return f"{readable or 'benchmark'}-{digest[:12]}.html"


def _series(history: History, series: Series, unseen: set[tuple[int, int]]) -> SeriesShown:
    state, change, effect = _state(series)
    symbol, tone = _STATES[state]
    changes = tuple(
        _change(history, series, shift, is_unseen=(id(series), shift.at) in unseen)
        for shift in reversed(series.shifts)
    )
    parts = (series.environment, series.cpu, series.title)
    machine = Quoted(" · ".join(part for part in parts if part.strip()))
    return SeriesShown(
        machine=machine,
        state=state,
        symbol=symbol,
        tone=tone,
        latest=format_seconds(series.low_s[-1]),
        latest_s=series.low_s[-1],
        change=change,
        effect=effect,
        spark=_spark(series.low_s),
        summary=(f"{_runs(len(series.runs))} on ", machine, f": {_told(series, state, change)}."),
        plot=_plot(history, series),
        changes=changes,
    )


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _state(series: Series) -> tuple[str, str, float | None]:
    """Say what a series did of late, and by how much."""
    latest = series.shifts[-1] if series.shifts else None
    if latest is not None and latest.kind is not ChangeKind.FLIP:
        word = "slower" if latest.log_ratio > 0 else "faster"
        is_back = latest.kind is ChangeKind.RETURN
        return ("changed" if is_back else word), format_ratio(latest.log_ratio), latest.log_ratio
    if series.drift is not None:
        return "creeping", format_ratio(series.drift), series.drift
    if latest is not None or series.is_bimodal:
        return "two modes", "", None
    return ("too few runs" if len(series.runs) < FEWEST_POINTS else "steady"), "", None


def _told(series: Series, state: str, change: str) -> str:
    count = len(series.shifts)
    changes = "no change" if not count else "1 change" if count == 1 else f"{count} changes"
    latest = f", the latest {change}" if count and change else ""
    creeping = f", creeping by {change}" if state == "creeping" else ""
    modes = ", in two modes" if series.is_bimodal else ""
    noise = f"; between runs it varies by {format_percent(series.noise)}"
    return f"{changes}{latest}{creeping}{modes}{noise}"


# --- changes and approvals ----------------------------------------------------------------------


def _change(history: History, series: Series, shift: Shift, *, is_unseen: bool) -> ChangeShown:
    commit = history.commits.get(shift.first_changed)
    moment = _moment(history.runs[series.runs[shift.at]].recorded)
    return ChangeShown(
        anchor=f"change-{shift.first_changed[:12]}",
        day=moment[:10],
        moment=moment,
        size=format_ratio(shift.log_ratio),
        effect=shift.log_ratio,
        times=f"{format_seconds(shift.before_s)} → {format_seconds(shift.after_s)}",
        commits=_range(shift),
        author=Quoted(commit.author if commit is not None else ""),
        subject=Quoted(commit.subject if commit is not None else ""),
        confidence=f"{format_percent((1 + shift.superiority) / 2)} of runs before and after are "
        "ordered this way",
        remarks=tuple(map(Quoted, remarks(shift))),
        is_unseen=is_unseen,
    )


@functools.cache
def _moment(recorded: float) -> str:
    """Write a moment; every benchmark of a run asks for the same."""
    return dt.datetime.fromtimestamp(recorded, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _range(shift: Shift) -> str:
    if shift.commits == 1:
        return shift.first_changed[:10]
    known = f" ({shift.commits} commits)" if shift.commits > 0 else ""
    return f"{shift.last_good[:10]}..{shift.first_changed[:10]}{known}"


def remarks(shift: Shift) -> Iterator[str]:
    """Yield what else is to be said of a change; texts from outside are as they came."""
    if _KINDS[shift.kind]:
        yield _KINDS[shift.kind]
    if shift.moved_together:
        yield f"{shift.moved_together} benchmarks moved together"
    if shift.environment_change:
        yield shift.environment_change


def _approval(one: Approval) -> tuple[str, str, Quoted, Quoted]:
    times = (one.old_s, one.new_s)
    written = " → ".join("none" if time is None else format_seconds(time) for time in times)
    return one.commit[:10], written, Quoted(one.environment), Quoted(one.reason)


# --- what is drawn ------------------------------------------------------------------------------


def _spark(values: Sequence[float]) -> str:
    """Draw medians of neighbouring runs as a path; what hardly differs stays flat."""
    size = max(1, -(-len(values) // _SPARK_POINTS))
    points = [statistics.median(values[at : at + size]) for at in range(0, len(values), size)]
    low, high = min(points), max(points)
    span = max(high - low, 0.1 * low)
    width, height = _SPARK
    step = width / max(1, len(points) - 1)
    drawn = [
        f"{place * step:.0f} {height - 2 - (height - 4) * (value - low) / span:.0f}"
        for place, value in enumerate(points)
    ]
    return "M" + "L".join(drawn if len(drawn) > 1 else [*drawn, f"{width} {height - 2}"])


def _plot(history: History, series: Series) -> Plot:
    runs = [history.runs[place] for place in series.runs]
    days = [_moment(run.recorded)[:10] for run in runs]
    points = [(float(at), rounded(value)) for at, value in enumerate(series.low_s)]
    spikes = set(series.spikes)
    last = len(runs) - 1
    stride = max(1, -(-len(runs) // _DATES))
    first_row = max(0, len(runs) - _TABLED)
    return Plot(
        title="Time of each run",
        summary=f"{_runs(len(runs))}, {days[0]} to {days[-1]}; {format_seconds(series.low_s[0])} "
        f"at first, {format_seconds(series.low_s[-1])} at last.",
        key="Dots: runs; rings: single odd runs; line: the level, from change to change."
        + (f" The table holds the last {_TABLED}." if first_row else ""),
        x=Axis(
            title="Runs, oldest first",
            low=-0.5,
            high=last + 0.5,
            ticks=tuple((float(at), days[at]) for at in range(0, len(runs), stride)),
        ),
        y=seconds_axis(series.low_s, "Time per call"),
        lines=_levels(series),
        dots=tuple(point for at, point in enumerate(points) if at not in spikes),
        rings=tuple(point for at, point in enumerate(points) if at in spikes),
        marks=tuple(
            Mark(
                at=shift.at - 0.5,
                label=format_ratio(shift.log_ratio),
                kind="slower" if shift.log_ratio > 0 else "faster",
            )
            for shift in series.shifts
        ),
        columns=("Day", "Commit", "Time"),
        rows=tuple(
            (days[at], runs[at].commit[:10], format_seconds(series.low_s[at]))
            for at in range(last, first_row - 1, -1)
        ),
    )


def _levels(series: Series) -> tuple[Line, ...]:
    edges = [0, *(shift.at for shift in series.shifts), len(series.low_s)]
    return tuple(
        Line(
            label="level",
            kind="level",
            points=tuple(
                (at, rounded(statistics.median(series.low_s[start:end])))
                for at in (start - 0.5, end - 0.5)
            ),
        )
        for start, end in itertools.pairwise(edges)
        if end > start
    )


def shortened(name: Quoted) -> str:
    """Write a name for a title."""
    return shorten(name.text, 200)
