"""The endpoints of one repository that perfgate uses, each with the permission that it needs."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from perfgate.errors import GitHubError, UsageError
from perfgate.github.answers import decoded
from perfgate.github.client import Client
from perfgate.github.values import (
    Artifact,
    ChangedFile,
    Comment,
    PullRequest,
    Status,
    WorkflowRun,
)

__all__ = ["MOST_CHANGED_FILES", "GitHubRepository"]

MOST_CHANGED_FILES: Final = 3000
"""GitHub lists no more of a pull request."""
_OBJECT: Final = "application/vnd.github.object+json"
_READ_ACTIONS: Final = "actions: read"
_READ_CODE: Final = "contents: read"
_READ_PULLS: Final = "pull-requests: read"
_WRITE_PULLS: Final = "pull-requests: write"
_WRITE_STATUSES: Final = "statuses: write"

_Item = TypeVar("_Item")


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: list[WorkflowRun]


class _Artifacts(msgspec.Struct, frozen=True):
    artifacts: list[Artifact]


class _Target(msgspec.Struct, frozen=True):
    sha: str


class _Ref(msgspec.Struct, frozen=True):
    ref: str
    object: _Target


class _Compared(msgspec.Struct, frozen=True):
    merge_base_commit: _Target


class _Content(msgspec.Struct, frozen=True):
    type: str = "file"
    sha: str = ""
    encoding: str = ""
    content: str = ""


class _Permission(msgspec.Struct, frozen=True):
    permission: str


class GitHubRepository:
    """One repository, by its full name."""

    def __init__(self, client: Client, full_name: str) -> None:
        """Take the name as Actions gives it.

        Raises:
            UsageError: it is none.
        """
        owner, _, name = full_name.partition("/")
        if not owner or not name or "/" in name or {owner, name} & {".", ".."}:
            raise UsageError(f"GITHUB_REPOSITORY: {full_name!r} is no OWNER/NAME")
        self._client = client
        self._at = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    # --- reading -------------------------------------------------------------------------------

    def pull_request(self, number: int) -> PullRequest:
        """Return a pull request as it is now."""
        return self._client.get(f"{self._at}/pulls/{number}", PullRequest, permission=_READ_PULLS)

    def pull_requests_from(self, owner: str, branch: str) -> tuple[PullRequest, ...]:
        """Return the open pull requests from a branch; whose it is must still be checked."""
        query = {"state": "open", "head": f"{owner}:{branch}"}
        pages = self._client.pages(
            f"{self._at}/pulls", list[PullRequest], permission=_READ_PULLS, query=query
        )
        return _flat(pages)

    def pull_requests_with(self, sha: str) -> tuple[PullRequest, ...]:
        """Return the pull requests that a commit is in."""
        pages = self._client.pages(
            f"{self._at}/commits/{quote(sha, safe='')}/pulls",
            list[PullRequest],
            permission=_READ_PULLS,
        )
        return _flat(pages)

    def completed_runs(self, workflow_id: int, head_sha: str) -> tuple[WorkflowRun, ...]:
        """Return the finished runs of a workflow for pull requests with this head."""
        query = {"event": "pull_request", "status": "completed", "head_sha": head_sha}
        pages = self._client.pages(
            f"{self._at}/actions/workflows/{workflow_id}/runs",
            _Runs,
            permission=_READ_ACTIONS,
            query=query,
        )
        return _flat(page.workflow_runs for page in pages)

    def artifacts(self, run_id: int, name: str) -> tuple[Artifact, ...]:
        """Return the artifacts of a run by this name; attempts leave one each."""
        pages = self._client.pages(
            f"{self._at}/actions/runs/{run_id}/artifacts",
            _Artifacts,
            permission=_READ_ACTIONS,
            query={"name": name},
        )
        return _flat(page.artifacts for page in pages)

    def artifact_zip(self, artifact_id: int, limit_bytes: int) -> bytes:
        """Return the archive of an artifact."""
        return self._client.download(
            f"{self._at}/actions/artifacts/{artifact_id}/zip",
            limit_bytes,
            permission=_READ_ACTIONS,
        )

    def branch_commit(self, branch: str) -> str | None:
        """Return the commit that a branch stands at; None where there is no such branch."""
        path = f"{self._at}/git/ref/heads/{quote(branch, safe='/')}"
        found = self._client.find(path, _Ref, permission=_READ_CODE)
        if found is not None and found.ref != f"refs/heads/{branch}":
            raise GitHubError(f"GET {path}", f"answers with {found.ref}")
        return None if found is None else found.object.sha

    def file(self, path: str, commit: str) -> bytes | None:
        """Return a file as it is in a commit; None where there is none."""
        at = f"{self._at}/contents/{quote(path, safe='/')}?ref={quote(commit, safe='')}"
        found = self._client.find(at, _Content, permission=_READ_CODE, accept=_OBJECT)
        if found is None:
            return None
        if found.type != "file":
            raise GitHubError(f"GET {path}", f"is a {found.type}, not a file")
        if found.encoding == "none":  # larger than 1 MB: only git's own object has the content
            blob = f"{self._at}/git/blobs/{quote(found.sha, safe='')}"
            found = self._client.get(blob, _Content, permission=_READ_CODE)
        try:
            return base64.b64decode(found.content)
        except binascii.Error as error:
            raise GitHubError(f"GET {path}", f"cannot be read: {error}") from error

    def merge_base(self, base: str, head: str) -> str:
        """Return the commit that two commits have in common."""
        two = f"{quote(base, safe='')}...{quote(head, safe='')}"
        path = f"{self._at}/compare/{two}?per_page=1"
        return self._client.get(path, _Compared, permission=_READ_CODE).merge_base_commit.sha

    def changed_files(self, number: int) -> tuple[ChangedFile, ...]:
        """Return the files that a pull request changes, at most ``MOST_CHANGED_FILES``."""
        pages = self._client.pages(
            f"{self._at}/pulls/{number}/files", list[ChangedFile], permission=_READ_PULLS
        )
        return _flat(pages)

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return the comments on a pull request, the oldest first."""
        pages = self._client.pages(
            f"{self._at}/issues/{number}/comments", list[Comment], permission=_READ_PULLS
        )
        return _flat(pages)

    def permission_of(self, login: str) -> str:
        """Return what a person may do here: admin, write, read or none."""
        path = f"{self._at}/collaborators/{quote(login, safe='')}/permission"
        found = self._client.find(path, _Permission, permission="metadata: read")
        return "none" if found is None else found.permission

    def statuses(self, sha: str) -> tuple[Status, ...]:
        """Return the statuses of a commit, the newest first."""
        pages = self._client.pages(
            f"{self._at}/commits/{quote(sha, safe='')}/statuses",
            list[Status],
            permission="statuses: read",
        )
        return _flat(pages)

    # --- writing -------------------------------------------------------------------------------

    def create_comment(self, number: int, body: str) -> Comment:
        """Write a new comment."""
        path = f"{self._at}/issues/{number}/comments"
        answer = self._client.send("POST", path, {"body": body}, permission=_WRITE_PULLS)
        return decoded(f"POST {path}", answer, Comment)

    def update_comment(self, comment_id: int, body: str) -> None:
        """Replace the text of a comment."""
        path = f"{self._at}/issues/comments/{comment_id}"
        self._client.send("PATCH", path, {"body": body}, permission=_WRITE_PULLS)

    def delete_comment(self, comment_id: int) -> None:
        """Remove a comment."""
        path = f"{self._at}/issues/comments/{comment_id}"
        self._client.send("DELETE", path, None, permission=_WRITE_PULLS)

    def create_status(self, sha: str, status: Status, *, target_url: str) -> None:
        """Put a status on a commit."""
        body = {
            "state": status.state,
            "context": status.context,
            "description": status.description or "",
            "target_url": target_url,
        }
        path = f"{self._at}/statuses/{quote(sha, safe='')}"
        self._client.send("POST", path, body, permission=_WRITE_STATUSES)


def _flat(pages: Iterator[list[_Item]]) -> tuple[_Item, ...]:
    return tuple(item for page in pages for item in page)
