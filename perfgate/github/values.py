"""What of GitHub's answers and events is looked at; every other field is passed over."""

import msgspec

__all__ = [
    "Artifact",
    "Branch",
    "ChangedFile",
    "Comment",
    "PullRequest",
    "Repository",
    "Status",
    "User",
    "WorkflowRun",
]


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value; unknown fields are left out."""


class User(_Value, frozen=True, kw_only=True):
    """An account."""

    login: str
    type: str = ""


class Repository(_Value, frozen=True, kw_only=True):
    """A repository; ids stay where names can be taken by others."""

    id: int
    full_name: str = ""
    owner: User | None = None


class Branch(_Value, frozen=True, kw_only=True):
    """One end of a pull request."""

    ref: str
    sha: str
    repo: Repository | None = None
    """None where it was deleted."""


class PullRequest(_Value, frozen=True, kw_only=True):
    """A pull request."""

    number: int
    state: str
    head: Branch
    base: Branch

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether a fork, or a repository that is gone, made it."""
        head, base = self.head.repo, self.base.repo
        return head is None or base is None or head.id != base.id


class WorkflowRun(_Value, frozen=True, kw_only=True):
    """A run of a workflow."""

    id: int
    workflow_id: int
    run_number: int
    run_attempt: int = 1
    event: str
    path: str
    conclusion: str | None = None
    head_sha: str
    head_branch: str | None = None
    head_repository: Repository | None = None

    @property
    def order(self) -> tuple[int, int]:
        """What tells a newer run of a workflow from an older one."""
        return self.run_number, self.run_attempt


class _Origin(_Value, frozen=True, kw_only=True):
    id: int = 0
    head_sha: str = ""


class Artifact(_Value, frozen=True, kw_only=True):
    """A file that a run left behind."""

    id: int
    name: str
    size_in_bytes: int
    expired: bool
    digest: str | None = None
    """``sha256:`` and hex digits; GitHub Enterprise Server has none."""
    workflow_run: _Origin | None = None


class Comment(_Value, frozen=True, kw_only=True):
    """A comment on a pull request."""

    id: int
    body: str = ""
    user: User | None = None
    html_url: str = ""


class ChangedFile(_Value, frozen=True, kw_only=True):
    """A file that a pull request changes."""

    filename: str
    status: str = ""
    previous_filename: str = ""


class Status(_Value, frozen=True, kw_only=True):
    """A commit status."""

    context: str
    state: str
    description: str | None = None
