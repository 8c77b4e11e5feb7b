"""perfgate as its users run it: a process in a project, with files to judge."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from perfgate.model import Benchmark, Environment, Failure, ProcessRun, Results, Revision
from perfgate.readers.perfgate import encode_results
from tests.git_repository import ENVIRON

ROOT = Path(__file__).parents[1]
ENVIRONMENT = Environment(
    system="linux", machine="x86_64", implementation="cpython", python="3.12.4", cpu_model="EPYC"
)
SHOP = "benchmarks/test_shop.py::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


def environ_for(folder: Path, **more: str) -> dict[str, str]:
    return {
        **ENVIRON,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder.parent / f"{folder.name}-cache"),
        "COLUMNS": "160",
        **more,
    }


def perfgate(folder: Path, *arguments: str | Path, **environ: str) -> Done:
    """Run a command in a folder; no environment variable of the test session reaches it."""
    done = subprocess.run(
        [sys.executable, "-m", "perfgate", *map(str, arguments)],
        cwd=folder,
        env=environ_for(folder, **environ),
        capture_output=True,
        check=False,
    )
    return Done(status=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


def measured(name: str, median_s: float = 1e-3, *, processes: int = 5) -> Benchmark:
    """Return a benchmark of the suite shop whose processes differ by a thousandth."""
    times = [median_s * (1 + 0.001 * number) for number in range(processes)]
    runs = tuple(
        ProcessRun(rounds=9, iterations=1, min_s=time, median_s=time, low_s=time) for time in times
    )
    return Benchmark(
        id=SHOP + name, suite="shop", runs=runs, path="benchmarks/test_shop.py", line=3
    )


def failed(name: str, failure: Failure) -> Benchmark:
    return Benchmark(id=SHOP + name, suite="shop", failure=failure, path="benchmarks/test_shop.py")


def write_results(
    path: Path,
    *benchmarks: Benchmark,
    environment: Environment = ENVIRONMENT,
    commit: str = "",
    legs: tuple[str, ...] = (),
) -> Path:
    results = Results(
        environment=environment,
        revision=Revision(commit=commit),
        benchmarks=benchmarks,
        legs=legs,
    )
    path.write_bytes(encode_results(results))
    return path


def approve(folder: Path, *benchmarks: Benchmark, reason: str = "first numbers") -> Done:
    """Record baselines, exactly these numbers."""
    source = write_results(folder / "approved.json", *benchmarks)
    done = perfgate(folder, "update-baselines", "--from", source, "--reason", reason)
    assert done.status == 0, done.err
    source.unlink()
    return done


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its content."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }
