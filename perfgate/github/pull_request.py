"""Which pull request a run belongs to, and which of its runs counts: asked of GitHub alone.

``workflow_run.pull_requests`` is empty for forks, and what the artifact says could be anything.
A branch's name proves nothing (a fork has a ``main`` too), so repositories are told by their ids.
"""

from typing import Final

from perfgate.errors import NothingToDoError
from perfgate.github.events import FinishedRun
from perfgate.github.repository import GitHubRepository
from perfgate.github.values import PullRequest, WorkflowRun

__all__ = ["find_pull_request", "newest_run"]

_JUDGED: Final = frozenset({"success", "failure"})


def find_pull_request(repository: GitHubRepository, event: FinishedRun) -> PullRequest:
    """Find the open pull request that a run was for.

    Its head may have moved on since; of two from the same branch to different bases it cannot be
    told which one was measured, so neither is taken.

    Raises:
        NothingToDoError: there is none, or more than one.
        GitHubError: it cannot be asked.
    """
    found = [one for one in _candidates(repository, event) if one.state == "open"]
    run = event.workflow_run
    if not found:
        raise NothingToDoError(f"run {run.id}: no open pull request has its branch any more")
    if len(found) > 1:
        numbers = ", ".join(f"#{one.number}" for one in found)
        raise NothingToDoError(f"run {run.id} could be of any of {numbers}: none gets a comment")
    return found[0]


def newest_run(
    repository: GitHubRepository, event: FinishedRun, pull_request: PullRequest
) -> WorkflowRun:
    """Return the newest judged run for the head as it is now, whichever run woke us.

    Events arrive out of order, and a waiting job may have been replaced by one for an older run.

    Raises:
        NothingToDoError: the head has moved on, and its own run has not ended.
        GitHubError: it cannot be asked.
    """
    woken_by, head = event.workflow_run, pull_request.head
    runs = [
        run
        for run in repository.completed_runs(woken_by.workflow_id, head.sha)
        if run.workflow_id == woken_by.workflow_id
        and run.path.partition("@")[0] == woken_by.path.partition("@")[0]
        and run.event == "pull_request"
        and run.conclusion in _JUDGED
        and run.head_sha == head.sha
        and run.head_branch == head.ref
        and _id(run) == (head.repo.id if head.repo else _id(woken_by))
    ]
    if not runs:
        raise NothingToDoError(
            f"#{pull_request.number}: its head is {head.sha[:10]} by now, "
            "of which no run has ended: the next one comments"
        )
    return max(runs, key=lambda run: run.order)


def _candidates(repository: GitHubRepository, event: FinishedRun) -> list[PullRequest]:
    run, home = event.workflow_run, event.repository.id
    source = run.head_repository
    found: list[PullRequest] = []
    if source is not None and source.owner is not None and run.head_branch:
        found = [
            one
            for one in repository.pull_requests_from(source.owner.login, run.head_branch)
            if one.head.repo is not None
            and one.head.repo.id == source.id
            and one.head.ref == run.head_branch
        ]
    if not found:  # where the repository was deleted, nothing but the commit tells
        found = [
            one
            for one in repository.pull_requests_with(run.head_sha)
            if one.head.repo is None and one.head.sha == run.head_sha
        ]
    return [one for one in found if one.base.repo is not None and one.base.repo.id == home]


def _id(run: WorkflowRun) -> int | None:
    return run.head_repository.id if run.head_repository else None
