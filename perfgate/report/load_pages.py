"""A load for a terminal, and in GitHub's Markdown."""

from typing import Final

from perfgate.load_run import LoadRun
from perfgate.report.load_view import LoadRow, build_load_view
from perfgate.report.markup import markdown_template
from perfgate.report.text import plain

__all__ = ["render_load_markdown", "render_load_text"]

_HEAD: Final = ("operations", "ended", "failed")


def render_load_text(run: LoadRun) -> str:
    """Render for a terminal; the verdict is the last line."""
    view = build_load_view(run)
    rows = [(*_HEAD, *view.columns, "per second"), *(_texts(row) for row in view.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [plain(view.summary), *(_aligned(row, widths) for row in rows)]
    lines += [f"{count} x {name.text}" for name, count in view.kinds]
    lines += [f"failed: {failure.text}" for failure in view.failures]
    lines += [f"in doubt: {doubt.text}" for doubt in view.doubts]
    lines.append(f"{view.name.text}: {view.outcome}")
    return "\n".join(lines) + "\n"


def _texts(row: LoadRow) -> tuple[str, ...]:
    name = row.name if isinstance(row.name, str) else row.name.text
    return (name, row.count, row.failed, *row.times, row.per_s)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers = row
    padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])


def render_load_markdown(run: LoadRun) -> str:
    """Render for a pull request or the summary of a job; outside text stands in code spans."""
    return markdown_template("load.md.j2").render(view=build_load_view(run))
