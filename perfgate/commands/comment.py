"""``perfgate comment``: the pull request's numbers, judged by the base branch, in one comment.

Runs where the token may write and nothing of the pull request does: what it uploaded is data, and
everything else is asked of GitHub.
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perfgate.commands.gate_changes import (
    edited_suites,
    in_folder,
    path_changes,
    paths_of,
    settings_changes,
)
from perfgate.commands.rejudging import judged_again
from perfgate.config import Config, parse_config
from perfgate.errors import NothingToDoError, UsageError
from perfgate.github.artifact import MEMBER, download_report
from perfgate.github.comments import Done, Draft, Marker, Upsert, is_comment_id, put_comment
from perfgate.github.connection import Connection
from perfgate.github.events import FinishedRun, read_finished_run
from perfgate.github.pull_request import find_pull_request, newest_run
from perfgate.github.repository import GitHubRepository
from perfgate.github.values import ChangedFile, PullRequest, WorkflowRun
from perfgate.history.runs import RunRecord, decode_runs, earlier_times, recent_paths
from perfgate.model import Report, Verdict
from perfgate.report.comment import (
    COMMENT_LIMIT_CHARS,
    CommentContext,
    GateChange,
    render_comment,
)
from perfgate.report.document import decode_report

__all__ = ["CommentOptions", "Mode", "Place", "comment", "preview"]

_SETTINGS: Final = "pyproject.toml"
_SAID: Final = {
    Done.CREATED: "commented",
    Done.UPDATED: "brought the comment up to date",
    Done.UNCHANGED: "the comment says so already",
    Done.NEWER: "a newer run has commented already",
    Done.MOVED: "the head has moved on: its own run comments",
    Done.NOT_WANTED: "nothing worth a comment, and there is none to bring up to date",
}


class Mode(enum.Enum):
    """Which results are worth a new comment; one that exists is always brought up to date."""

    ALWAYS = "always"
    ON_CHANGE = "on-change"
    """Something is not as it was: slower, faster, new, missing, accepted, undecided."""
    ON_REGRESSION = "on-regression"
    """The gate does not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOptions:
    """What the command line asks for."""

    workflow: str
    """Path of the gate's workflow file."""
    artifact: str
    id: str
    mode: Mode
    author: str
    data_branch: str
    """Where runs of the default branch were recorded; it need not exist."""
    folder: str
    """Of the project in its repository, with slashes; empty: it is the repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the command runs: what GitHub Actions says, and the repository to ask."""

    environ: Mapping[str, str]
    connection: Connection
    repository: GitHubRepository
    today: dt.date


def comment(options: CommentOptions, place: Place) -> str:
    """Bring the comment on the pull request of a finished run up to date; say what was done.

    Raises:
        UsageError: an option or the event makes no sense.
        NothingToDoError: no pull request, run or artifact is left to comment on.
        InputFileError: what the pull request uploaded is not what a gate uploads.
        ConfigError: the settings of the base branch cannot be read.
        MissingPermissionError: the token must not do what is needed.
        GitHubError: GitHub did not do it.
    """
    _check(options)
    event = read_finished_run(place.environ, workflow=options.workflow)
    pull_request = find_pull_request(place.repository, event)
    run = newest_run(place.repository, event, pull_request)
    data = download_report(place.repository, run, options.artifact)
    source = f"{MEMBER} of run {run.id}"
    report = decode_report(data, source)
    files = place.repository.changed_files(pull_request.number)
    base = _base_commit(place.repository, pull_request)
    content = place.repository.file(in_folder(options.folder, _SETTINGS), base)
    judged = judged_again(
        report,
        _config(content, base, options.folder, place.today),
        edited=edited_suites(files, options.folder),
        source=source,
    )
    changes = _changes(options, place, pull_request, files)
    context = replace(
        _context(event, run, pull_request, changes, place.connection),
        history_s=_history_s(place, options, judged),
    )
    done = put_comment(place.repository, pull_request.number, _draft(options, judged, context, run))
    return _said(pull_request, run, done)


def preview(report: Report) -> str:
    """Return the comment that a report would become; its verdicts are taken as they are."""
    return render_comment(report, CommentContext(is_self_reported=False))


