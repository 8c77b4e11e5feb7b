"""Which commit a change starts from: in GitHub Actions by its event, elsewhere by its branches.

Uncommitted changes are part of the candidate, so HEAD itself can be the reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from perfgate.errors import InputFileError, ReferenceTreeError, UsageError
from perfgate.git import Repository
from perfgate.model import Revision

__all__ = ["Reference", "current_revision", "default_tip", "find_merge_base", "read_event"]

_USUAL_DEFAULTS: Final = ("main", "master", "trunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The commit that a candidate is compared with."""

    commit: str | None
    """None only on a default branch whose first commit is checked out: nothing came before it."""
    how: str
    """How it was found, to be read by people."""
    is_default_branch: bool
    """The candidate already is the default branch, so the approved code is what to hold it to."""

    @property
    def base_commit(self) -> str | None:
        """The merge base; None on the default branch, where nothing is merged."""
        return None if self.is_default_branch else self.commit


def current_revision(repository: Repository) -> Revision:
    """Describe what is checked out; an unborn branch has an empty commit."""
    return Revision(
        commit=repository.commit("HEAD") or "",
        is_dirty=repository.is_dirty(),
        branch=repository.branch(),
    )


def read_event(environ: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Read the event that started a workflow; None outside GitHub Actions.

    Raises:
        InputFileError: GITHUB_EVENT_PATH names a file that is no JSON object.
    """
    name = environ.get("GITHUB_EVENT_PATH", "")
    if environ.get("GITHUB_ACTIONS") != "true" or not name:
        return None
    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise InputFileError(name, "", error.strerror or "cannot be read") from error
    except msgspec.DecodeError as error:
        raise InputFileError(name, "", f"not the JSON object of an event: {error}") from error


def find_merge_base(
    repository: Repository,
    *,
    base: str | None,
    environ: Mapping[str, str],
    event: Mapping[str, Any] | None,
) -> Reference:
    """Find the commit that the candidate starts from.

    ``base`` is a revision that the user named; it wins over everything else. The commit that
    comes back is in the repository, with its tree: a shallow clone has been deepened.

    Raises:
        UsageError: the workflow runs on pull_request_target, or ``base`` names no commit.
        ReferenceTreeError: there is no such commit, or it cannot be had.
    """
    is_in_actions = environ.get("GITHUB_ACTIONS") == "true"
    if is_in_actions and environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        raise UsageError(
            "pull_request_target runs other people's code with a token that can write: "
            "measure on pull_request, and comment from a workflow_run"
        )
    head = repository.head()
    if base is not None:
        return _named(repository, head, base)
    if is_in_actions:
        return _in_actions(repository, head, environ, event or {})
    return _on_laptop(repository, head)


def _named(repository: Repository, head: str, base: str) -> Reference:
    commit = repository.commit(base)
    if commit is None:
        raise UsageError(f"--base {base}: no such commit, branch or tag in this repository")
    found = repository.ensure_merge_base(head, commit, named=base)
    how = base if found == commit else f"merge base with {base}"
    return Reference(commit=found, how=how, is_default_branch=False)


# --- GitHub Actions ----------------------------------------------------------------------------


def _in_actions(
    repository: Repository, head: str, environ: Mapping[str, str], event: Mapping[str, Any]
) -> Reference:
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name == "merge_group":
        return _merge_group(repository, event)
    if environ.get("GITHUB_BASE_REF"):
        return _pull_request(repository, head, environ, event)
    return _branch_run(repository, head, environ, event)


def _merge_group(repository: Repository, event: Mapping[str, Any]) -> Reference:
    base = _text(event, "merge_group", "base_sha")
    if not base:
        raise ReferenceTreeError("merge_group", "the event does not name its base_sha")
    return Reference(
        commit=repository.ensure_commit(base),
        how="base of the merge group",
        is_default_branch=False,
    )


def _branch_run(
    repository: Repository, head: str, environ: Mapping[str, str], event: Mapping[str, Any]
) -> Reference:
    """Judge a push, a schedule or a manual run by the branch that it ran on."""
    default = _text(event, "repository", "default_branch")
    if not default:
        return _on_laptop(repository, head)
    if environ.get("GITHUB_REF") == f"refs/heads/{default}":
        return _default_branch(repository, head, _text(event, "before"))
    tip, named = _remote_tip(repository, default)
    return _merge_base(repository, head, tip, named=named)


def _pull_request(
    repository: Repository, head: str, environ: Mapping[str, str], event: Mapping[str, Any]
) -> Reference:
    parents = repository.parents(head)
    if head == environ.get("GITHUB_SHA") and len(parents) > 1:
        return Reference(
            commit=repository.ensure_commit(parents[0]),
            how="first parent of the merge commit",
            is_default_branch=False,
        )
    # Not the merge commit that GitHub made: the workflow checked out the pull request's head.
    branch = environ["GITHUB_BASE_REF"]
    try:
        tip, named = _remote_tip(repository, branch)
    except ReferenceTreeError:
        # Older than the branch's tip at times, hence only where that cannot be had.
        base = _text(event, "pull_request", "base", "sha")
        if not base:
            raise
        tip, named = repository.ensure_commit(base), branch
    return _merge_base(repository, head, tip, named=named)


def _remote_tip(repository: Repository, branch: str) -> tuple[str, str]:
    """Return the tip of a branch of the remote, and the name to call it by."""
    remote = repository.remote() or "origin"
    named = f"{remote}/{branch}"
    tip = (
        repository.commit(f"refs/remotes/{named}")
        or repository.fetch_branch(branch)
        or repository.commit(f"refs/heads/{branch}")
    )
    if tip is None:
        raise ReferenceTreeError(
            named, "no such branch in this clone: set `fetch-depth: 0` in actions/checkout"
        )
    return tip, named


def _text(event: Mapping[str, Any], *path: str) -> str:
    """Return a text of the event, empty where it is absent or something else."""
    value: Any = event
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


# --- a laptop ----------------------------------------------------------------------------------


def _on_laptop(repository: Repository, head: str) -> Reference:
    branch, default = repository.branch(), default_tip(repository)
    if default is None:
        raise ReferenceTreeError(
            "the default branch", "cannot be told in this repository: name it with --base"
        )
    tip, named = default
    is_on_default = branch == named.rpartition("/")[2] if branch else tip == head
    if is_on_default:
        if repository.is_dirty():
            return Reference(
                commit=head, how="HEAD, without what is not committed", is_default_branch=False
            )
        return _default_branch(repository, head, "")
    return _merge_base(repository, head, tip, named=named)


def default_tip(repository: Repository) -> tuple[str, str] | None:
    """Return the tip of the default branch and its name, as well as this clone knows it."""
    remote = repository.remote()
    names: list[tuple[str, str]] = []
    if remote is not None:
        target = repository.line("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")
        if target is not None:
            names.append((target, target.removeprefix("refs/remotes/")))
    configured = repository.line("config", "--get", "init.defaultBranch")
    usual = (*((configured,) if configured else ()), *_USUAL_DEFAULTS)
    if remote is not None:
        names += [(f"refs/remotes/{remote}/{name}", f"{remote}/{name}") for name in usual]
    names += [(f"refs/heads/{name}", name) for name in usual]
    for ref, named in names:
        tip = repository.commit(ref)
        if tip is not None:
            return tip, named
    return None


# --- both --------------------------------------------------------------------------------------


def _merge_base(repository: Repository, head: str, tip: str, *, named: str) -> Reference:
    return Reference(
        commit=repository.ensure_merge_base(head, tip, named=named),
        how=f"merge base with {named}",
        is_default_branch=False,
    )


def _default_branch(repository: Repository, head: str, before: str) -> Reference:
    """Take what the branch was before: its tip before the push, else the first parent."""
    if before.strip("0") and before != head:
        try:
            commit = repository.ensure_commit(before)
        except ReferenceTreeError:
            pass  # a forced push threw it away
        else:
            return Reference(
                commit=commit, how="the branch before this push", is_default_branch=True
            )
    parents = repository.parents(head)
    return Reference(
        commit=repository.ensure_commit(parents[0]) if parents else None,
        how="first parent" if parents else "no commit before this one",
        is_default_branch=True,
    )
