"""A report in GitHub's Markdown, within a budget.

Text from outside stands in code spans and code blocks only; see ``markup``.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from perfgate.model import Report
from perfgate.report.advice import join_commands
from perfgate.report.markup import cell, markdown, markdown_template
from perfgate.report.text import Sentence, join
from perfgate.report.view import Level, ReportView, Row, Section, build_view

__all__ = ["MARKER", "Surroundings", "fit_markdown", "render_markdown"]

MARKER: Final = "<!-- perfgate -->"
"""The first line, by which an earlier text is found again."""
_COMMAND_CHARS: Final = 4_000
"""Length up to which commands are put together into one that is copied at once."""
_ASSURED_ROWS: Final = 5
"""Rows that every section may keep before another one gets more."""
_OPEN_LINES: Final = {True: 15, False: 5}
"""Rows of a section that are seen without a click, where somebody has to act and elsewhere."""
_LINES_SHARE: Final = 4
"""Waivers take no more than one part in so many of the budget, nor do footnotes."""
_CUT: Final = "left out to keep this short."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the place where a report is shown adds to it."""

    marker: str = MARKER
    headline: str = ""
    """Our own words behind the verdict."""
    warnings: tuple[Sentence, ...] = ()
    """Shown before anything else."""
    trends: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Our own words on the past of a benchmark that needs an explanation, by its id."""
    cut: str = _CUT
    """Our own Markdown behind the number of rows that were left out."""
    ending: str = ""
    """Our own Markdown at the end."""


def render_markdown(
    report: Report, *, budget: int = 60_000, measure: Callable[[str], int] = len
) -> str:
    """Render a report in at most so many characters, or what else ``measure`` counts.

    What does not fit goes by whole rows, the least important first, and is counted. A budget
    too small for any table leaves the verdict line, one too small for that the marker or nothing.
    """
    return fit_markdown(build_view(report), Surroundings(), budget=budget, measure=measure)


def fit_markdown(
    view: ReportView, around: Surroundings, *, budget: int, measure: Callable[[str], int]
) -> str:
    """Lay out a view with what its place adds, as ``render_markdown`` does."""
    room = budget // _LINES_SHARE
    view = dataclasses.replace(
        view,
        waivers=_lines_within(view.waivers, room, measure),
        notes=_lines_within(view.notes, room, measure),
    )
    tables = [_table(section.rows) for section in view.sections]
    lines = {
        id(row): table.line(row, around)
        for section, table in zip(view.sections, tables, strict=True)
        for row in section.rows
    }
    render = _template()

    def with_rows(count: int) -> str:
        shares = zip(view.sections, _share(view.sections, count), tables, strict=True)
        return render(view, around, [_part(*share, lines, around.cut) for share in shares])

    count = _largest_fitting(len(lines), lambda count: measure(with_rows(count)) <= budget)
    if count is not None:
        return with_rows(count)
    first = f"{around.marker}\n## {view.icon} "
    least = f"{first}{markdown(view.headline)}{around.headline}\n"
    warned = least + "".join(f"\n> {markdown(warning)}\n" for warning in around.warnings)
    shorter = (warned, least, f"{first}perfgate\n", f"{around.marker}\n", "")
    return next(text for text in shorter if measure(text) <= budget or not text)


def _lines_within(
    lines: Sequence[Sentence], room: int, measure: Callable[[str], int]
) -> tuple[Sentence, ...]:
    """Keep the first lines up to a size, so that no flood of them takes the place of rows."""
    kept: list[Sentence] = []
    for line in lines:
        room -= measure(markdown(line))
        if room < 0:
            return (*kept, (f"{len(lines) - len(kept)} more lines left out to keep this short.",))
        kept.append(line)
    return tuple(kept)


def _largest_fitting(most: int, fits: Callable[[int], bool]) -> int | None:
    """Find the largest count that fits, by bisection; None when not even zero does."""
    if fits(most):
        return most
    best, low, high = None, 0, most - 1
    while low <= high:
        middle = (low + high) // 2
        if fits(middle):
            best, low = middle, middle + 1
        else:
            high = middle - 1
    return best


def _share(sections: Sequence[Section], count: int) -> tuple[int, ...]:
    """Say how many first rows each section keeps: a few each, the rest by their order.

    However many regressions there are, an accepted slowdown among them stays in sight.
    """
    kept = [0] * len(sections)
    for limit in (_ASSURED_ROWS, None):
        for place, section in enumerate(sections):
            if section.is_folded and limit is not None:
                continue
            wanted = len(section.rows[:limit]) - kept[place]
            taken = min(count, wanted)
            kept[place] += taken
            count -= taken
    return tuple(kept)


# --- tables -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A section's table: the rule its rows share, and only columns that hold something."""

    rule: Sentence
    has_times: bool
    has_change: bool

    @property
    def head(self) -> str:
        """Write the first two lines."""
        titles = ["Benchmark"]
        titles += ["Before → after"] if self.has_times else []
        titles += ["Change"] if self.has_change else []
        ruler = [":--", *["--:"] * (len(titles) - 1)]
        return f"| {' | '.join(map(_unbroken, titles))} |\n| {' | '.join(ruler)} |"

    def line(self, row: Row, around: Surroundings) -> str:
        """Write a row."""
        cells = [self._name(row, around)]
        if self.has_times:
            cells.append(_unbroken(row.times))
        if self.has_change:
            cells.append(_unbroken(_change(row)))
        return f"| {' | '.join(cells)} |"

    def _name(self, row: Row, around: Surroundings) -> str:
        parts = [cell((row.benchmark,))]
        if not row.is_settled:
            own = row.grounds[1:] if self.rule and row.grounds[0] == self.rule else row.grounds
            parts += map(cell, row.causes)
            parts += [cell(join(own)), around.trends.get(row.benchmark.text, "")]
        return "<br>".join(part for part in parts if part)


