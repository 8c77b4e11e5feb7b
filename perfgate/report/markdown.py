"""A report in GitHub's Markdown, within a budget of characters.

Text from outside stands in code spans and code blocks only. There it is neither markup nor a
mention, reference, link or emoji, which GitHub looks for everywhere else.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Final

from perfgate.model import Report
from perfgate.report.text import PIECE_LIMIT, Quoted, Sentence, shorten
from perfgate.report.view import ReportView, Row, Section, build_view

__all__ = ["MARKER", "render_markdown"]

MARKER: Final = "<!-- perfgate -->"
"""The first line, by which an earlier comment is found again."""
_FENCE_LIMIT: Final = 8
"""Longest run of back-ticks that a fence answers; Markdown engines stop at 80."""


def render_markdown(report: Report, *, budget_chars: int = 60_000) -> str:
    """Render a report in at most so many characters.

    What does not fit goes by whole rows, the least important first, and is counted. A budget
    too small for any table leaves the verdict line, one too small for that the marker or nothing.
    """
    view = build_view(report)
    lines = {id(row): _table_line(row) for section in view.sections for row in section.rows}
    render = _template()

    def with_rows(count: int) -> str:
        return render(view, _choose(view.sections, count, lines))

    count = _largest_fitting(len(lines), lambda count: len(with_rows(count)) <= budget_chars)
    if count is not None:
        return with_rows(count)
    least = f"{MARKER}\n## {view.icon} {_markdown(view.headline)}\n"
    shorter = (least, f"{MARKER}\n## {view.icon} perfgate\n", f"{MARKER}\n", "")
    return next(text for text in shorter if len(text) <= budget_chars or not text)


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


# --- layout ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    text: str
    commands: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    heading: str
    is_folded: bool
    lines: tuple[str, ...]
    left_out: str
    steps: tuple[_Step, ...]


def _choose(sections: Sequence[Section], count: int, lines: dict[int, str]) -> tuple[_Part, ...]:
    """Keep the first rows of the report: sections stand in the order of their importance."""
    parts = []
    for section in sections:
        kept = section.rows[:count]
        count -= len(kept)
        missing = len(section.rows) - len(kept)
        parts.append(
            _Part(
                heading=f"{section.heading} ({len(section.rows)})",
                is_folded=section.is_folded,
                lines=tuple(lines[id(row)] for row in kept),
                left_out=f"{missing} more left out to keep this short." if missing else "",
                steps=_steps(kept),
            )
        )
    return tuple(parts)


def _steps(rows: Sequence[Row]) -> tuple[_Step, ...]:
    """Put the commands that follow the same advice together, each once."""
    commands: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.advice:
            commands.setdefault(row.advice, {}).update({row.command: None} if row.command else {})
    return tuple(_Step(text=text, commands=tuple(chosen)) for text, chosen in commands.items())


def _table_line(row: Row) -> str:
    change = row.effect if row.is_settled or not row.effect else f"**{row.effect}**"
    if row.interval:
        change += f" ({row.interval})"
    name = _cell((row.benchmark,))
    if row.why and not row.is_settled:
        name += f"<br>{_cell(row.why)}"
    return f"| {name} | {row.symbol} {row.word} | {row.times} | {change} |"


def _template() -> Callable[[ReportView, Sequence[_Part]], str]:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perfgate.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown: finalize puts outside text into code spans
        finalize=_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("report.md.j2")
    return lambda view, parts: template.render(marker=MARKER, view=view, sections=parts)


# --- escaping ----------------------------------------------------------------------------------


def _markdown(value: str | Quoted | Sentence) -> str:
    """Write our own words as they are and pieces from outside as code spans."""
    if isinstance(value, str):
        return value
    pieces = (value,) if isinstance(value, Quoted) else value
    return "".join(_code_span(p.text) if isinstance(p, Quoted) else p for p in pieces)


def _cell(sentence: Sentence) -> str:
    """Write a sentence for a table cell, where a pipe needs a backslash even within code."""
    return _markdown(sentence).replace("|", r"\|")


def _code_span(text: str) -> str:
    text = shorten(text, PIECE_LIMIT) or " "
    if _longest_run(text) > _FENCE_LIMIT:
        text = text.replace("`", r"\x60")
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
