"""A repository of any length: commits that approve numbers, and a branch that collects runs."""

import datetime as dt
import math
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from perfgate.baselines.store import BaselineFile, encode_baselines
from perfgate.history.runs import PairedEffect, RecordedTime, RunRecord, encode_run, run_path
from perfgate.model import Baseline, Environment, Revision, Verdict

__all__ = ["Shape", "write_repository"]

_ENVIRONMENT: Final = Environment(
    system="linux",
    machine="x86_64",
    implementation="cpython",
    python="3.12.4",
    cpu_model="AMD EPYC 7763 64-Core Processor",
    kernel="6.8.0",
)
_START: Final = dt.datetime(2023, 1, 1, 12, tzinfo=dt.UTC)
_SUITES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is written."""

    commits: int
    benchmarks: int
    approvals_each: int = 5
    """Baselines that a commit approves anew."""
    noise: float = 0.02
    run_noise: float = 0.03
    """What all benchmarks of a run have in common."""
    step_at: int | None = None
    """Run from which the first benchmark is 20 % slower."""


def write_repository(folder: Path, shape: Shape, *, seed: int = 1) -> None:
    """Write the branch ``main`` with baselines and ``perfgate-data`` with a run per commit."""
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    with subprocess.Popen(
        ["git", "fast-import", "--quiet", "--export-marks=.git/marks"],
        cwd=folder,
        stdin=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        _write_main(process.stdin, shape, random.Random(seed))
    assert process.returncode == 0
    marks = (folder / ".git" / "marks").read_text(encoding="ascii").split()
    commits = dict(zip(marks[::2], marks[1::2], strict=True))
    with subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=folder, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        names = [commits[f":{number + 1}"] for number in range(shape.commits)]
        _write_runs(process.stdin, shape, names, random.Random(seed))
    assert process.returncode == 0


def _name(number: int) -> tuple[str, str]:
    suite = f"suite{number % _SUITES}"
    return suite, f"benchmarks/test_{suite}.py::test_case[{number}]"


def _write_main(stream: IO[bytes], shape: Shape, chance: random.Random) -> None:
    levels = [math.exp(chance.uniform(-14, -1)) for _ in range(shape.benchmarks)]
    for commit in range(shape.commits):
        _commit(stream, "main", commit, f"Change {commit}")
        changed = list(range(shape.benchmarks))
        if commit:
            changed = chance.sample(changed, min(shape.approvals_each, shape.benchmarks))
        for number in changed:
            levels[number] *= math.exp(chance.gauss(0, 0.05))
        for suite in sorted({_name(number)[0] for number in changed}):
            baselines = {
                _name(number)[1]: Baseline(
                    low_s=levels[number],
                    median_s=levels[number] * 1.05,
                    spread=0.01,
                    processes=5,
                    cpu=_ENVIRONMENT.cpu_model,
                    reason="measured anew",
                )
                for number in range(shape.benchmarks)
                if _name(number)[0] == suite
            }
            file = BaselineFile(environment=_ENVIRONMENT.key, suite=suite, baselines=baselines)
            _file(stream, f"baselines/{_ENVIRONMENT.key}/{suite}.json", encode_baselines(file))


def _write_runs(stream: IO[bytes], shape: Shape, commits: list[str], chance: random.Random) -> None:
    _commit(stream, "perfgate-data", shape.commits, "Record")
    path = ""
    lines: list[bytes] = []
    for record in _records(shape, commits, chance):
        here = run_path(record)
        if path and here != path:
            _file(stream, path, b"".join(lines))
            lines = []
        path = here
        lines.append(encode_run(record))
    _file(stream, path, b"".join(lines))


def _records(shape: Shape, commits: list[str], chance: random.Random) -> Iterator[RunRecord]:
    levels = [math.exp(chance.uniform(-14, -1)) for _ in range(shape.benchmarks)]
    for run, commit in enumerate(commits):
        common = chance.gauss(0, shape.run_noise)
        suites: dict[str, dict[str, RecordedTime]] = {}
        for number, level in enumerate(levels):
            suite, name = _name(number)
            is_slower = number == 0 and shape.step_at is not None and run >= shape.step_at
            low_s = level * math.exp(common + chance.gauss(0, shape.noise)) * (1 + 0.2 * is_slower)
            suites.setdefault(suite, {})[name] = RecordedTime(
                low_s=float(f"{low_s:.4g}"),
                median_s=float(f"{low_s * 1.05:.4g}"),
                spread=0.01,
                processes=5,
                verdict=Verdict.PASSED,
                pair=PairedEffect(commit=commits[0][:12], log_ratio=0.003, low=-0.01, high=0.02),
            )
        yield RunRecord(
            recorded=_START + dt.timedelta(days=run),
            revision=Revision(commit=commit, branch="main"),
            environment=_ENVIRONMENT,
            run=f"{run}/1",
            benchmarks=suites,
        )


def _commit(stream: IO[bytes], branch: str, number: int, subject: str) -> None:
    when = int((_START + dt.timedelta(days=number)).timestamp())
    head = f"commit refs/heads/{branch}\nmark :{number + 1}\n"
    who = f"committer Ada <ada@example.com> {when} +0000\n"
    stream.write(f"{head}{who}data {len(subject)}\n{subject}\n".encode())


def _file(stream: IO[bytes], path: str, content: bytes) -> None:
    stream.write(f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
