"""What git keeps: a log of commits with the files they changed, and the contents of many blobs."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from perfgate.git import GitFailure, Repository

__all__ = ["Commit", "FileChange", "files_below", "read_blobs", "read_log"]

_LOG_TIMEOUT_S: Final = 600.0
_FORMAT: Final = "%x01%H%x02%P%x02%ct%x02%an%x02%s"
_RENAMED: Final = (b"R", b"C")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit did to a file; empty blobs and paths for what is not there."""

    old_path: str
    old_blob: str
    new_path: str
    new_blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit with what it changed in the folder, against its first parent."""

    id: str
    parents: tuple[str, ...]
    committed: int
    """Seconds since 1970."""
    author: str
    subject: str
    changes: tuple[FileChange, ...]


def read_log(repository: Repository, tip: str, folder: str) -> tuple[Commit, ...]:
    """Return every commit that led to a tip, the oldest first, in one call of git.

    Of a folder (from the top of the repository) the changed files are told, renames followed.

    Raises:
        GitFailure: git cannot tell.
    """
    log = repository.run(
        "-C", str(repository.top_level),
        "log", "--topo-order", "--full-history", "--sparse", "--no-show-signature",
        "--diff-merges=first-parent", "--raw", "--no-abbrev", "--find-renames", "-l0", "-z",
        f"--format={_FORMAT}", "--end-of-options", tip, "--", folder,
        timeout_s=_LOG_TIMEOUT_S,
    )  # fmt: skip
    commits: list[Commit] = []
    header: bytes | None = None
    changes: list[FileChange] = []
    tokens = iter(log.split(b"\0"))
    for token in tokens:
        text = token.removeprefix(b"\n")
        if text.startswith(b"\x01"):
            if header is not None:
                commits.append(_commit(header, changes))
            header, changes = text, []
        elif text.startswith(b":"):
            changes.append(_change(text, tokens))
    if header is not None:
        commits.append(_commit(header, changes))
    return tuple(reversed(commits))


def _commit(header: bytes, changes: Sequence[FileChange]) -> Commit:
    identity, parents, committed, *names = header[1:].split(b"\x02", 4)
    author, subject = (name.decode(errors="replace") for name in (*names, b"", b"")[:2])
    return Commit(
        id=identity.decode(),
        parents=tuple(parents.decode().split()),
        committed=int(committed),
        author=author,
        subject=subject,
        changes=tuple(changes),
    )


def _change(facts: bytes, tokens: Iterator[bytes]) -> FileChange:
    _, _, old, new, status = facts[1:].split(b" ")
    old_path = os.fsdecode(next(tokens))
    new_path = os.fsdecode(next(tokens)) if status.startswith(_RENAMED) else old_path
    return FileChange(
        old_path=old_path, old_blob=_blob(old), new_path=new_path, new_blob=_blob(new)
    )


def _blob(name: bytes) -> str:
    return name.decode() if name.strip(b"0") else ""


def files_below(repository: Repository, commit: str, folder: str) -> Mapping[str, str]:
    """Return the files anywhere below a folder of a commit: blobs by path from the top.

    Links and submodules are none.
    """
    try:
        listing = repository.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{folder}/")
    except GitFailure:
        return {}
    files: dict[str, str] = {}
    for line in listing.split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, _, blob = facts.decode().split(" ")
        if mode.startswith("100"):
            files[os.fsdecode(name)] = blob
    return files


def read_blobs(repository: Repository, names: Sequence[str]) -> Iterator[bytes | None]:
    """Yield the content of many blobs, one at a time, from one process; None for a lost one.

    Raises:
        GitFailure: git ended before it had shown them all.
    """
    if not names:
        return
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{name}\n" for name in names).encode())
        wanted.seek(0)
        process = repository.start(
            "cat-file", "--batch",
            stdin=wanted, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with process:
            try:
                for _ in names:
                    yield _next_blob(process.stdout)
            finally:
                process.kill()


def _next_blob(stream: IO[bytes] | None) -> bytes | None:
    """Read one answer: a header with the size, the content, a newline."""
    header = stream.readline() if stream is not None else b""
    if stream is None or not header:
        raise GitFailure("git cat-file ended early")
    if header.endswith((b" missing\n", b" ambiguous\n")):
        return None
    _, kind, size = header.split()
    content = stream.read(int(size) + 1)
    if len(content) != int(size) + 1:
        raise GitFailure("git cat-file ended early")
    return content[:-1] if kind == b"blob" else None
