"""What a GitHub Actions job shows beside its log: the job summary and annotations, as text.

Limits and escaping as the runner has them (docs.github.com, "Workflow commands for GitHub
Actions"; the escaping is that of ``@actions/core``).
"""

import dataclasses
import enum
import re
from collections.abc import Sequence
from typing import Final

__all__ = [
    "SUMMARY_LIMIT_BYTES",
    "Annotation",
    "AnnotationLevel",
    "annotations",
    "without_commands",
]

SUMMARY_LIMIT_BYTES: Final = 1_048_576
"""The runner drops the whole summary of a step that is longer."""
_PER_LEVEL: Final = 10
"""The runner drops what a step says beyond so many annotations of one level."""
_TITLE_LIMIT: Final = 255
_MESSAGE_LIMIT: Final = 4_000
"""GitHub takes 64 kB; nobody reads so much at a line of code."""
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


def without_commands(text: str, token: str) -> str:
    """Wrap text from outside so that the runner looks for no command in any of its lines.

    ``token`` must be one that the text cannot know.
    """
    ending = "" if text.endswith("\n") else "\n"
    return f"::stop-commands::{token}\n{text}{ending}::{token}::\n"


def _take(item: Annotation, kept: list[Annotation], used: dict[AnnotationLevel, int]) -> bool:
    if used[item.level] == _PER_LEVEL:
        return False
    used[item.level] += 1
    kept.append(item)
    return True


def _command(item: Annotation) -> str:
    title = _clipped(item.title, _TITLE_LIMIT)
    properties = {"file": item.file, "line": str(item.line or ""), "title": title}
    if not item.file:
        del properties["line"]
    written = ",".join(f"{key}={_property(text)}" for key, text in properties.items() if text)
    return f"::{item.level.value} {written}::{_data(_clipped(item.message, _MESSAGE_LIMIT))}"


def _clipped(text: str, limit: int) -> str:
    """Keep a text below a limit, and to characters that GitHub's annotations can hold."""
    plain = re.sub("[\U00010000-\U0010ffff]", lambda found: f"\\U{ord(found[0]):08x}", text)
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
