"""Print how long ``perfgate history`` takes: ``python -m benchmarks.past [COMMITS [BENCHMARKS]]``.

For a quarter, a half and all of the commits: with an empty cache, with a full one, and after one
more commit; seconds on the clock and on the CPU, and peak memory, of the whole process.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.past.repository import Shape, write_repository

_MIB = 1 << 20


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    commits, benchmarks = (*map(int, arguments), *(1000, 1000)[len(arguments) :])
    print(f"{'commits':>8}{'benchmarks':>12}{'first':>17}{'again':>17}{'one more':>17}{'peak':>10}")
    for count in (commits // 4, commits // 2, commits):
        with tempfile.TemporaryDirectory(prefix="perfgate-past-") as name:
            folder = Path(name)
            shape = Shape(commits=count, benchmarks=benchmarks)
            write_repository(folder / "one", shape)
            first, peak = _cost(folder / "one", folder / "cache")
            again, _ = _cost(folder / "one", folder / "cache")
            longer = Shape(commits=count + 1, benchmarks=benchmarks)
            write_repository(folder / "two", longer)
            more, _ = _cost(folder / "two", folder / "cache")
            costs = "".join(f"{wall:>8.1f} /{cpu:>5.1f} s" for wall, cpu in (first, again, more))
            print(f"{count:>8}{benchmarks:>12}{costs}{peak / _MIB:>6.0f} MiB", flush=True)


def _cost(repository: Path, cache: Path) -> tuple[tuple[float, float], float]:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environ["XDG_CACHE_HOME"] = str(cache)
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfgate", "history", "--check"],
        cwd=repository,
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1)
    spent = (time.perf_counter() - start_s, usage.ru_utime + usage.ru_stime)
    return spent, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main(sys.argv[1:])
