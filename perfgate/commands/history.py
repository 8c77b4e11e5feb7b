"""``perfgate history``: what git and the data branch know of the past, as one value."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfgate.config import Config
from perfgate.errors import ReferenceTreeError, UndecidedError
from perfgate.git import GitFailure, Repository, open_repository
from perfgate.history.analysis import Arranged, analysed, arranged
from perfgate.history.approvals import (
    Approvals,
    first_parents,
    latest_names,
    read_approvals,
)
from perfgate.history.cache import Cache
from perfgate.history.columns import Columns, columns_of
from perfgate.history.findings import Finding, can_tell, find_unseen
from perfgate.history.objects import Commit, files_below, read_blobs, read_log
from perfgate.history.past import History, PastCommit
from perfgate.measure.process import Progress
from perfgate.measure.references import default_tip

__all__ = ["Past", "Source", "read_history"]

_RUNS: Final = "runs"
_BASELINES: Final = "baselines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the past is read from."""

    folder: Path
    """In the clone."""
    environ: Mapping[str, str]
    branch: str
    """That collects runs."""
    cache_folder: Path | None
    """Of what was read; None: read everything anew."""
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The history and what in it nobody has seen yet."""

    history: History
    findings: tuple[Finding, ...]
    is_long_enough: bool
    """Some series has enough runs to tell."""


def read_history(source: Source, config: Config) -> Past:
    """Read what git and the data branch know, and find what changed.

    What is damaged or no longer on the branch is left out, and counted in a warning.

    Raises:
        UndecidedError: there is no repository, or nothing has been recorded or approved.
        ReferenceTreeError: git is not installed, or nothing has been committed.
    """
    repository = open_repository(source.folder, source.environ)
    if repository is None:
        raise UndecidedError(f"{source.folder}: no git repository, so no history is known here")
    tip = _tip(repository)
    warnings: list[str] = []
    commits, approvals = _approvals(repository, tip, config.root, source, warnings)
    renames = latest_names(approvals.renames)
    files = _recorded(repository, source, warnings)
    if not files and not approvals.approvals:
        raise UndecidedError(
            f"no run is recorded on {source.branch}, and no baseline was ever approved"
        )
    # Where a clone is cut off, a commit that is not in it may well be on the branch.
    is_whole = not repository.shallow_boundary()
    position = {commit.id: at for at, commit in enumerate(commits)} if is_whole else None
    past = arranged(files, position, renames)
    source.progress.plan(sum(len(lines) for lines in past.lines.values()))
    series = analysed(past, position, step=source.progress.step)
    _count(past, files, approvals, is_whole=is_whole, warnings=warnings)
    findings = find_unseen(
        series,
        past,
        approvals.approvals,
        position,
        threshold=lambda one: math.log1p(config.rule_for(one.benchmark, one.suite).threshold),
    )
    history = History(
        tip=tip,
        commits=_named(commits, past, approvals),
        runs=past.runs,
        series=series,
        approvals=approvals.approvals,
        renames=renames,
        warnings=tuple(warnings),
    )
    return Past(history=history, findings=findings, is_long_enough=can_tell(series))


def _tip(repository: Repository) -> str:
    """Return the tip of the default branch, as well as this clone knows it; else HEAD."""
    known = default_tip(repository)
    return known[0] if known is not None else repository.head()


def _approvals(
    repository: Repository, tip: str, root: Path, source: Source, warnings: list[str]
) -> tuple[tuple[Commit, ...], Approvals]:
    top = repository.top_level.resolve()
    folder = (root.resolve().relative_to(top) / _BASELINES).as_posix()
    if repository.shallow_boundary():
        warnings.append(
            "this clone is shallow: what is older than it is left out; "
            "set `fetch-depth: 0` in actions/checkout"
        )
    try:
        commits = read_log(repository, tip, folder)
        return commits, _extended(repository, first_parents(commits), folder, source)
    except GitFailure as failure:
        raise ReferenceTreeError(tip, f"its history cannot be read: {failure.problem}") from failure


def _extended(
    repository: Repository, chain: Sequence[Commit], folder: str, source: Source
) -> Approvals:
    """Return the approvals along a branch, of which only what is new is read."""
    cache = Cache(source.cache_folder)
    # A chain that begins elsewhere, as in a shallow clone, has another past.
    start = f"{folder} {chain[0].id if chain else ''}"
    known = Approvals(approvals=(), renames={}, unread=0)
    first = 0
    for at in range(len(chain), 0, -1):
        found = cache.find(Approvals, f"{start} {chain[at - 1].id}")
        if found is not None:
            known, first = found, at
            break
    new = chain[first:]
    if not new:
        return known
    source.progress.plan(sum(len(commit.changes) for commit in new))
    later = read_approvals(repository, new, folder, step=lambda: source.progress.step("baselines"))
    known = known.extended(later)
    cache.keep(f"{start} {chain[-1].id}", known)
    return known


def _recorded(repository: Repository, source: Source, warnings: list[str]) -> tuple[Columns, ...]:
    """Return what the data branch holds, in the order of its files."""
    tip = _data_tip(repository, source.branch, warnings)
    if tip is None:
        warnings.append(f"there is no branch {source.branch}: no run is recorded")
        return ()
    blobs = {
        path: blob
        for path, blob in files_below(repository, tip, _RUNS).items()
        if path.endswith(".jsonl")
    }
    cache = Cache(source.cache_folder)
    known = {blob: cache.find(Columns, blob) for blob in blobs.values()}
    found = {blob: columns for blob, columns in known.items() if columns is not None}
    wanted = {blob: path for path, blob in blobs.items() if blob not in found}
    source.progress.plan(len(wanted))
    lost = 0
    try:
        contents: Iterator[bytes | None] = read_blobs(repository, tuple(wanted))
        for (blob, path), content in zip(wanted.items(), contents, strict=True):
            if content is None:
                lost += 1
                continue
            found[blob] = columns_of(content, path)
            cache.keep(blob, found[blob])
            source.progress.step(path)
    except GitFailure as failure:
        raise ReferenceTreeError(source.branch, failure.problem) from failure
    if lost:
        warnings.append(f"{lost} files of {source.branch} are lost, and left out")
    return tuple(found[blob] for _, blob in sorted(blobs.items()) if blob in found)


def _data_tip(repository: Repository, branch: str, warnings: list[str]) -> str | None:
    """Return the newest tip that can be had: the remote's, else what this clone has of it."""
    remote = repository.remote()
    tip = None
    if remote is not None:
        try:
            found = repository.run("ls-remote", "--heads", "--", remote, f"refs/heads/{branch}")
            tip = repository.ensure_commit(found.split()[0].decode()) if found else None
        except GitFailure as failure:
            warnings.append(f"{branch} cannot be fetched from {remote}: {failure.problem}")
        except ReferenceTreeError as error:
            warnings.append(f"{branch} cannot be fetched from {remote}: {error}")
    if tip is not None:
        return tip
    refs = ([f"refs/remotes/{remote}/{branch}"] if remote else []) + [f"refs/heads/{branch}"]
    return next((tip for ref in refs if (tip := repository.commit(ref)) is not None), None)


