"""What a GitHub Actions job shows of a report: annotations and the job summary."""

from pathlib import Path, PurePosixPath

from perfgate.github.actions import (
    SUMMARY_LIMIT_BYTES,
    Annotation,
    AnnotationLevel,
    annotations,
)
from perfgate.model import Report
from perfgate.report.markdown import render_markdown
from perfgate.report.text import plain, visible
from perfgate.report.view import Level, Row, build_view

__all__ = ["annotation_lines", "append_summary", "append_text"]


def annotation_lines(report: Report, *, folder: PurePosixPath) -> tuple[str, ...]:
    """Return workflow commands for what went wrong, the worst first.

    ``folder`` is the way from the repository's top to the project, which paths are seen from.
    """
    view = build_view(report, longest_folded=0)  # what passed is not annotated
    rows = [row for section in view.sections for row in section.rows]
    return annotations(
        [
            Annotation(
                level=AnnotationLevel(row.level.value),
                title=f"{row.word}: {row.benchmark.text}",
                message=" ".join(part for part in (_change(row), plain(row.why)) if part),
                file=visible((folder / row.path).as_posix()) if row.path else "",
                line=row.line,
            )
            for row in rows
            if row.level is not Level.NONE
        ]
    )


def _change(row: Row) -> str:
    interval = f" ({row.interval})" if row.interval else ""
    return f"{row.effect}{interval}." if row.effect else ""


def append_summary(report: Report, path: Path) -> None:
    """Append Markdown to a job summary, which other commands of the step may have begun.

    The least important rows go until it fits.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("ab") as file:
        room = max(0, SUMMARY_LIMIT_BYTES - file.tell())
        text = render_markdown(report, budget=room, measure=_utf8_bytes)
        file.write(text.encode())


def append_text(text: str, path: Path) -> None:
    """Append Markdown to a job summary as it is, unless that would be more than GitHub takes.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("ab") as file:
        if file.tell() + _utf8_bytes(text) <= SUMMARY_LIMIT_BYTES:
            file.write(text.encode())


def _utf8_bytes(text: str) -> int:
    return len(text.encode())
