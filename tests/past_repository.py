"""Repositories with a past, written at once: commits with files, and a branch with runs."""

import datetime as dt
import math
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perfgate.history.runs import PairedEffect, RecordedTime, RunRecord, encode_run, run_path
from perfgate.model import Environment, Revision, Verdict
from tests.git_repository import ENVIRON, GitRepository

ENVIRONMENT = Environment(
    system="linux", machine="x86_64", implementation="cpython", python="3.12.4", cpu_model="EPYC"
)
START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
NAME = "benchmarks/test_shop.py::test_{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit on top of the one before it, which changes these files."""

    subject: str = "Change"
    files: Mapping[str, str] = field(default_factory=dict)


def write_commits(path: Path, commits: Sequence[Commit]) -> tuple[GitRepository, list[str]]:
    """Make a repository; give the ids of its commits."""
    repository = GitRepository.create(path)
    parts: list[bytes] = []
    for number, commit in enumerate(commits):
        subject = commit.subject.encode()
        when = int(START.timestamp()) + number * 86400
        parts.append(
            f"commit refs/heads/main\nmark :{number + 1}\ncommitter Ada <a@b.c> {when} +0000\n"
            f"data {len(subject)}\n".encode()
            + subject
            + b"\n"
        )
        for name, text in commit.files.items():
            content = text.encode()
            parts.append(f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content)
            parts.append(b"\n")
    _import(path, b"".join(parts), "--export-marks=.git/marks")
    marks = (path / ".git" / "marks").read_text(encoding="ascii").split()
    found = dict(zip(marks[::2], marks[1::2], strict=True))
    repository.git("reset", "--quiet", "--hard")
    return repository, [found[f":{number + 1}"] for number in range(len(commits))]


def write_runs(
    repository: GitRepository, records: Sequence[RunRecord], *, ending: bytes = b""
) -> None:
    """Put runs on the branch that collects them; ``ending`` stands behind the last one."""
    files: dict[str, bytes] = {}
    for record in records:
        path = run_path(record)
        files[path] = files.get(path, b"") + encode_run(record)
    for path in list(files)[-1:]:
        files[path] += ending
    parts = [b"commit refs/heads/perfgate-data\ncommitter Ada <a@b.c> 1 +0000\ndata 1\nx\n"]
    for path, content in files.items():
        parts.append(f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
    _import(repository.path, b"".join(parts), "--force")


def _import(path: Path, stream: bytes, *options: str) -> None:
    subprocess.run(
        ["git", "fast-import", "--quiet", *options],
        cwd=path, env=ENVIRON, input=stream, check=True, capture_output=True,
    )  # fmt: skip


def run_of(
    commit: str,
    number: int,
    times_s: Mapping[str, float],
    *,
    environment: Environment = ENVIRONMENT,
    verdict: Verdict = Verdict.PASSED,
    pair: PairedEffect | None = None,
) -> RunRecord:
    return RunRecord(
        recorded=START + dt.timedelta(hours=number),
        revision=Revision(commit=commit, branch="main"),
        environment=environment,
        run=f"{number}/1",
        benchmarks={
            "shop": {
                name: RecordedTime(
                    low_s=time_s,
                    median_s=time_s,
                    spread=0.01,
                    processes=5,
                    verdict=verdict,
                    pair=pair,
                )
                for name, time_s in times_s.items()
            }
        },
    )


def noisy(levels: Sequence[float], *, seed: int = 1, noise: float = 0.01) -> list[float]:
    """Return times of a millisecond at these levels."""
    chance = random.Random(seed)
    return [1e-3 * level * math.exp(chance.gauss(0, noise)) for level in levels]
