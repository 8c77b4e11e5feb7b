"""The rule for leaks on operations that leak and on some that only look so; a process for each."""

import collections
import ctypes
import functools
import json
import random
import subprocess
import sys
from collections.abc import Callable

from perfgate.testing.memory import measure_memory_growth

__all__ = ["CLEAN", "LEAKING", "SEEDS", "is_found_leaking"]

CLEAN = ("clean", "filling cache", "cycles", "fragmentation")
LEAKING = ("100 B", "dict and list", "20 kB", "native 1 kB")
SEEDS = range(6)


def _work(source: random.Random) -> str:
    rows = [{"id": source.random(), "name": "x" * 20, "n": n} for n in range(30)]
    return json.dumps(json.loads(json.dumps(rows)))


def _operation(scenario: str, source: random.Random) -> Callable[[], object]:
    kept: list[object] = []
    recent: collections.deque[bytes] = collections.deque(maxlen=2_000)
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]

    @functools.lru_cache(maxsize=1_000)
    def cached(key: int) -> str:
        return f"{key}" * 10

    def cycle() -> None:
        ring: list[object] = [bytearray(500)]
        ring.append(ring)

    def native() -> None:
        ctypes.memset(malloc(1_000), 1, 1_000)

    extras: dict[str, Callable[[], object]] = {
        "clean": lambda: None,
        "filling cache": lambda: cached(source.randrange(5_000)),
        "cycles": cycle,
        "fragmentation": lambda: recent.append(bytes(source.randrange(50, 70_000))),
        "100 B": lambda: kept.append(bytes(67)),
        "dict and list": lambda: kept.append({"a": [1.5, "b"]}),
        "20 kB": lambda: kept.append(bytes(20_000)),
        "native 1 kB": native,
    }
    extra = extras[scenario]

    def operation() -> None:
        _work(source)
        extra()

    return operation


def is_found_leaking(scenario: str, seed: int) -> bool:
    """Judge a scenario in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load.leaks", scenario, str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return bool(json.loads(done.stdout))


if __name__ == "__main__":
    _, wanted, number = sys.argv
    growth = measure_memory_growth(_operation(wanted, random.Random(int(number))))
    print(json.dumps(growth.is_leaking))
