"""The past for a terminal: what changed last, a line for each benchmark, what was left out."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from perfgate.commands.history import Past
from perfgate.commands.history_view import remarks
from perfgate.history.findings import Finding
from perfgate.history.past import History, Series, Shift
from perfgate.report.console import console_of
from perfgate.report.text import shorten, visible
from perfgate.report.trend import sparkline
from perfgate.units import format_ratio, format_seconds

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["render_check", "render_history"]

_LAST: Final = 15
"""Changes, series and approvals that are shown before the rest is only counted."""
_DRAWN: Final = 30
"""Most recent runs that a line is drawn from."""
_SHOWN_NAME: Final = 200


def render_history(past: Past, *, width: int, color: bool, verbose: bool) -> str:
    """Render for so many columns; ``verbose`` leaves nothing out."""
    console = console_of(width, color=color)
    history = past.history
    limit = None if verbose else _LAST
    with console.capture() as captured:
        console.print(_summary(history))
        for title, rows in (
            ("Last changes", _change_rows(history)),
            ("Benchmarks", _series_rows(history)),
            ("Last approvals", _approval_rows(history)),
        ):
            if rows:
                console.print()
                console.print(_table(title, rows[:limit]))
                if limit is not None and len(rows) > limit:
                    console.print(f"… and {len(rows) - limit} more; --verbose lists them")
        for warning in history.warnings:
            console.print(f"! {visible(warning)}")
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


def render_check(past: Past) -> str:
    """Say in lines which slowdowns nobody has seen, with the range of commits of each."""
    if not past.findings:
        return "no slowdown on the default branch that nobody has seen\n"
    count = _count(len(past.findings), "slowdown")
    lines = [f"{count} on the default branch that no gate has shown:"]
    ranges: dict[tuple[str, str], list[Finding]] = {}
    for finding in past.findings:
        key = (finding.shift.last_good, finding.shift.first_changed)
        ranges.setdefault(key, []).append(finding)
    for found in ranges.values():
        lines.append(f"  {_range(found[0].shift)}{_subject(past.history, found[0].shift)}")
        lines += (f"    {_told(one)}" for one in found)
    return "\n".join(lines) + "\n"


def _told(finding: Finding) -> str:
    shift, series = finding.shift, finding.series
    return (
        f"{_name(series.benchmark)}: {format_seconds(shift.before_s)} → "
        f"{format_seconds(shift.after_s)}, {format_ratio(shift.log_ratio)} ({_machine(series)})"
    )


def _range(shift: Shift) -> str:
    known = f" ({_count(shift.commits, 'commit')})" if shift.commits > 0 else ""
    return f"{shift.last_good[:10]}..{shift.first_changed[:10]}{known}"


def _subject(history: History, shift: Shift) -> str:
    commit = history.commits.get(shift.first_changed)
    if commit is None or not commit.subject or shift.commits != 1:
        return ""
    return f" {shorten(visible(commit.subject), _SHOWN_NAME)}"


def _machine(series: Series) -> str:
    return visible(" · ".join(part for part in (series.environment, series.cpu) if part))


def _name(benchmark: str) -> str:
    return shorten(visible(benchmark), _SHOWN_NAME)


def _summary(history: History) -> str:
    if not history.runs:
        return "No run is recorded."
    days = [_day(run.recorded) for run in history.runs]
    machines = len({(one.environment, one.cpu) for one in history.series})
    commits = len({run.commit for run in history.runs})
    benchmarks = len({one.benchmark for one in history.series})
    return (
        f"{_count(len(history.runs), 'run')} of {_count(commits, 'commit')}, "
        f"{min(days)} to {max(days)}: {_count(benchmarks, 'benchmark')} "
        f"on {_count(machines, 'kind')} of machine."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%d")


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for _ in rows[0]:
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _change_rows(history: History) -> list[tuple[str, ...]]:
    found = sorted(
        ((one.runs[shift.at], one, shift) for one in history.series for shift in one.shifts),
        key=lambda item: (-item[0], -abs(item[2].log_ratio)),
    )
    return [
        (
            _day(history.runs[place].recorded),
            format_ratio(shift.log_ratio),
            f"{format_seconds(shift.before_s)} → {format_seconds(shift.after_s)}",
            _name(one.benchmark),
            _range(shift) + "".join(f"; {visible(remark)}" for remark in remarks(shift)),
        )
        for place, one, shift in found
    ]


def _series_rows(history: History) -> list[tuple[str, ...]]:
    newest = sorted(history.series, key=lambda one: (-_last_change(one), one.benchmark))
    return [
        (
            sparkline(one.low_s[-_DRAWN:]),
            format_seconds(one.low_s[-1]),
            _name(one.benchmark),
            _machine(one),
            ", ".join(_traits(one)),
        )
        for one in newest
    ]


def _last_change(series: Series) -> int:
    return series.runs[series.shifts[-1].at] if series.shifts else -1


def _traits(series: Series) -> Iterator[str]:
    if series.drift is not None:
        yield f"creeping, {format_ratio(series.drift)}"
    if series.is_bimodal:
        yield "in two modes"
    if series.shifts:
        yield _count(len(series.shifts), "change")


def _approval_rows(history: History) -> list[tuple[str, ...]]:
    return [
        (
            one.commit[:10],
            f"{_time(one.old_s)} → {_time(one.new_s)}",
            _name(one.benchmark),
            shorten(visible(one.reason), _SHOWN_NAME),
        )
        for one in reversed(history.approvals)
    ]


def _time(seconds: float | None) -> str:
    return "none" if seconds is None else format_seconds(seconds)
