"""Real git repositories for tests, independent of the settings of whoever runs them."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from perfgate.git import Repository, open_repository

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    path: Path

    @classmethod
    def create(cls, path: Path) -> "GitRepository":
        path.mkdir(parents=True)
        repository = cls(path=path)
        repository.git("init", "--quiet", "--initial-branch=main")
        return repository

    def clone(self, path: Path, *options: str) -> "GitRepository":
        self.git("clone", "--quiet", *options, f"file://{self.path}", str(path))
        return GitRepository(path=path)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=ENVIRON, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def write(self, name: str, content: str | bytes = "") -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, **files: str) -> str:
        """Commit everything, after writing ``name="content"`` files; return the id."""
        for name, content in files.items():
            self.write(f"{name}.txt", content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={sorted(files)}")
        return self.git("rev-parse", "HEAD")

    def open(self) -> Repository:
        repository = open_repository(self.path, ENVIRON)
        assert repository is not None
        return repository

    def fingerprint(self) -> dict[str, str]:
        """Return a hash of every file of the checkout and of .git, and what git says of it all."""
        state = {
            file.relative_to(self.path).as_posix(): (
                str(file.readlink())
                if file.is_symlink()
                else hashlib.sha256(file.read_bytes()).hexdigest()
            )
            for file in sorted(self.path.rglob("*"))
            if file.is_symlink() or file.is_file()
        }
        index = self.path / ".git" / "index"
        state["index mtime"] = str(index.stat().st_mtime_ns)
        environ = {**ENVIRON, "GIT_OPTIONAL_LOCKS": "0"}
        for command in ("worktree list --porcelain", "status --porcelain", "stash list", "branch"):
            done = subprocess.run(
                ["git", *command.split()],
                cwd=self.path, env=environ, capture_output=True, check=True,
            )  # fmt: skip
            state[command] = done.stdout.decode()
        return state
