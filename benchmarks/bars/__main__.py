"""Hold perfgate to its bars: ``python -m benchmarks.bars``; exit status 1 when one is missed.

What is compared runs in turns, so that a neighbour on the machine slows both; ratios are those of
medians over the turns. A time in milliseconds is that of the fastest turn: what the others took
longer they spent waiting for neighbours.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TURNS: Final = 5
_SMALL: Final = 10_000
_LARGE: Final = 100_000
_IMPORTS: Final = (
    "from pathlib import Path; from benchmarks.synthetic import write_pytest_benchmark_file as w"
)
_MIB: Final = 1 << 20
_ACCEPTED: Final = (0, 1)
"""Exit statuses of a comparison that came to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """What a process took: the median over its turns, and the fastest one."""

    seconds: float
    fastest_s: float
    peak_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    what: str
    measured: float
    limit: float
    unit: str

    @property
    def is_kept(self) -> bool:
        return self.measured <= self.limit


def _cost(command: Sequence[str], folder: Path) -> _Cost:
    """Run a process to its end, alone, and take its time and peak memory.

    A process begins with the memory of the one that started it, so this one must stay small.
    """
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    start_s = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in _ACCEPTED:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return _Cost(seconds=seconds, fastest_s=seconds, peak_bytes=usage.ru_maxrss * unit)


def _in_turns(
    commands: Mapping[str, Sequence[str]], folder: Path, *, turns: int
) -> dict[str, _Cost]:
    costs: dict[str, list[_Cost]] = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            costs[name].append(_cost(command, folder))
    return {
        name: _Cost(
            seconds=statistics.median(one.seconds for one in found),
            fastest_s=min(one.seconds for one in found),
            peak_bytes=statistics.median(one.peak_bytes for one in found),
        )
        for name, found in costs.items()
    }


def _perfgate(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "perfgate", *arguments)


def _comparing(folder: Path) -> Iterator[_Bar]:
    for size in (_SMALL, _LARGE):
        for seed, name in enumerate(("old", "new")):
            write = f"w(Path('{name}-{size}.json'), {size}, seed={seed})"
            _cost((sys.executable, "-c", f"{_IMPORTS}; {write}"), folder)
    small, large = (
        _perfgate("compare", f"new-{size}.json", "--against", f"old-{size}.json")
        for size in (_SMALL, _LARGE)
    )
    other = "from pytest_benchmark.cli import main; main()"
    files = (f"old-{_SMALL}.json", f"new-{_SMALL}.json")
    costs = _in_turns(
        {"ours": small, "theirs": (sys.executable, "-c", other, "compare", *files)},
        folder,
        turns=_TURNS,
    )
    ours, theirs = costs["ours"], costs["theirs"]
    yield _Bar(
        what=f"compare {_SMALL:,}: time, of pytest-benchmark's {theirs.seconds:.2f} s",
        measured=ours.seconds / theirs.seconds,
        limit=0.5,
        unit="",
    )
    their_mib = theirs.peak_bytes / _MIB
    yield _Bar(
        what=f"compare {_SMALL:,}: memory, of pytest-benchmark's {their_mib:.0f} MiB",
        measured=ours.peak_bytes / theirs.peak_bytes,
        limit=1.0,
        unit="",
    )
    both = _in_turns({"small": small, "large": large}, folder, turns=2)
    yield _Bar(
        what=f"compare {_LARGE:,}: memory",
        measured=both["large"].peak_bytes / _MIB,
        limit=1024,
        unit=" MiB",
    )
    yield _Bar(
        what=f"compare {_LARGE:,}: time, of ten times {_SMALL:,}",
        measured=both["large"].seconds / (10 * both["small"].seconds),
        limit=1.25,
        unit="",
    )


def _starting(folder: Path) -> Iterator[_Bar]:
    costs = _in_turns(
        {"help": _perfgate("--help"), "python": (sys.executable, "-c", "pass")}, folder, turns=15
    )
    shown, bare = costs["help"], costs["python"]
    yield _Bar(what="--help", measured=1000 * shown.fastest_s, limit=150, unit=" ms")
    yield _Bar(
        what=f"--help, of an empty Python's {1000 * bare.seconds:.0f} ms",
        measured=shown.seconds / bare.seconds,
        limit=8,
        unit="",
    )


def _commenting() -> Iterator[_Bar]:
    command = (sys.executable, "-m", "benchmarks.bars.commenting")
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], check=True, stdout=subprocess.PIPE, text=True
    )
    yield _Bar(
        what="comment: from an artifact of 2,000 benchmarks to the comment",
        measured=float(done.stdout),
        limit=2,
        unit=" s",
    )


def main() -> int:
    """Measure every bar, print each, and return the exit status."""
    with tempfile.TemporaryDirectory() as name:
        bars = [*_starting(Path(name)), *_comparing(Path(name)), *_commenting()]
    for bar in bars:
        word = "kept  " if bar.is_kept else "MISSED"
        print(f"{word}  {bar.measured:7.3g}{bar.unit} <= {bar.limit:g}{bar.unit}  {bar.what}")
    return 0 if all(bar.is_kept for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
