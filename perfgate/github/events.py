"""What started the workflow: the event that GitHub wrote down, refused where it is not ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from perfgate.errors import InputFileError, NothingToDoError, UsageError
from perfgate.github.values import Comment, Repository, User, WorkflowRun

__all__ = [
    "CommentEvent",
    "FinishedRun",
    "read_comment_event",
    "read_finished_run",
    "refuse_pull_request_target",
]

_T = TypeVar("_T")
_JUDGED: Final = frozenset({"success", "failure"})
"""A regression makes the run fail, and its comment is the one that matters most."""


class FinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A ``workflow_run`` event: a run that has ended."""

    repository: Repository
    workflow_run: WorkflowRun


class _Issue(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    pull_request: dict[str, Any] | None = None


class CommentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An ``issue_comment`` event: somebody wrote below a pull request or an issue."""

    action: str
    repository: Repository
    issue: _Issue
    comment: Comment
    sender: User


def refuse_pull_request_target(environ: Mapping[str, str]) -> None:
    """Refuse the one event that hands other people's code a token that can write.

    Raises:
        UsageError: this is it.
    """
    if environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        raise UsageError(
            "pull_request_target runs other people's code with a token that can write: "
            "measure on pull_request, and comment from a workflow_run"
        )


def read_finished_run(environ: Mapping[str, str], *, workflow: str) -> FinishedRun:
    """Read the event of a run of the gate for a pull request.

    ``workflow`` is the path of the gate's file: names can be taken by anybody's workflow.

    Raises:
        UsageError: another event started this, or its repository is not this one.
        NothingToDoError: the run is of another workflow, of no pull request, or was not judged.
        InputFileError: the event cannot be read.
    """
    refuse_pull_request_target(environ)
    event = _event(environ, "workflow_run", FinishedRun)
    run = event.workflow_run
    if run.path.partition("@")[0] != workflow:
        raise NothingToDoError(f"run {run.id} is of {run.path!r}, not of {workflow}")
    if run.event != "pull_request":
        raise NothingToDoError(f"run {run.id} was started by {run.event}, not by a pull request")
    if run.conclusion not in _JUDGED:
        raise NothingToDoError(f"run {run.id} ended with {run.conclusion}: nothing was judged")
    return event


def read_comment_event(environ: Mapping[str, str]) -> CommentEvent:
    """Read the event of a new comment on a pull request.

    Raises:
        UsageError: another event started this, or its repository is not this one.
        NothingToDoError: the comment was changed or removed, or is on an issue.
        InputFileError: the event cannot be read.
    """
    refuse_pull_request_target(environ)
    event = _event(environ, "issue_comment", CommentEvent)
    if event.action != "created":
        raise NothingToDoError(f"the comment was {event.action}: only new ones count")
    if event.issue.pull_request is None:
        raise NothingToDoError(f"#{event.issue.number} is no pull request")
    return event


def _event(environ: Mapping[str, str], name: str, kind: type[_T]) -> _T:
    started = environ.get("GITHUB_EVENT_NAME") or "nothing"
    if started != name:
        raise UsageError(f"runs in a workflow that is started by {name}, not by {started}")
    file = environ.get("GITHUB_EVENT_PATH", "")
    if not file:
        raise UsageError("GITHUB_EVENT_PATH is not set: this runs in GitHub Actions")
    try:
        data = Path(file).read_bytes()
        event = msgspec.json.decode(data, type=kind)
        owner = msgspec.json.decode(data, type=_Owned).repository.full_name
    except OSError as error:
        raise InputFileError(file, "", error.strerror or "cannot be read") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputFileError(file, "", f"is no event of {name}: {error}") from error
    if owner.lower() != environ.get("GITHUB_REPOSITORY", "").lower():
        raise UsageError(f"the event is of {owner}, and GITHUB_REPOSITORY names another")
    return event


class _Owned(msgspec.Struct, frozen=True):
    repository: Repository
