import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.measure.suites import ENVIRON, write

SUITE = """
import os, subprocess, sys, time
from pathlib import Path

def test_long(benchmark):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                             start_new_session=True)
    draft = Path("draft")
    draft.write_text(f"{os.getpid()} {child.pid}")
    draft.rename("running")
    benchmark(time.sleep, 600)
"""
PROJECT = """
[tool.perfgate.suites.shop]
paths = ["benchmarks/test_shop.py"]
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", list[psutil.Process]]]:
    """A run of perfgate in the middle of a benchmark, and the processes that belong to it."""
    root = write(
        tmp_path / "project", {"pyproject.toml": PROJECT, "benchmarks/test_shop.py": SUITE}
    )
    environ = {**ENVIRON, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-m", "perfgate", "run"],
        cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        watcher = psutil.Process(process.pid)
        while not (root / "running").exists() and process.poll() is None:
            psutil.wait_procs([watcher], timeout=0.05)
        members = [psutil.Process(int(pid)) for pid in (root / "running").read_text().split()]
        yield process, members
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process_and_ends_with_130(
    running: tuple["subprocess.Popen[bytes]", list[psutil.Process]], number: signal.Signals
) -> None:
    process, members = running
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    gone, _ = psutil.wait_procs(members, timeout=10)
    assert set(gone) == set(members)
    assert (process.returncode, output) == (130, b"")
    assert b"interrupted" in errors
    assert b"Traceback" not in errors
