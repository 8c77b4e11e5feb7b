"""Which commit approved a baseline, and which baselines a change itself edits.

A baseline is one line of a file, and approving it is changing that line, in whatever way: so
``git blame`` knows, and squash, rebase and merge keep it true. Two differences are nobody's
approval: white space around the line, and the comma that a line gains or loses when another one
is put after it or taken away.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from perfgate.errors import BaselineError, ReferenceTreeError
from perfgate.git import GitFailure, Repository
from perfgate.model import Baseline, BaselineEdit

__all__ = ["approved_commits", "edited_baselines"]

_LINE: Final = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*(\{.*\})\s*,?\s*')
_BLAMED: Final = re.compile(rb"(?P<commit>[0-9a-f]{40,64}) \d+ \d+(?: \d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Where ``git blame`` found the last change of a line."""

    commit: str
    previous: tuple[str, str] | None
    """The commit before, with the path that the file had in it; None where the file begins."""
    value: bytes


def approved_commits(repository: Repository, files: Iterable[Path]) -> Mapping[str, str | None]:
    """Return for every baseline in files of one environment the commit that approved it.

    None is an edit that is not committed yet: the candidate's own.

    Raises:
        ReferenceTreeError: git cannot tell, e.g. because the history is cut off and cannot be had.
    """
    approved: dict[str, str | None] = {}
    for file in files:
        approved.update(_approved_in(repository, _inside(repository, file)))
    return approved


def edited_baselines(
    repository: Repository, base_commit: str, files: Sequence[Path]
) -> Mapping[str, BaselineEdit]:
    """Return the baselines that differ between a commit and the files of one environment now.

    Of the commit every file in the same folders counts, so a baseline that was deleted with its
    file is an edit, and one that moved to another file unchanged is none.

    Raises:
        BaselineError: a line that was changed does not hold a baseline.
    """
    paths = [_inside(repository, file) for file in files]
    old: dict[str, tuple[str, bytes]] = {}
    for folder in sorted({os.path.dirname(path) or "." for path in paths}):  # noqa: PTH120 - git's paths
        for path in repository.list_files(base_commit, folder):
            if path.endswith(".json"):
                old.update(_located(path, repository.read(base_commit, path) or b""))
    new: dict[str, tuple[str, bytes]] = {}
    for path, file in zip(paths, files, strict=True):
        new.update(_located(path, file.read_bytes()))
    return {
        name: BaselineEdit(
            old=_decoded(name, *old[name]) if name in old else None,
            new=_decoded(name, *new[name]) if name in new else None,
        )
        for name in sorted(old.keys() | new.keys())
        if old.get(name, ("", b""))[1] != new.get(name, ("", b""))[1]
    }


def _inside(repository: Repository, file: Path) -> str:
    """Return the path of a file as git calls it from the repository's root."""
    path = os.path.relpath(file.resolve(), repository.root.resolve())
    return Path(path).as_posix()


# --- lines -------------------------------------------------------------------------------------


def _parsed(line: bytes) -> tuple[str, bytes] | None:
    """Return the id and the value of a baseline's line; None for any other line."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    try:
        return msgspec.json.decode(match[1], type=str), match[2]
    except msgspec.DecodeError:
        return None


def _lines(content: bytes) -> dict[str, bytes]:
    return dict(pair for line in content.splitlines() if (pair := _parsed(line)) is not None)


def _located(path: str, content: bytes) -> dict[str, tuple[str, bytes]]:
    return {name: (path, value) for name, value in _lines(content).items()}


def _decoded(name: str, path: str, value: bytes) -> Baseline:
    try:
        return msgspec.json.decode(value, type=Baseline)
    except msgspec.DecodeError as error:
        raise BaselineError(path, name, str(error)) from error


# --- blame -------------------------------------------------------------------------------------


def _approved_in(repository: Repository, path: str) -> Mapping[str, str | None]:
    if repository.read("HEAD", path) is None:  # not committed yet, so neither is any line of it
        return dict.fromkeys(_lines((repository.root / path).read_bytes()))
    approved: dict[str, str | None] = {}
    pending = _blame(repository, path, None)
    while pending:
        previous = repository.read_many({o.previous for o in pending.values() if o.previous})
        before = {place: _lines(content) for place, content in previous.items()}
        untouched: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, origin in pending.items():
            place = origin.previous
            if place is not None and before.get(place, {}).get(name) == origin.value:
                untouched[place].append(name)
            else:
                approved[name] = origin.commit if origin.commit.strip("0") else None
        pending = {}
        for (commit, earlier_path), names in untouched.items():
            origins = _blame(repository, earlier_path, commit)
            pending.update({name: origins[name] for name in names})
    return approved


def _blame(repository: Repository, path: str, commit: str | None) -> Mapping[str, _Origin]:
    """Blame a file of a commit, or of the working tree, completing a clone that is cut off."""
    origins = _blame_here(repository, path, commit)
    boundary = repository.shallow_boundary()
    if any(origin.commit in boundary for origin in origins.values()):
        # Whatever is older looks as if it had been written where the clone ends.
        repository.ensure_history(repository.head())
        origins = _blame_here(repository, path, commit)
    return origins


def _blame_here(repository: Repository, path: str, commit: str | None) -> Mapping[str, _Origin]:
    revision = () if commit is None else (commit,)
    try:
        text = repository.run("blame", "--line-porcelain", *revision, "--", path)
    except GitFailure as failure:
        raise ReferenceTreeError(path, f"git cannot blame it: {failure.problem}") from failure
    origins: dict[str, _Origin] = {}
    blamed: str = ""
    previous: tuple[str, str] | None = None
    for line in text.split(b"\n"):
        if line.startswith(b"\t"):
            parsed = _parsed(line[1:])
            if parsed is not None:
                name, value = parsed
                origins[name] = _Origin(commit=blamed, previous=previous, value=value)
        elif (match := _BLAMED.fullmatch(line)) is not None:
            blamed, previous = match["commit"].decode(), None
        elif line.startswith(b"previous "):
            _, earlier, earlier_path = os.fsdecode(line).split(" ", 2)
            previous = (earlier, repository.from_root(earlier_path))
    return origins
