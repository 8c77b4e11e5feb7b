"""Which commit approved a baseline, and which baselines a change itself edits.

A baseline is one line of a file, and approving it is changing that line, be it the number or only
the reason: so ``git blame`` knows, and squash, rebase and merge keep it true. White space is
nobody's approval.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from perfgate.baselines.store import parse_baselines
from perfgate.errors import BaselineError, ReferenceTreeError
from perfgate.git import GitFailure, Repository
from perfgate.model import Baseline, BaselineEdit

__all__ = ["approved_commits", "edited_baselines"]

_ID: Final = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:')
_BLAMED: Final = re.compile(rb"([0-9a-f]{40,64}) \d+ \d+(?: \d+)?")


def approved_commits(repository: Repository, files: Iterable[Path]) -> Mapping[str, str | None]:
    """Return for every baseline in files of one environment the commit that approved it.

    None is an edit that is not committed yet: the candidate's own.

    Raises:
        BaselineError: a file is damaged.
        ReferenceTreeError: git cannot tell, e.g. because the history is cut off and cannot be had.
    """
    approved: dict[str, str | None] = {}
    for file in files:
        names = parse_baselines(file.read_bytes(), str(file)).baselines
        path = _inside(repository, file)
        if repository.read("HEAD", path) is None:  # not committed yet, so neither is any line
            approved.update(dict.fromkeys(names))
            continue
        blamed = _blame(repository, path)
        approved.update({name: blamed[name] for name in names})
    return approved


def edited_baselines(
    repository: Repository, base_commit: str, files: Sequence[Path]
) -> Mapping[str, BaselineEdit]:
    """Return the baselines that differ between a commit and the files of one environment now.

    Of the commit every file in the same folders counts, so a baseline that was deleted with its
    file is an edit, and one that moved to another file unchanged is none. A file that is damaged in
    the commit holds no baselines: the change that repairs it must be able to pass.

    Raises:
        BaselineError: a file is damaged now.
    """
    old: dict[str, Baseline] = {}
    for folder in sorted({PurePosixPath(_inside(repository, file)).parent for file in files}):
        for path in repository.list_files(base_commit, folder.as_posix()):
            if path.endswith(".json"):
                old.update(_baselines_of(repository, base_commit, path))
    new: dict[str, Baseline] = {}
    for file in files:
        new.update(parse_baselines(file.read_bytes(), str(file)).baselines)
    return {
        name: BaselineEdit(old=old.get(name), new=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }


def _inside(repository: Repository, file: Path) -> str:
    """Return the path of a file as git calls it from the repository's root."""
    path = os.path.relpath(file.resolve(), repository.root.resolve())
    return Path(path).as_posix()


def _baselines_of(repository: Repository, commit: str, path: str) -> Mapping[str, Baseline]:
    content = repository.read(commit, path)
    if content is None:
        return {}
    try:
        return parse_baselines(content, path).baselines
    except BaselineError:
        return {}


# --- blame -------------------------------------------------------------------------------------


def _blame(repository: Repository, path: str) -> Mapping[str, str | None]:
    """Blame the working tree's file, completing a clone that is cut off."""
    blamed = _blame_here(repository, path)
    if repository.shallow_boundary().intersection(filter(None, blamed.values())):
        # Whatever is older looks as if it had been written where the clone ends.
        repository.ensure_history(repository.head())
        blamed = _blame_here(repository, path)
    return blamed


def _blame_here(repository: Repository, path: str) -> Mapping[str, str | None]:
    blamed: dict[str, str | None] = {}
    commit = ""
    for line in _blame_text(repository, path).split(b"\n"):
        if (header := _BLAMED.fullmatch(line)) is not None:
            commit = header[1].decode()
        elif line.startswith(b"\t") and (match := _ID.match(line[1:])) is not None:
            blamed[json.loads(match[1])] = commit if commit.strip("0") else None
    return blamed


def _blame_text(repository: Repository, path: str) -> bytes:
    # The empty name clears the list of commits that the user's settings tell blame to skip.
    command = ("blame", "--porcelain", "-w", "--ignore-revs-file=", "--", path)
    try:
        return repository.run(*command)
    except GitFailure as failure:
        if "object name list" not in failure.problem:
            raise ReferenceTreeError(path, f"git cannot blame it: {failure.problem}") from failure
    # The user's global settings name a list that this repository does not have: no blame works
    # with them. Without them, git has to be told again that it may read this folder.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull}
    try:
        return repository.run("-c", "safe.directory=*", *command, environ=alone)
    except GitFailure as failure:
        raise ReferenceTreeError(path, f"git cannot blame it: {failure.problem}") from failure
