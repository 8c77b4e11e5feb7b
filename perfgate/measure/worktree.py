"""Trees of other commits, checked out beside the user's own, which is never touched.

A tree is a repository of its own that borrows the user's objects, not a ``git worktree``: a
worktree is recorded in the user's .git, and a killed process leaves the record behind, while
``git archive`` drops what is marked export-ignore and leaves no history for tools such as
setuptools_scm to read. Here the user's git directory is only read from: the files are written by
``git read-tree`` with the user's settings and filters (line ends, symbolic links, executable bits)
but an index of the tree's own. No hook runs.
"""

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from perfgate.errors import ReferenceTreeError
from perfgate.git import GitFailure, Repository, open_repository
from perfgate.measure.overlay import COPIED_CONFIGURATION, Overlay, lay_over
from perfgate.measure.slots import create_slot, remove_folder, remove_stale_slots

__all__ = ["Tree", "reference_tree"]

_POINTER_START: Final = b"version https://git-lfs.github.com/spec/"
_POINTER_MAX_BYTES: Final = 1024
_TERMINATED_STATUS: Final = 128 + signal.SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A commit that is checked out below the cache folder."""

    path: Path
    """The project in it: where pytest runs."""
    checkout: Path
    """Its top level; the same as the path unless the project is a part of its repository."""
    commit: str
    pytest_configuration: Path
    """What to give to pytest's ``-c``: the candidate's configuration."""
    warnings: tuple[str, ...]
    """What could not be reproduced, one sentence each."""


@contextlib.contextmanager
def reference_tree(
    repository: Repository, commit: str, *, cache_dir: Path, overlay: Overlay
) -> Iterator[Tree]:
    """Check a commit out, lay the candidate's harness over it, and remove it at the end.

    It is removed after an exception, Ctrl-C and (on the main thread) SIGTERM too; what a killed
    process left is removed by the next call. Each call has a folder of its own, so runs at the same
    time do not meet.

    Raises:
        ReferenceTreeError: the commit cannot be had or checked out, or lacks the project.
    """
    commit = repository.ensure_commit(commit)
    trees = cache_dir.resolve() / "trees"
    remove_stale_slots(trees)
    with _terminated_as_exit():
        slot = create_slot(trees, commit[:12])
        try:
            checkout = slot / "tree"
            warnings = _check_out(repository, commit, checkout)
            project = checkout / repository.prefix
            if not project.is_dir():
                raise ReferenceTreeError(commit, f"has no folder {repository.prefix}")
            lay_over(overlay, project)
            yield Tree(
                path=project,
                checkout=checkout,
                commit=commit,
                pytest_configuration=project / overlay.configuration_file,
                warnings=warnings,
            )
        finally:
            remove_folder(slot)


@contextlib.contextmanager
def _terminated_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, unless somebody else already takes care of it."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    signal.signal(signal.SIGTERM, _exit_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit_terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED_STATUS)


# --- checking out ------------------------------------------------------------------------------


def _check_out(repository: Repository, commit: str, checkout: Path) -> tuple[str, ...]:
    try:
        git_dir = _borrow(repository, commit, checkout)
        return _populate(repository, commit, checkout, index=git_dir / "index")
    except GitFailure as failure:
        raise ReferenceTreeError(commit, f"cannot be checked out: {failure.problem}") from failure


def _borrow(repository: Repository, commit: str, checkout: Path) -> Path:
    """Make a repository that has the user's objects and tags, and the commit as its HEAD."""
    object_format = repository.run("rev-parse", "--show-object-format").decode().strip()
    repository.run(
        "init",
        "--quiet",
        "--template=",
        f"--object-format={object_format}",
        "--",
        str(checkout),
        environ={"GIT_DEFAULT_REF_FORMAT": "files"},
    )
    git_dir = checkout / ".git"
    for folder in (git_dir / "objects" / "info", git_dir / "info"):
        folder.mkdir(exist_ok=True)
    (git_dir / "info" / "exclude").write_text(f"{COPIED_CONFIGURATION}.*\n", encoding="ascii")
    objects = os.fsencode(repository.git_path("objects").resolve())
    (git_dir / "objects" / "info" / "alternates").write_bytes(objects + b"\n")
    tags = repository.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
    (git_dir / "packed-refs").write_bytes(tags)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(repository.git_path("shallow"), git_dir / "shallow")
    (git_dir / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    return git_dir


def _populate(repository: Repository, commit: str, folder: Path, *, index: Path) -> tuple[str, ...]:
    """Write the files of a commit and of its submodules; return what is not as it should be."""
    repository.run(
        "read-tree",
        "-u",
        "--reset",
        "--no-recurse-submodules",
        commit,
        environ={
            "GIT_DIR": str(repository.git_dir),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(index),
        },
    )
    warnings: list[str] = []
    files: list[str] = []
    for mode, object_id, path in _entries(repository, commit):
        if mode == b"160000":
            warnings += _populate_submodule(repository, path, object_id, folder, index=index)
        elif mode != b"120000":
            files.append(path)
    return (*warnings, *_fill_pointers(repository, folder, files))


def _entries(repository: Repository, commit: str) -> Iterator[tuple[bytes, str, str]]:
    listing = repository.run("ls-tree", "-r", "-z", "--full-tree", commit)
    for entry in listing.split(b"\0")[:-1]:
        facts, path = entry.split(b"\t", 1)
        mode, _, object_id = facts.split(b" ")
        yield mode, object_id.decode(), os.fsdecode(path)


def _populate_submodule(
    repository: Repository, path: str, commit: str, folder: Path, *, index: Path
) -> tuple[str, ...]:
    """Check a submodule out from the user's own copy of it; absent there, it stays empty here."""
    source = repository.top_level / path
    submodule = open_repository(source, repository.environ) if source.is_dir() else None
    if submodule is None or submodule.top_level.resolve() != source.resolve():
        return ()
    if submodule.commit(commit) is None:
        return (f"submodule {path}: commit {commit[:12]} is not in this clone, left empty",)
    inner_index = index.with_name(f"{index.name}-{commit}")
    return _populate(submodule, commit, folder / path, index=inner_index)


# --- Git LFS -----------------------------------------------------------------------------------


def _fill_pointers(repository: Repository, folder: Path, files: list[str]) -> tuple[str, ...]:
    """Replace LFS pointers by the objects that are here already; nothing is downloaded."""
    if not any(
        b"filter=lfs" in (folder / path).read_bytes()
        for path in files
        if Path(path).name == ".gitattributes"
    ):
        return ()
    objects = repository.git_path("lfs").resolve() / "objects"
    missing = 0
    for path in files:
        object_id = _pointer(folder / path)
        if object_id is None:
            continue
        stored = objects / object_id[:2] / object_id[2:4] / object_id
        if stored.is_file():
            mode = (folder / path).stat().st_mode
            shutil.copyfile(stored, folder / path)
            (folder / path).chmod(mode)
        else:
            missing += 1
    if not missing:
        return ()
    return (f"{missing} files are Git LFS pointers whose content is not in this clone",)


def _pointer(file: Path) -> str | None:
    """Return the id of the object that an LFS pointer stands for."""
    if file.stat().st_size > _POINTER_MAX_BYTES:
        return None
    lines = file.read_bytes().splitlines()
    if not lines or not lines[0].startswith(_POINTER_START):
        return None
    ids = [line.removeprefix(b"oid sha256:") for line in lines if line.startswith(b"oid sha256:")]
    return ids[0].decode("ascii", errors="replace") if ids else None
