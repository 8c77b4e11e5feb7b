"""The one door to git: typed calls of the real program, none of which touches the user's checkout.

Which commits matter, and what is done with them, is decided by the callers.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from perfgate.errors import ReferenceTreeError

__all__ = ["GitFailure", "Repository", "create_bare", "open_repository"]

_LOCAL_TIMEOUT_S: Final = 120.0
_NETWORK_TIMEOUT_S: Final = 600.0
_DEEPEN_STEPS: Final = (50, 200, 1000)
_FETCH_DEPTH_ADVICE: Final = "set `fetch-depth: 0` in actions/checkout"

# What a hook or an outer git left in the environment would redirect every call.
_OUTER_GIT: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
        "GIT_EXTERNAL_DIFF",
        "GIT_DIFF_OPTS",
    }
)
_SETTINGS: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
# Settings of the user that would run programs, write beside an index, or change what is said.
_OPTIONS: Final = (
    "--no-pager",
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "core.sparseCheckout=false",
    "-c",
    "color.ui=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "advice.detachedHead=false",
)


class GitFailure(Exception):  # noqa: N818 - callers turn it into a sentence about what they wanted
    """A git command ended with an error; ``problem`` is one line."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A git repository as seen from a folder in its working tree."""

    root: Path
    """The folder that commands run in; need not be the top level."""
    top_level: Path
    prefix: PurePosixPath
    """The way from the top level to the root; ``.`` when they are the same."""
    git_dir: Path
    environ: Mapping[str, str]

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = _LOCAL_TIMEOUT_S,
    ) -> bytes:
        """Return what a git command prints.

        Raises:
            GitFailure: it ended with an error or took too long.
            ReferenceTreeError: git is not installed.
        """
        return _run(
            arguments,
            cwd=self.root,
            environ={**self.environ, **(environ or {})},
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Start a git command whose output is too much to hold; streams as Popen takes them."""
        command = ["git", *_OPTIONS, *arguments]
        return subprocess.Popen(command, cwd=self.root, env=self.environ, **streams)

    def line(self, *arguments: str) -> str | None:
        """Return the one line that a query prints; None where it fails or prints nothing."""
        try:
            return self.run(*arguments).decode(errors="surrogateescape").strip() or None
        except GitFailure:
            return None

    def commit(self, revision: str) -> str | None:
        """Resolve a revision to the full id of a commit whose tree is here; None if there is none.

        A revision never counts as an option, whatever it looks like.
        """
        return self.line(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )

    def head(self) -> str:
        """Return the commit that is checked out.

        Raises:
            ReferenceTreeError: nothing has been committed yet.
        """
        commit = self.commit("HEAD")
        if commit is None:
            raise ReferenceTreeError("HEAD", f"nothing has been committed yet in {self.top_level}")
        return commit

    def parents(self, commit: str) -> tuple[str, ...]:
        """Return the parents as the commit itself names them, even where a shallow clone ends."""
        header = self.run("cat-file", "commit", commit).split(b"\n\n", 1)[0]
        return tuple(
            line.removeprefix(b"parent ").decode()
            for line in header.splitlines()
            if line.startswith(b"parent ")
        )

    def is_dirty(self) -> bool:
        """Say whether anything differs from HEAD: staged, unstaged or new and not ignored."""
        return bool(self.run("status", "--porcelain", "-z", "--untracked-files=normal"))

    def branch(self) -> str:
        """Return the name of the branch that is checked out; empty when detached."""
        return self.line("symbolic-ref", "--quiet", "--short", "HEAD") or ""

    def git_path(self, name: str) -> Path:
        """Return where the repository keeps one of its own files, also for linked worktrees."""
        return self.root / self.run("rev-parse", "--git-path", name).decode().rstrip("\n")

    def shallow_boundary(self) -> frozenset[str]:
        """Return the commits whose parents a shallow clone left out; empty for a full one."""
        try:
            return frozenset(self.git_path("shallow").read_text(encoding="ascii").split())
        except FileNotFoundError:
            return frozenset()

    def remote(self) -> str | None:
        """Return the remote to fetch from: origin, else the only one there is."""
        names = self.run("remote").decode().split("\n")[:-1]
        if "origin" in names:
            return "origin"
        return names[0] if len(names) == 1 else None

    def merge_base(self, first: str, second: str) -> str | None:
        """Return the best common ancestor among the history that is here."""
        text = self.line("merge-base", first, second)
        return text.splitlines()[0] if text else None

    def read(self, commit: str, path: str) -> bytes | None:
        """Return a file as a commit holds it, its path seen from the root; None if absent."""
        try:
            return self.run("cat-file", "blob", f"{commit}:{(self.prefix / path).as_posix()}")
        except GitFailure:
            return None

    def list_files(self, commit: str, folder: str) -> tuple[str, ...]:
        """Return the files directly in a folder of a commit, as paths from the root."""
        try:
            listing = self.run(
                "ls-tree", "-z", "--name-only", commit, "--", f"{folder.rstrip('/')}/"
            )
        except GitFailure:
            return ()
        return tuple(os.fsdecode(name) for name in listing.split(b"\0") if name)

    def ensure_commit(self, commit: str) -> str:
        """Make sure that a commit with its tree is here, fetching it where a remote has it.

        Raises:
            ReferenceTreeError: it is neither here nor to be had.
        """
        found = self.commit(commit)
        if found is not None:
            return found
        problem = "the commit is not in this clone"
        remote = self.remote()
        if remote is not None:
            depth = ("--depth=1",) if self.shallow_boundary() else ()
            try:
                self._fetch(remote, *depth, wants=(commit,))
            except GitFailure as failure:
                problem = f"{problem}, and cannot be fetched from {remote} ({failure.problem})"
            found = self.commit(commit)
        if found is None:
            raise ReferenceTreeError(commit, self._advised(problem))
        return found

    def ensure_merge_base(self, first: str, second: str, *, named: str) -> str:
        """Return the merge base of two commits, deepening a shallow clone until it is there.

        ``named`` is what people call the second commit.

        Raises:
            ReferenceTreeError: the histories are unrelated, or what is missing cannot be had.
        """
        base = self.merge_base(first, second)
        problem = f"it shares no history with {first[:12]}"
        steps = [f"--deepen={count}" for count in _DEEPEN_STEPS] + ["--unshallow"]
        for step in steps:
            if base is not None or not self.shallow_boundary():
                break
            failure = self._deepen(step, wants=(first, second))
            if failure is not None:
                problem = f"{problem} in this shallow clone, which cannot be deepened ({failure})"
                break
            base = self.merge_base(first, second)
        if base is None:
            raise ReferenceTreeError(named, self._advised(problem))
        return base

    def ensure_history(self, commit: str) -> None:
        """Make sure that the whole history of a commit is here.

        Raises:
            ReferenceTreeError: the clone is shallow and cannot be completed.
        """
        if not self.shallow_boundary():
            return
        failure = self._deepen("--unshallow", wants=(commit,))
        if failure is not None:
            raise ReferenceTreeError(
                commit, self._advised(f"its history is cut off in this shallow clone ({failure})")
            )

    def _deepen(self, step: str, *, wants: Sequence[str]) -> str | None:
        """Return why it failed, or None."""
        remote = self.remote()
        if remote is None:
            return "no remote to fetch from"
        try:
            self._fetch(remote, step, wants=wants)
        except GitFailure as failure:
            return failure.problem
        return None

    def fetch_branch(self, branch: str) -> str | None:
        """Fetch a branch of the remote, storing no name for it; return its tip or None."""
        remote = self.remote()
        if remote is None:
            return None
        listing = self.line("ls-remote", "--heads", "--", remote, f"refs/heads/{branch}")
        if listing is None:
            return None
        return self.ensure_commit(listing.split()[0])

    def _fetch(self, remote: str, *options: str, wants: Sequence[str]) -> None:
        # By id, with no refspec of the user's: neither branches, tags nor FETCH_HEAD move.
        self.run(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--refmap=",
            *options,
            "--",
            remote,
            *wants,
            timeout_s=_NETWORK_TIMEOUT_S,
        )

    def _advised(self, problem: str) -> str:
        return f"{problem}: {_FETCH_DEPTH_ADVICE}" if self.shallow_boundary() else problem


def open_repository(folder: Path, environ: Mapping[str, str]) -> Repository | None:
    """Return the repository that a folder lies in; None where it lies in none.

    Raises:
        ReferenceTreeError: git is not installed, or refuses to work here.
    """
    cleaned = _cleaned(environ)
    try:
        answer = _run(
            ("rev-parse", "--show-toplevel", "--absolute-git-dir", "--show-prefix"),
            cwd=folder,
            environ=cleaned,
            stdin=None,
            timeout_s=_LOCAL_TIMEOUT_S,
        )
    except GitFailure as failure:
        if "not a git repository" in failure.problem:
            return None
        raise ReferenceTreeError(str(folder), failure.problem) from failure
    top_level, git_dir, prefix = os.fsdecode(answer).split("\n")[:3]
    return Repository(
        root=folder,
        top_level=Path(top_level),
        prefix=PurePosixPath(prefix),
        git_dir=Path(git_dir),
        environ=cleaned,
    )


def create_bare(folder: Path, origin: str, environ: Mapping[str, str]) -> Repository:
    """Make an empty repository without a checkout whose ``origin`` is a URL or a path.

    Raises:
        ReferenceTreeError: git is not installed, or cannot write there.
    """
    repository = Repository(
        root=folder,
        top_level=folder,
        prefix=PurePosixPath(),
        git_dir=folder,
        environ={**_cleaned(environ), "GIT_DIR": str(folder)},
    )
    try:
        repository.run("init", "--quiet", "--bare", "--template=", ".")
        repository.run("remote", "add", "--", "origin", origin)
    except GitFailure as failure:
        raise ReferenceTreeError(str(folder), failure.problem) from failure
    return repository


def _cleaned(environ: Mapping[str, str]) -> Mapping[str, str]:
    kept = {name: value for name, value in environ.items() if name not in _OUTER_GIT}
    return {"GIT_ASKPASS": "true", "SSH_ASKPASS": "true", **kept, **_SETTINGS}


def _run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    stdin: bytes | None,
    timeout_s: float,
) -> bytes:
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, *arguments],
            cwd=cwd,
            env=environ,
            input=b"" if stdin is None else stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise ReferenceTreeError(str(cwd), "no such folder") from error
        raise ReferenceTreeError("git", "is not installed or not on PATH") from error
    except subprocess.TimeoutExpired as error:
        raise GitFailure(f"git {arguments[0]} took longer than {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise GitFailure(_complaint(done.stderr) or f"git {arguments[0]}: {done.returncode}")
    return done.stdout


def _complaint(stderr: bytes) -> str:
    """Return the line that says what went wrong."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    for mark in ("fatal: ", "remote: error: ", "! ", "error: "):
        for line in lines:
            if line.startswith(mark):
                return line.removeprefix(mark)
    return lines[-1] if lines else ""
