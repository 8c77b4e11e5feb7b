"""Result files of any size in pytest-benchmark's own format, alike from run to run.

What varies in real files varies here: ids with parameters, groups, extra_info, the pace of each
benchmark and the noise between two files of the same code.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["pytest_benchmark_document", "write_pytest_benchmark_file"]

_MACHINE: Final = {
    "node": "runner-7",
    "processor": "x86_64",
    "machine": "x86_64",
    "python_compiler": "GCC 13.2.0",
    "python_implementation": "CPython",
    "python_implementation_version": "3.12.4",
    "python_version": "3.12.4",
    "python_build": ["main", "Jun  8 2024 18:29:57"],
    "release": "6.8.0-1015-azure",
    "system": "Linux",
    "cpu": {
        "python_version": "3.12.4.final.0 (64 bit)",
        "cpuinfo_version": [9, 0, 0],
        "arch": "X86_64",
        "bits": 64,
        "count": 4,
        "vendor_id_raw": "AuthenticAMD",
        "brand_raw": "AMD EPYC 7763 64-Core Processor",
        "hz_actual": [3242134000, 0],
        "flags": ["aes", "avx", "avx2", "bmi1", "bmi2", "fma", "sse4_1", "sse4_2"],
    },
}
_COMMIT: Final = {
    "id": "1f0e3dad99908345f7439f8ffabdffc4a1b2c3d4",
    "time": "2026-05-04T10:00:00+00:00",
    "author_time": "2026-05-04T09:58:12+00:00",
    "dirty": False,
    "project": "synthetic",
    "branch": "main",
}
_OPTIONS: Final = {
    "disable_gc": False,
    "timer": "perf_counter",
    "min_rounds": 5,
    "max_time": 1.0,
    "min_time": 5e-06,
    "warmup": False,
}
_SUITES: Final = ("parser", "render", "store", "http", "model", "search", "codec", "queue")
_SHAPES: Final = ("small", "nested", "wide-utf8", "10k rows", "a|b", "empty")


def pytest_benchmark_document(
    count: int, *, seed: int = 0, rounds: int | None = None, noise: float = 0.01
) -> dict[str, Any]:
    """Return a document as pytest-benchmark 5.2 would have written it.

    Args:
        count: Benchmarks in it.
        seed: Noise of this file; the benchmarks and their pace depend on ``count`` alone.
        rounds: Keep that many raw rounds in each benchmark (``stats.data``); None keeps none.
        noise: Standard deviation of the logarithm of each benchmark's level between files.
    """
    rng = random.Random(seed)
    return {
        "machine_info": _MACHINE,
        "commit_info": _COMMIT,
        "benchmarks": list(_benchmarks(count, rng, rounds, noise)),
        "datetime": "2026-05-04T10:01:02.345678+00:00",
        "version": "5.2.3",
    }


def write_pytest_benchmark_file(
    path: Path, count: int, *, seed: int = 0, rounds: int | None = None, noise: float = 0.01
) -> None:
    """Write such a document, indented by four spaces as pytest-benchmark does."""
    document = pytest_benchmark_document(count, seed=seed, rounds=rounds, noise=noise)
    path.write_text(json.dumps(document, indent=4), encoding="utf-8")


def _benchmarks(
    count: int, rng: random.Random, rounds: int | None, noise: float
) -> Iterator[dict[str, Any]]:
    for index in range(count):
        suite = _SUITES[index % len(_SUITES)]
        shape = _SHAPES[index // len(_SUITES) % len(_SHAPES)]
        function = f"test_{suite}_case_{index // (len(_SUITES) * len(_SHAPES))}"
        size = 10 ** (1 + index % 4)
        param = f"{shape}-{size}"
        level_s = 2e-7 * (1 + index % 997) ** 1.5 * rng.lognormvariate(0.0, noise)
        yield {
            "group": f"{suite}-{shape}" if index % 3 else None,
            "name": f"{function}[{param}]",
            "fullname": f"benchmarks/test_{suite}.py::Test{suite.title()}::{function}[{param}]",
            "params": {"shape": shape, "size": size},
            "param": param,
            "extra_info": {"items": size, "shape": shape, "bytes_per_item": 59.5 + index % 7}
            if index % 2
            else {},
            "options": _OPTIONS,
            "stats": _stats(level_s, rng, rounds),
        }


def _stats(level_s: float, rng: random.Random, rounds: int | None) -> dict[str, Any]:
    timings = sorted(level_s * rng.lognormvariate(0.0, 0.02) for _ in range(rounds or 20))
    low, middle, high = (timings[len(timings) * part // 4] for part in (1, 2, 3))
    mean = sum(timings) / len(timings)
    iterations = max(1, int(1e-4 / level_s))
    stats = {
        "min": timings[0],
        "max": timings[-1],
        "mean": mean,
        "stddev": level_s * 0.02,
        "rounds": rounds or max(5, int(1.0 / (level_s * iterations))),
        "median": middle,
        "iqr": high - low,
        "q1": low,
        "q3": high,
        "iqr_outliers": 3,
        "stddev_outliers": 11,
        "outliers": "11;3",
        "ld15iqr": timings[0],
        "hd15iqr": timings[-1],
        "ops": 1.0 / mean,
        "total": mean * len(timings),
        "iterations": iterations,
    }
    if rounds is not None:
        rng.shuffle(timings)
        stats["data"] = timings
    return stats
