"""What a GitHub Actions job shows of a report: annotations and the job summary."""

from pathlib import Path

from perfgate.github.actions import (
    SUMMARY_BUDGET_CHARS,
    Annotation,
    AnnotationLevel,
    annotations,
    job_summary,
)
from perfgate.model import Report
from perfgate.report.markdown import render_markdown
from perfgate.report.text import plain
from perfgate.report.view import Level, build_view

__all__ = ["annotation_lines", "append_summary"]


def annotation_lines(report: Report) -> tuple[str, ...]:
    """Return workflow commands for what went wrong, the worst first."""
    view = build_view(report, longest_folded=0)  # what passed is not annotated
    rows = [row for section in view.sections for row in section.rows]
    return annotations(
        [
            Annotation(
                level=AnnotationLevel(row.level.value),
                title=f"{row.word}: {row.benchmark.text}",
                message=plain(row.why),
                file=row.path,
                line=row.line,
            )
            for row in rows
            if row.level is not Level.NONE
        ]
    )


def append_summary(report: Report, path: Path) -> None:
    """Append Markdown to a job summary, which other commands of the step may have begun.

    Raises:
        OSError: it cannot be written.
    """
    markdown = render_markdown(report, budget_chars=SUMMARY_BUDGET_CHARS)
    with path.open("ab") as file:
        file.write(job_summary(markdown, used_bytes=file.tell()).encode())