def _table(rows: Sequence[Row]) -> _Table:
    rules = {row.grounds[0] for row in rows if not row.is_settled}
    return _Table(
        rule=next(iter(rules)) if len(rules) == 1 and len(rows) > 1 else (),
        has_times=any(row.times for row in rows),
        has_change=any(row.effect or row.interval for row in rows),
    )


def _change(row: Row) -> str:
    if row.is_settled:
        return f"{row.effect} ({row.interval})" if row.interval else row.effect
    effect = f"**{row.effect}**" if row.effect else ""
    return "<br>".join(part for part in (effect, row.interval) if part)


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


# --- layout ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    text: str
    command: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    heading: str
    is_folded: bool
    is_urgent: bool
    rule: Sentence
    head: str
    lines: tuple[str, ...]
    """Shown at once."""
    more: tuple[str, ...]
    """Shown when asked for."""
    left_out: str
    steps: tuple[_Step, ...]


def _part(section: Section, kept: int, table: _Table, lines: Mapping[int, str], cut: str) -> _Part:
    rows = section.rows[:kept]
    missing = len(section.rows) - kept
    is_urgent = any(row.level is Level.ERROR for row in section.rows[:1])
    written = tuple(lines[id(row)] for row in rows)
    open_lines = _OPEN_LINES[is_urgent]
    if section.is_folded or len(written) <= open_lines + 1:
        open_lines = len(written)
    return _Part(
        heading=f"{section.heading} ({section.count})",
        is_folded=section.is_folded,
        is_urgent=is_urgent,
        rule=table.rule,
        head=table.head,
        lines=written[:open_lines],
        more=written[open_lines:],
        left_out=f"{missing} more {cut}" if missing else "",
        steps=_steps(rows),
    )


def _steps(rows: Sequence[Row]) -> tuple[_Step, ...]:
    """Put the commands that follow the same advice together."""
    steps = []
    for text in dict.fromkeys(row.advice for row in rows if row.advice):
        own = [row.command for row in rows if row.advice == text and row.command is not None]
        if not own:
            steps.append(_Step(text=text, command=""))
            continue
        line, count = join_commands(own, limit_chars=_COMMAND_CHARS)
        first = f" (the first {count} of {len(own)})" if count < len(own) else ""
        steps.append(_Step(text=text.removesuffix(":") + first, command=line))
    return tuple(steps)


def _template() -> Callable[[ReportView, Surroundings, Sequence[_Part]], str]:
    template = markdown_template("report.md.j2")
    return lambda view, around, parts: template.render(view=view, around=around, sections=parts)
