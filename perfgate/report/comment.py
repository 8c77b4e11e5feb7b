"""What the comment on a pull request says: the report, and what only its place knows.

The report itself may come from code that nobody trusts; everything in ``CommentContext`` was
obtained from GitHub or from the default branch, yet its texts are shown as from outside too.
"""

import dataclasses
import enum
import re
from collections.abc import Mapping, Sequence
from typing import Final

from perfgate.model import Judgement, Report
from perfgate.report.markdown import MARKER, Surroundings, fit_markdown
from perfgate.report.sentences import name_commit
from perfgate.report.text import Quoted, Sentence, join, visible
from perfgate.report.trend import trend
from perfgate.report.view import build_view

__all__ = ["COMMENT_LIMIT_CHARS", "ChangedPart", "CommentContext", "GateChange", "render_comment"]

COMMENT_LIMIT_CHARS: Final = 65_536
"""GitHub refuses a longer comment."""
_SELF_REPORTED: Final = (
    "⚠️ **Self-reported:** code of a fork measured this and could have written any number. "
    "It is information, not proof."
)
_DIFFERS: Final = {
    False: (
        "⚠️ **The run itself passed:** it goes by the settings and the workflow of this pull "
        "request, this comment by the settings of the base branch."
    ),
    True: (
        "⚠️ **The run itself failed:** by the settings of this pull request, or for a reason that "
        "its log names. By the settings of the base branch, nothing here fails."
    ),
}
"""Said where the comment comes out otherwise, by whether it is green."""
_SHOWN_FILES: Final = 5
"""Changed files of one kind that are named before the rest is only counted."""
_RUN_URL: Final = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._-]+)+", re.ASCII)


class ChangedPart(enum.Enum):
    """What a pull request may change of what the gate goes by."""

    BASELINES = "baselines"
    WAIVERS = "waivers"
    SETTINGS = "settings"
    """Thresholds, limits and whatever else perfgate reads from ``pyproject.toml``."""
    WORKFLOWS = "workflows"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GateChange:
    """A file by which the pull request changes what the gate goes by."""

    part: ChangedPart
    path: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CommentContext:
    """What is known of a pull request beside the report; empty where it is not."""

    head: str = ""
    """Commit of the pull request that was measured, as GitHub names it."""
    run_url: str = ""
    """Page of the workflow run."""
    is_self_reported: bool
    """A fork measured: its own code could write the numbers."""
    is_run_green: bool | None = None
    """How the workflow run ended; it went by the pull request's own settings."""
    changes: tuple[GateChange, ...] = ()
    history_s: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    """Earlier times of benchmarks on the default branch, the oldest first, by id."""


def render_comment(
    report: Report,
    context: CommentContext,
    *,
    marker: str = MARKER,
    limit_chars: int = COMMENT_LIMIT_CHARS,
) -> str:
    """Render the comment; ``marker`` is its first line, the verdict stands in the second.

    Characters count as UTF-16 units, the most that GitHub could take them for. What does not fit
    goes by whole rows, the least important first, and is counted.

    Raises:
        ValueError: the marker is no HTML comment on one line, or the URL not one of a run.
    """
    if re.fullmatch(r"<!-- [A-Za-z0-9 :=./_-]+ -->", marker) is None or "--" in marker[4:-3]:
        raise ValueError(f"not a marker: {marker!r}")
    if context.run_url and _RUN_URL.fullmatch(context.run_url) is None:
        raise ValueError(f"not the URL of a run: {context.run_url!r}")
    run = f"[job summary]({context.run_url})" if context.run_url else "job summary"
    around = Surroundings(
        marker=marker,
        headline=" (self-reported by a fork)" if context.is_self_reported else "",
        warnings=_warnings(report, context),
        trends=_trends(report, context.history_s),
        cut=f"left out to keep this short: see the {run}.",
        ending=f"[Log and job summary of the run]({context.run_url})" if context.run_url else "",
    )
    view = build_view(report)
    measured = report.results.revision.commit
    if context.head and context.head != measured:
        head: Sentence = ("The pull request stands at ", *name_commit(context.head), ". ")
        view = dataclasses.replace(view, commits=(*head, *view.commits))
    return fit_markdown(view, around, budget=limit_chars, measure=_utf16_units)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _warnings(report: Report, context: CommentContext) -> tuple[Sentence, ...]:
    warnings: list[Sentence] = []
    if context.is_self_reported:
        warnings.append((_SELF_REPORTED,))
    if context.changes:
        parts = [_changed(part, context.changes) for part in ChangedPart]
        warnings.append(
            ("⚠️ **This pull request changes what the gate goes by:** ", *join(parts, "; "), ".")
        )
    is_green = report.exit_status == 0
    if context.is_run_green is not None and context.is_run_green != is_green:
        warnings.append((_DIFFERS[is_green],))
    return tuple(warnings)


def _changed(part: ChangedPart, changes: Sequence[GateChange]) -> Sentence:
    paths = list(dict.fromkeys(change.path for change in changes if change.part is part))
    if not paths:
        return ()
    shown = join([(Quoted(path),) for path in paths[:_SHOWN_FILES]], ", ")
    rest = len(paths) - _SHOWN_FILES
    return (f"{part.value} in ", *shown, f" and {rest} more" if rest > 0 else "")


def _trends(report: Report, history_s: Mapping[str, Sequence[float]]) -> dict[str, str]:
    return {
        visible(judgement.benchmark): trend(history_s[judgement.benchmark], _time_s(judgement))
        for judgement in report.judgements
        if judgement.benchmark in history_s
    }


def _time_s(judgement: Judgement) -> float | None:
    deciding = judgement.comparisons[0].candidate_s if judgement.comparisons else None
    return deciding or judgement.candidate_s
