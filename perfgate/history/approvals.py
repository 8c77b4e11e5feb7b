"""Which numbers were approved when, from the log of ``baselines/``; what is damaged is counted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import msgspec

from perfgate.git import Repository
from perfgate.history.objects import Commit, read_blobs
from perfgate.model import Baseline

__all__ = ["Approval", "Approvals", "first_parents", "latest_names", "read_approvals"]

_FRAME: Final = frozenset({b"{", b"}", b""})
_HEADER: Final = b'"perfgate"'
_DEPTH: Final = 2
"""Parts of a path below the folder: environment and suite."""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A commit of the default branch that added, edited or removed a baseline."""

    commit: str
    environment: str
    suite: str
    benchmark: str
    old_s: float | None
    """The low quantile that stood before; None: there was none."""
    new_s: float | None
    """None: it was removed."""
    reason: str


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """All approvals, the oldest first."""

    approvals: tuple[Approval, ...]
    renames: dict[str, str]
    """The names that benchmarks got next by those that they had."""
    unread: int
    """Lines and files that are damaged, or lost."""

    def extended(self, later: "Approvals") -> "Approvals":
        """Return these and what came after them."""
        return Approvals(
            approvals=self.approvals + later.approvals,
            renames=self.renames | later.renames,
            unread=self.unread + later.unread,
        )


def first_parents(commits: Sequence[Commit]) -> tuple[Commit, ...]:
    """Return what the branch itself was, the oldest first: merges, not what they brought."""
    known = {commit.id: commit for commit in commits}
    chain: list[Commit] = []
    at = commits[-1] if commits else None
    while at is not None:
        chain.append(at)
        at = known.get(at.parents[0]) if at.parents else None
    return tuple(reversed(chain))


def read_approvals(
    repository: Repository, chain: Sequence[Commit], folder: str, *, step: Callable[[], None]
) -> Approvals:
    """Follow the baselines along a branch.

    Args:
        repository: Where they are.
        chain: Its commits, the oldest first, with what each changed in the folder.
        folder: From the top of the repository.
        step: Called once per file that was read.

    Raises:
        GitFailure: git ended too early.
    """
    wanted = tuple(
        dict.fromkeys(
            blob
            for commit in chain
            for change in commit.changes
            for blob in (change.old_blob, change.new_blob)
            if blob
        )
    )
    lines: dict[str, frozenset[bytes]] = {"": frozenset()}
    pool: dict[bytes, bytes] = {}
    unread = 0
    for blob, content in zip(wanted, read_blobs(repository, wanted), strict=True):
        unread += content is None
        found = (line.rstrip(b"\r") for line in (content or b"").split(b"\n"))
        # Most lines are those of the version before: one object each keeps a long past small.
        lines[blob] = frozenset(
            pool.setdefault(line, line)
            for line in found
            if line not in _FRAME and not line.startswith(_HEADER)
        )
        step()
    reader = _Reader(folder)
    for commit in chain:
        reader.read(commit, lines)
    return Approvals(
        approvals=tuple(reader.approvals),
        renames=reader.renames,
        unread=unread + len(reader.damaged),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    environment: str
    benchmark: str


class _Reader:
    def __init__(self, folder: str) -> None:
        self._folder = PurePosixPath(folder)
        self.approvals: list[Approval] = []
        self.renames: dict[str, str] = {}
        self.damaged: set[bytes] = set()

    def read(self, commit: Commit, lines: Mapping[str, frozenset[bytes]]) -> None:
        """Take what a commit did; a line that only moved to another file is nothing."""
        old: dict[_Key, tuple[str, Baseline]] = {}
        new: dict[_Key, tuple[str, Baseline]] = {}
        for change in commit.changes:
            before, after = lines[change.old_blob], lines[change.new_blob]
            is_moved = change.old_path != change.new_path
            old |= self._parse(change.old_path, before if is_moved else before - after)
            new |= self._parse(change.new_path, after if is_moved else after - before)
        gone = {key: old[key] for key in old.keys() - new.keys()}
        come = {key: new[key] for key in new.keys() - old.keys()}
        renamed = _renamed(gone, come)
        self.renames |= {one.benchmark: other.benchmark for one, other in renamed.items()}
        for key in sorted({*old, *new}, key=lambda key: (key.environment, key.benchmark)):
            if key in renamed or key in renamed.values() or old.get(key) == new.get(key):
                continue
            _, before_it = old.get(key, ("", None))
            suite, after_it = new.get(key, (old[key][0] if key in old else "", None))
            if before_it == after_it:
                continue
            self.approvals.append(
                Approval(
                    commit=commit.id,
                    environment=key.environment,
                    suite=suite,
                    benchmark=key.benchmark,
                    old_s=before_it.low_s if before_it is not None else None,
                    new_s=after_it.low_s if after_it is not None else None,
                    reason=after_it.reason if after_it is not None else "",
                )
            )

    def _parse(self, path: str, lines: Iterable[bytes]) -> dict[_Key, tuple[str, Baseline]]:
        try:
            below = PurePosixPath(path).relative_to(self._folder)
        except ValueError:
            return {}
        if len(below.parts) != _DEPTH or below.suffix != ".json":
            return {}
        found: dict[_Key, tuple[str, Baseline]] = {}
        for line in lines:
            try:
                entry = msgspec.json.decode(
                    b"{" + line.removesuffix(b",") + b"}", type=dict[str, Baseline]
                )
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self.damaged.add(line)
                continue
            for benchmark, baseline in entry.items():
                if baseline.low_s > 0:
                    key = _Key(environment=below.parts[0], benchmark=benchmark)
                    found[key] = (below.stem, baseline)
        return found


def _renamed(
    gone: Mapping[_Key, tuple[str, Baseline]], come: Mapping[_Key, tuple[str, Baseline]]
) -> dict[_Key, _Key]:
    """Match what went with what came in the same commit and has the very same numbers."""
    numbers: dict[tuple[str, object], list[_Key]] = {}
    for key, (_, baseline) in come.items():
        numbers.setdefault((key.environment, _numbers(baseline)), []).append(key)
    matches: dict[_Key, _Key] = {}
    for key, (_, baseline) in gone.items():
        same = numbers.get((key.environment, _numbers(baseline)), [])
        if len(same) == 1 and same[0] not in matches.values():
            matches[key] = same[0]
    return matches


def _numbers(baseline: Baseline) -> tuple[float, float, float | None, int]:
    return baseline.low_s, baseline.median_s, baseline.spread, baseline.processes


def latest_names(renames: Mapping[str, str]) -> dict[str, str]:
    """Return the names that benchmarks have now by those that they had."""
    latest: dict[str, str] = {}
    for old in renames:
        seen = [old]
        while (following := renames.get(seen[-1])) is not None and following not in seen:
            seen.append(following)
        latest[old] = seen[-1]
    return latest
