"""What a GitHub Actions job shows beside its log: the job summary and annotations, as text.

Limits and escaping as the runner has them (docs.github.com, "Workflow commands for GitHub
Actions"; the escaping is that of ``@actions/core``).
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Final

__all__ = ["SUMMARY_BUDGET_CHARS", "Annotation", "AnnotationLevel", "annotations", "job_summary"]

_SUMMARY_LIMIT_BYTES: Final = 1_048_576
SUMMARY_BUDGET_CHARS: Final = _SUMMARY_LIMIT_BYTES // 4
"""So many characters fit a job summary whatever they are: UTF-8 needs at most four bytes each."""
_PER_LEVEL: Final = 10
"""The runner drops what a step says beyond so many annotations of one level."""
_TITLE: Final = "perfgate"


class AnnotationLevel(enum.Enum):
    """The levels that the runner knows."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message at a place in the code; texts come from outside, an empty file is no place."""

    level: AnnotationLevel
    title: str
    message: str
    file: str = ""
    line: int | None = None


def annotations(items: Sequence[Annotation]) -> tuple[str, ...]:
    """Write workflow commands for the most important items, which come first.

    At most ten of each level; the last line counts what was left out.
    """
    kept: list[Annotation] = []
    used = dict.fromkeys(AnnotationLevel, 0)
    dropped = [item for item in items if not _take(item, kept, used)]
    if dropped and used[AnnotationLevel.NOTICE] == _PER_LEVEL:
        last = max(i for i, item in enumerate(kept) if item.level is AnnotationLevel.NOTICE)
        dropped.append(kept.pop(last))
    if dropped:
        text = f"{len(dropped)} more in the job summary."
        kept.append(Annotation(level=AnnotationLevel.NOTICE, title=_TITLE, message=text))
    return tuple(_command(item) for item in kept)


def job_summary(markdown: str, *, used_bytes: int = 0) -> str:
    """Make a report fit the job summary of a step that may already hold some bytes.

    Rendered with ``SUMMARY_BUDGET_CHARS`` it fits an empty one. What does not fit is replaced by
    a line that says so, since the runner would drop all of it; without room for that by nothing.
    """
    instead = "The perfgate report is too large for this job summary; the job log has it.\n"
    for text in (markdown if markdown.endswith("\n") else f"{markdown}\n", instead):
        if used_bytes + len(text.encode()) <= _SUMMARY_LIMIT_BYTES:
            return text
    return ""


def _take(item: Annotation, kept: list[Annotation], used: dict[AnnotationLevel, int]) -> bool:
    if used[item.level] == _PER_LEVEL:
        return False
    used[item.level] += 1
    kept.append(item)
    return True


def _command(item: Annotation) -> str:
    properties = {"file": item.file, "line": str(item.line or ""), "title": item.title}
    if not item.file:
        del properties["line"]
    written = ",".join(f"{key}={_property(text)}" for key, text in properties.items() if text)
    return f"::{item.level.value} {written}::{_data(item.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
