"""Run the whole gate many times on changes that are not slower, and count its exit statuses."""

import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.accuracy.edits import edit_unrelated
from benchmarks.accuracy.record import Workshop

__all__ = ["run_gates"]


def run_gates(shop: Workshop, runs: int, environ: Mapping[str, str]) -> Iterator[tuple[int, float]]:
    """Yield exit status and seconds of each ``perfgate check`` on an unrelated edit."""
    root = shop.copy("gate")
    (root / ".git" / "info" / "exclude").write_text(".perfgate/\n__pycache__/\n")
    settings = root / "pyproject.toml"
    text = settings.read_text(encoding="utf-8") if settings.exists() else ""
    if "[tool.perfgate" not in text:
        files = ", ".join(f'"{file}"' for file in shop.subject.files)
        settings.write_text(f"{text}\n[tool.perfgate.suites.all]\npaths = [{files}]\n")
    gate = [str(shop.python), "-m", "perfgate"]
    approve = [*gate, "update-baselines", "--reason", "first numbers"]
    subprocess.run(approve, cwd=root, env=dict(environ), check=True, stdout=subprocess.DEVNULL)
    _commit(root, "settings and baselines")
    _git(root, "branch", "--force", "before")
    for number in range(runs):
        _git(root, "checkout", "--quiet", "-B", "change", "before")
        edit_unrelated(root / shop.subject.package, random.Random(number))
        _commit(root, f"unrelated edit {number}")
        start_s = time.monotonic()
        done = subprocess.run(
            [*gate, "check", "--base", "before"],
            cwd=root,
            env=dict(environ),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(done.stdout, done.stderr)
        yield done.returncode, time.monotonic() - start_s


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=perfgate", "-c", "user.email=perfgate@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def _commit(root: Path, message: str) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", message)
