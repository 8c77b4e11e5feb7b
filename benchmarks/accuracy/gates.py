"""Run the whole gate many times on changes that are not slower, and count its exit statuses."""

import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy.edits import edit_unrelated
from benchmarks.accuracy.record import Workshop

__all__ = ["run_gates"]


def run_gates(shop: Workshop, runs: int, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return exit statuses and durations of ``perfgate check`` on unrelated edits."""
    root = shop.copy("gate")
    settings = root / "pyproject.toml"
    text = settings.read_text(encoding="utf-8") if settings.exists() else ""
    if "[tool.perfgate" not in text:
        files = ", ".join(f'"{file}"' for file in shop.subject.files)
        settings.write_text(f"{text}\n[tool.perfgate.suites.all]\npaths = [{files}]\n")
    _commit(root, "settings")
    _git(root, "branch", "--force", "before")
    statuses, durations_s = [], []
    for number in range(runs):
        _git(root, "checkout", "--quiet", "-B", "change", "before")
        edit_unrelated(root / shop.subject.package, random.Random(number))
        _commit(root, f"unrelated edit {number}")
        start_s = time.monotonic()
        gate = subprocess.run(
            [str(shop.python), "-m", "perfgate", "check", "--base", "before"],
            cwd=root,
            env=dict(environ),
            check=False,
            capture_output=True,
            text=True,
        )
        durations_s.append(time.monotonic() - start_s)
        statuses.append(gate.returncode)
        if gate.returncode:
            print(gate.stdout, gate.stderr)
    return {"statuses": statuses, "duration_s": median(durations_s)}


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=perfgate", "-c", "user.email=perfgate@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def _commit(root: Path, message: str) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", message)