def _check(options: CommentOptions) -> None:
    if not is_comment_id(options.id):
        raise UsageError(f"--id {options.id}: at most 40 lower-case letters, digits and hyphens")
    if options.folder and (options.folder.startswith("/") or ".." in options.folder.split("/")):
        raise UsageError(f"--project {options.folder}: a folder in the repository, with slashes")


def _base_commit(repository: GitHubRepository, pull_request: PullRequest) -> str:
    branch = pull_request.base.ref
    commit = repository.branch_commit(branch)
    if commit is None:
        raise NothingToDoError(f"#{pull_request.number}: its base {branch} is gone")
    return commit


def _history_s(
    place: Place, options: CommentOptions, report: Report
) -> Mapping[str, tuple[float, ...]]:
    """Return earlier times of the default branch, as far as some were recorded."""
    tip = place.repository.branch_commit(options.data_branch)
    if tip is None:
        return {}
    results = report.results
    found: dict[str, tuple[float, ...]] = {}
    for environment in results.environments or (results.environment,):
        runs: list[RunRecord] = []
        for path in recent_paths(environment, place.today):
            runs += decode_runs(place.repository.file(path, tip) or b"", path)[0]
        ending = f" ({environment.key})" if results.is_mixed else ""
        times_s = earlier_times(runs, environment, title=report.title)
        found |= {f"{name}{ending}": times for name, times in times_s.items()}
    return found


def _config(content: bytes | None, commit: str, folder: str, today: dt.date) -> Config:
    """Read the settings of the base branch; without a file, the defaults."""
    file = Path(f"{commit[:10]}:{folder}") / _SETTINGS if folder else Path(commit[:10], _SETTINGS)
    if content is None:
        return Config(root=file.parent)
    return parse_config(content, file, today=today)


def _changes(
    options: CommentOptions,
    place: Place,
    pull_request: PullRequest,
    files: tuple[ChangedFile, ...],
) -> tuple[GateChange, ...]:
    changes = path_changes(files, options.folder)
    path = in_folder(options.folder, _SETTINGS)
    if path not in paths_of(files):
        return changes
    head = pull_request.head.sha
    base = place.repository.merge_base(pull_request.base.sha, head)
    old, new = (place.repository.file(path, commit) for commit in (base, head))
    return (*changes, *settings_changes(path, old, new))


def _context(
    event: FinishedRun,
    run: WorkflowRun,
    pull_request: PullRequest,
    changes: tuple[GateChange, ...],
    connection: Connection,
) -> CommentContext:
    home = f"{connection.server_url}/{event.repository.full_name}"
    return CommentContext(
        head=pull_request.head.sha,
        run_url=f"{home}/actions/runs/{run.id}",
        is_self_reported=pull_request.is_from_elsewhere,
        is_run_green=run.conclusion == "success",
        changes=changes,
    )


def _draft(
    options: CommentOptions, report: Report, context: CommentContext, run: WorkflowRun
) -> Draft:
    def render(marker: str, limit_chars: int | None) -> str:
        limit = COMMENT_LIMIT_CHARS if limit_chars is None else limit_chars
        return render_comment(report, context, marker=marker, limit_chars=limit)

    return Draft(
        marker=Marker(
            id=options.id, run_number=run.run_number, attempt=run.run_attempt, sha=run.head_sha
        ),
        render=render,
        is_wanted=_is_wanted(report, context, options.mode),
        author=options.author,
    )


def _is_wanted(report: Report, context: CommentContext, mode: Mode) -> bool:
    match mode:
        case Mode.ALWAYS:
            return True
        case Mode.ON_CHANGE:
            is_changed = any(one.verdict is not Verdict.PASSED for one in report.judgements)
            return is_changed or report.exit_status != 0 or bool(context.changes)
        case Mode.ON_REGRESSION:
            return report.exit_status != 0


def _said(pull_request: PullRequest, run: WorkflowRun, done: Upsert) -> str:
    text = f"#{pull_request.number}, run {run.id}: {_SAID[done.done]}"
    return f"{text}; removed {done.removed} copies of it" if done.removed else text