def _count(
    past: Arranged,
    files: Sequence[Columns],
    approvals: Approvals,
    *,
    is_whole: bool,
    warnings: list[str],
) -> None:
    damaged = list(itertools.chain.from_iterable(file.damaged for file in files))
    if damaged:
        warnings.append(f"{_counted(len(damaged), 'damaged line')} left out: {damaged[0]}")
    if approvals.unread:
        warnings.append(f"{_counted(approvals.unread, 'damaged baseline')} left out")
    if past.left_out:
        warnings.append(
            f"{_counted(past.left_out, 'run')} left out, of commits that are not on the branch "
            "(rewritten, or not fetched yet)"
        )
    if not is_whole and past.runs:
        warnings.append("runs stand in the order in which they were recorded")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _named(
    commits: Sequence[Commit], past: Arranged, approvals: Approvals
) -> dict[str, PastCommit]:
    """Return those that something refers to, in their order."""
    wanted = {run.commit for run in past.runs} | {one.commit for one in approvals.approvals}
    known = {
        commit.id: PastCommit(
            id=commit.id,
            committed=commit.committed,
            author=commit.author,
            subject=commit.subject,
        )
        for commit in commits
        if commit.id in wanted
    }
    missing = {run.commit for run in past.runs} - known.keys()
    return known | {commit: PastCommit(id=commit, committed=0) for commit in sorted(missing)}
