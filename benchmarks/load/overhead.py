"""What a harness costs for each operation that does nothing, and in memory for many of them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.load.patterns import PATTERNS

__all__ = ["memory_bytes", "noop_s", "noop_s_of_locust"]

CONCURRENCY = 50
OPERATIONS = 100_000
TURN = 20_000
_KIB = 1024

_LOCUST = """
import gc, json, sys, time
from locust import User, task, constant
from locust.env import Environment
class Done(Exception): pass
class Nobody(User):
    wait_time = constant(0)
    left = int(sys.argv[1])
    @task
    def nothing(self):
        began = time.perf_counter()
        self.environment.events.request.fire(
            request_type="x", name="nothing", response_length=0, exception=None, context={},
            response_time=(time.perf_counter() - began) * 1e3)
        Nobody.left -= 1
        if Nobody.left <= 0:
            self.environment.runner.quit()
environment = Environment(user_classes=[Nobody])
runner = environment.create_local_runner()
began = time.process_time()
runner.start(1, spawn_rate=1)
runner.greenlet.join()
print(json.dumps((time.process_time() - began) / int(sys.argv[1])))
"""


async def _nothing() -> None:
    pass


def noop_s(rounds: int) -> dict[str, float]:
    """Return the least processor seconds per operation of each pattern, which take turns."""
    least = dict.fromkeys(PATTERNS, float("inf"))

    async def turn(name: str) -> float:
        return await PATTERNS[name](_nothing, CONCURRENCY, TURN)

    for _ in range(rounds):
        for name in PATTERNS:
            least[name] = min(least[name], asyncio.run(turn(name)) / TURN)
    return least


def noop_s_of_locust(python: Path) -> float:
    """Return the processor seconds of one task that fires its request event."""
    command = [str(python), "-c", _LOCUST, str(OPERATIONS // 5)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))


def memory_bytes(name: str) -> int:
    """Return by how much a pattern raises the peak memory of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load.overhead", name]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak_bytes() -> int:
    """Return the peak of this program; ru_maxrss would begin with that of the parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * _KIB


async def _grow(name: str) -> int:
    await PATTERNS[name](_nothing, CONCURRENCY, 1_000)
    before = _peak_bytes()
    await PATTERNS[name](_nothing, CONCURRENCY, OPERATIONS)
    return _peak_bytes() - before


if __name__ == "__main__":
    print(asyncio.run(_grow(sys.argv[1])))
