"""A report for a terminal: a table, worst first, what to do, and the verdict as the last line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from perfgate.model import Report
from perfgate.report.console import console_of
from perfgate.report.text import plain
from perfgate.report.view import ReportView, Row, Section, Tone, build_view

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["render_terminal"]

_LISTED: Final = 30
"""Passed benchmarks that are listed before they are only counted."""
_EXPLAINED: Final = 10
"""Benchmarks of one section that are explained below the table."""
_NAME_MIN: Final = 16
_WIDE: Final = 110
"""Columns from which the interval has a place of its own."""
_STYLES: Final = {Tone.GOOD: "green", Tone.NEUTRAL: "cyan", Tone.DOUBT: "yellow", Tone.BAD: "red"}


def render_terminal(report: Report, *, width: int, color: bool, verbose: bool = False) -> str:
    """Render a report for so many columns; only commands to copy may be wider.

    ``verbose`` lists passed benchmarks however many there are, and explains every row.
    """
    console = console_of(width, color=color)
    listed = len(report.judgements) if verbose else _LISTED
    view = build_view(report, longest_folded=listed)
    with console.capture() as captured:
        _print_table(console, view)
        for section in view.sections:
            if not section.is_folded:
                _print_reasons(console, section, len(section.rows) if verbose else _EXPLAINED)
        _print_end(console, view)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


# --- the table ---------------------------------------------------------------------------------


def _print_table(console: "Console", view: ReportView) -> None:
    rows = [row for section in view.sections for row in section.rows]
    if rows:
        console.print(_table(rows, console.width))
    for section in view.sections:
        if len(section.rows) < section.count:
            _print_indented(console, f"{section.count} passed, not listed.", 0, "dim")


def _table(rows: Sequence[Row], width: int) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    verdicts = [f"{row.symbol} {row.word}" for row in rows]
    numbers = {
        "Before → after": [row.times for row in rows],
        "Change": [row.effect for row in rows],
    }
    if width >= _WIDE:
        numbers["Between"] = [row.interval for row in rows]
    taken = sum(2 + max(map(len, [title, *cells])) for title, cells in numbers.items())
    name_width = max(_NAME_MIN, width - taken - max(map(len, ["Verdict", *verdicts])) - 2)

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Benchmark", no_wrap=True, overflow="ellipsis")
    for title in numbers:
        table.add_column(title, no_wrap=True, justify="right")
    for place, row in enumerate(rows):
        style = _STYLES[row.tone]
        name = _fit(row.benchmark.text, name_width)
        cells = [Text(column[place]) for column in numbers.values()]
        table.add_row(Text(verdicts[place], style), Text(name), *cells)
    return table


def _fit(name: str, width: int) -> str:
    """Cut a node id to so many cells; its end tells benchmarks apart, so the start goes first."""
    from rich.cells import cell_len

    if cell_len(name) <= width:
        return name
    file, separator, test = name.partition("::")
    start = file[: max(0, width - 1 - cell_len(separator + test))] if separator else ""
    rest = (separator + test if start else name)[-width:]
    while rest and cell_len(start) + 1 + cell_len(rest) > width:
        rest = rest[1:]
    return f"{start}…{rest}"


# --- below the table ---------------------------------------------------------------------------


def _print_reasons(console: "Console", section: Section, explained: int) -> None:
    rows = section.rows[:explained]
    _print_indented(console, f"\n{section.heading}", 0, "bold")
    same = {(row.why, row.causes, row.effect, row.advice, row.command) for row in section.rows}
    if len(same) == 1 < len(rows):  # the table named them already
        _print_remedy(console, rows[0], plain(rows[0].why), 2)
        return
    for row in rows:
        interval = f" ({row.interval})" if row.interval else ""
        change = f"{row.effect}{interval}: " if row.effect else ""
        _print_indented(console, plain((row.benchmark,)), 2, _STYLES[row.tone])
        _print_remedy(console, row, f"{change}{plain(row.why)}", 4)
    if len(section.rows) > len(rows):
        _print_indented(console, f"… and {len(section.rows) - len(rows)} more.", 2, "dim")


def _print_remedy(console: "Console", row: Row, why: str, columns: int) -> None:
    _print_indented(console, why, columns, "")
    for place, cause in enumerate(row.causes):
        _print_indented(console, plain(cause), columns + (2 if place else 0), "")
    if row.advice:
        _print_indented(console, row.advice, columns, "")
    if row.command is not None:
        _print_command(console, row.command.line)


def _print_end(console: "Console", view: ReportView) -> None:
    console.print()
    for waiver in view.waivers:
        _print_indented(console, f"Waiver: {plain(waiver)}", 0, "")
    for note in view.notes:
        _print_indented(console, f"Note: {plain(note)}", 0, "")
    for line in (plain(view.commits), plain(view.environment), view.counts):
        if line:
            _print_indented(console, line, 0, "dim")
    _print_indented(
        console, f"{view.symbol} {plain(view.headline)}", 0, f"bold {_STYLES[view.tone]}"
    )


def _print_indented(console: "Console", line: str, columns: int, style: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(line, style), (0, 0, 0, columns), expand=False))


def _print_command(console: "Console", command: str) -> None:
    """Print a command on one line, however long: a broken one cannot be copied."""
    from rich.text import Text

    line = Text(f"      {command}", "bold")
    console.print(line, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)
