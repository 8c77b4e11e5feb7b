"""A branch that only collects: lines appended to its files, with git's plumbing and no checkout.

Writers need not know of each other. Each builds on the tip that it saw and pushes only if that
still is the tip, else it looks again: nothing that anybody wrote is lost.
"""

import base64
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from perfgate.errors import DataBranchError
from perfgate.git import GitFailure, Repository

__all__ = ["Appended", "Patience", "append_lines", "authorised", "read_files"]

_TIP: Final = "refs/perfgate/tip"
_ABSENT: Final = "couldn't find remote ref"
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_REFUSALS: Final = 4
"""Pushes in a row that may fail although nobody else wrote: two pushes can hinder each other."""
_NETWORK_TIMEOUT_S: Final = 600.0
_BOT: Final = {
    "NAME": "github-actions[bot]",
    "EMAIL": "41898282+github-actions[bot]@users.noreply.github.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try, and with what to wait."""

    budget_s: float = 120.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.SystemRandom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of the lines."""

    commit: str
    """The tip that holds them."""
    tries: int


def authorised(environ: Mapping[str, str], *, server_url: str, token: str) -> dict[str, str]:
    """Return an environment in which git shows a token to this server, and to no other.

    It stands in no argument list, which other processes could read.
    """
    secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    count = int(environ.get("GIT_CONFIG_COUNT", "0"))
    added = {
        f"http.{server_url.rstrip('/')}/.extraHeader": f"Authorization: Basic {secret}",
        "http.followRedirects": "false",
    }
    settings = {"GIT_CONFIG_COUNT": str(count + len(added))}
    for place, (key, value) in enumerate(added.items(), start=count):
        settings |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
    return {**environ, **settings}


def append_lines(
    repository: Repository,
    branch: str,
    additions: Mapping[str, Sequence[bytes]],
    *,
    message: str,
    patience: Patience,
) -> Appended:
    """Append lines to files of a branch of ``origin``; both come into being where they are missing.

    A line that is there already is not written again, so a try whose answer got lost does no harm.

    Args:
        repository: One of its own, bare, whose ``origin`` holds the branch.
        branch: Its name.
        additions: Lines with their newlines, by the path of the file.
        message: Of the commit.
        patience: How long to try against other writers.

    Raises:
        DataBranchError: it cannot be read or written, or others were faster all the time.
    """
    deadline_s = patience.clock() + patience.budget_s
    refusals = 0
    tries = 0
    while True:
        tries += 1
        tip = _fetch_tip(repository, branch)
        try:
            tree = _appended_tree(repository, branch, tip, additions)
            if tree is None:
                return Appended(commit=tip or "", tries=tries)
            commit = _commit(repository, tree, tip, message)
        except GitFailure as failure:
            raise DataBranchError(branch, f"cannot be extended: {failure.problem}") from failure
        problem = _push(repository, branch, commit, seen=tip)
        if problem is None:
            return Appended(commit=commit, tries=tries)
        refusals = refusals + 1 if _remote_tip(repository, branch) == tip else 0
        if refusals >= _REFUSALS or patience.clock() >= deadline_s:
            raise DataBranchError(branch, f"cannot be written after {tries} tries: {problem}")
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tries, 10))
        patience.pause(patience.chance.uniform(0, longest_s))


def read_files(repository: Repository, branch: str, folder: str) -> Mapping[str, bytes]:
    """Return the files directly in a folder of the branch by path; empty where there is neither.

    Raises:
        DataBranchError: the branch cannot be read.
    """
    tip = _fetch_tip(repository, branch)
    if tip is None:
        return {}
    paths = repository.list_files(tip, folder)
    contents = {path: _content(repository, branch, tip, path) for path in paths}
    return {path: content for path, content in contents.items() if content is not None}


# --- plumbing ----------------------------------------------------------------------------------


def _fetch_tip(repository: Repository, branch: str) -> str | None:
    """Fetch the tip with its trees; files come when they are read, where the server can do that."""
    try:
        repository.run(
            "fetch",
            "--quiet",
            "--depth=1",
            "--filter=blob:none",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "origin",
            f"+refs/heads/{branch}:{_TIP}",
            timeout_s=_NETWORK_TIMEOUT_S,
        )
    except GitFailure as failure:
        if _ABSENT in failure.problem:
            return None
        raise DataBranchError(branch, f"cannot be read: {failure.problem}") from failure
    return repository.commit(_TIP)


def _remote_tip(repository: Repository, branch: str) -> str | None:
    listing = repository.line("ls-remote", "--heads", "origin", f"refs/heads/{branch}")
    return listing.split()[0] if listing else None


def _tree(repository: Repository, commit: str) -> str:
    return repository.run("rev-parse", f"{commit}^{{tree}}").decode().strip()


def _appended_tree(
    repository: Repository, branch: str, tip: str | None, additions: Mapping[str, Sequence[bytes]]
) -> str | None:
    """Return the tree with the lines in it; None where the tip has them all."""
    tree = _tree(repository, tip) if tip is not None else None
    is_changed = False
    for path, lines in additions.items():
        old = (_content(repository, branch, tip, path) if tip is not None else None) or b""
        known = set(old.splitlines(keepends=True))
        new = b"".join(line for line in lines if line not in known)
        if not new:
            continue
        is_changed = True
        gap = b"\n" if old and not old.endswith(b"\n") else b""
        blob = _written(repository, "hash-object", "-w", "--stdin", stdin=old + gap + new)
        tree = _with_blob(repository, tree, path.split("/"), blob)
    return tree if is_changed else None


def _content(repository: Repository, branch: str, tip: str, path: str) -> bytes | None:
    """Return a file; None where the tip has none, which a failure to fetch it must not look like.

    Raises:
        DataBranchError: something else is in its place, or it cannot be had.
    """
    try:
        listing = repository.run("ls-tree", "-z", tip, "--", path).decode(errors="surrogateescape")
        if not listing:
            return None
        _, kind, entry = listing.partition("\t")[0].split(" ")
        if kind == "blob":
            return repository.run("cat-file", "blob", entry, timeout_s=_NETWORK_TIMEOUT_S)
    except GitFailure as failure:
        raise DataBranchError(branch, f"{path} cannot be read: {failure.problem}") from failure
    raise DataBranchError(branch, f"{path} is no file")


def _with_blob(repository: Repository, tree: str | None, path: Sequence[str], blob: str) -> str:
    """Return the tree in which a path leads to a file; everything else stays as it was."""
    name, *rest = path
    entries = _entries(repository, tree)
    if rest:
        kind, folder = entries.get(name, ("040000 tree", None))
        if kind != "040000 tree":
            raise GitFailure(f"{name} is no folder")
        entries[name] = (kind, _with_blob(repository, folder, rest, blob))
    else:
        entries[name] = ("100644 blob", blob)
    listing = b"".join(
        f"{kind} {entry}\t{name}\0".encode(errors="surrogateescape")
        for name, (kind, entry) in entries.items()
    )
    return _written(repository, "mktree", "-z", "--missing", stdin=listing)


def _entries(repository: Repository, tree: str | None) -> dict[str, tuple[str, str | None]]:
    """Return what a folder holds by name: mode with kind, and id."""
    if tree is None:
        return {}
    listing = repository.run("ls-tree", "-z", tree).decode(errors="surrogateescape")
    entries: dict[str, tuple[str, str | None]] = {}
    for line in listing.split("\0")[:-1]:
        facts, _, name = line.partition("\t")
        kind, _, entry = facts.rpartition(" ")
        entries[name] = (kind, entry)
    return entries


def _commit(repository: Repository, tree: str, parent: str | None, message: str) -> str:
    names = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in _BOT.items()
    }
    return _written(
        repository,
        "commit-tree",
        *(("-p", parent) if parent is not None else ()),
        tree,
        stdin=message.encode(),
        environ={name: repository.environ.get(name, value) for name, value in names.items()},
    )


def _written(
    repository: Repository,
    *arguments: str,
    stdin: bytes,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Return the id of an object that a command writes."""
    return repository.run(*arguments, stdin=stdin, environ=environ).decode().strip()


def _push(repository: Repository, branch: str, commit: str, *, seen: str | None) -> str | None:
    """Push if the tip still is the one that was seen; return why that failed, or None."""
    try:
        repository.run(
            "push",
            "--quiet",
            "--no-verify",
            f"--force-with-lease=refs/heads/{branch}:{seen or ''}",
            "origin",
            f"{commit}:refs/heads/{branch}",
            timeout_s=_NETWORK_TIMEOUT_S,
        )
    except GitFailure as failure:
        return failure.problem
    return None
