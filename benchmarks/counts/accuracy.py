"""How far counts of unchanged code differ: between runs, CPU features, address layouts, machines.

Every run is a line of a file, so that runs of several days and machines can be put together.
"""

import contextlib
import dataclasses
import itertools
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from perfgate.gate import is_more
from perfgate.measure.counters import HASH_SEEDS, CountPlan, count_suites
from perfgate.measure.instruments import Callgrind, find_valgrind
from perfgate.measure.process import Progress, SuiteFiles
from perfgate.measure.sources import source_layout

__all__ = ["CONDITIONS", "Subject", "error_rates", "placed", "read_lines", "record_run", "table"]

CONDITIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "as perfgate counts": {},
    "without AVX2": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable"},
    "without ERMS, other thresholds": {
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-FSRM:glibc.cpu.x86_non_temporal_threshold=0x4040"
    },
}
"""Environment by name: what the user asks of the C library must not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A suite somewhere on this machine."""

    root: Path
    files: tuple[str, ...]
    python: Path


def record_run(
    subject: Subject,
    environ: Mapping[str, str],
    *,
    condition: str,
    is_fixed_layout: bool = False,
    hash_seeds: tuple[int, ...] = HASH_SEEDS,
) -> dict[str, Any]:
    """Count once; return what there is to keep."""
    valgrind = find_valgrind(environ)
    if valgrind is None:
        raise SystemExit("valgrind is not installed")
    start_s, cpu_s = time.monotonic(), _children_s()
    counts = count_suites(
        CountPlan(
            root=subject.root,
            source_paths=source_layout(subject.root).paths,
            suites=(SuiteFiles(name="suite", files=subject.files),),
            python=subject.python,
            environ={**environ, **CONDITIONS[condition]},
            instrument=Callgrind(valgrind),
            timeout_s=120.0,
            hash_seeds=hash_seeds,
            jobs=1,
        ),
        Progress(),
    )
    if not counts:
        raise SystemExit(f"{subject.root}: nothing was counted; are the files right?")
    return {
        "root": subject.root.name,
        "hash_seeds": hash_seeds,
        "condition": condition,
        "fixed_layout": is_fixed_layout,
        "seconds": time.monotonic() - start_s,
        "cpu_s": _children_s() - cpu_s,
        "counts": {name: one.instructions for name, one in counts.items() if one.instructions},
        "left": {name: one.why for name, one in counts.items() if one.instructions is None},
    }


@contextlib.contextmanager
def placed(
    subject: Subject, rng: random.Random | None
) -> Iterator[tuple[Subject, Mapping[str, str]]]:
    """Yield the subject under another path, and variables that make the environment longer.

    Both shift where things lie in memory, as on another machine or for another user. Without
    numbers to draw from it stays where it is.
    """
    if rng is None:
        yield subject, {}
        return
    with tempfile.TemporaryDirectory(prefix="moved-") as folder:
        way = Path(folder, *("x" * rng.randint(1, 30) for _ in range(rng.randint(1, 4))))
        root = way / subject.root.name
        shutil.copytree(subject.root, root, ignore=shutil.ignore_patterns(".git", ".nox"))
        yield dataclasses.replace(subject, root=root), {"LONGER": "x" * rng.randint(0, 4_000)}


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a row per suite and condition: how far each count is from its benchmark's median."""
    yield "| suite | condition | runs | counts | within 0.1 % | within 0.2 % | farthest |"
    yield "|---|---|---|---|---|---|---|"
    for root in dict.fromkeys(line["root"] for line in lines):
        own = [line for line in lines if line["root"] == root]
        usual = _medians([line for line in own if line["condition"] == next(iter(CONDITIONS))])
        for condition in dict.fromkeys(_condition(line) for line in own):
            chosen = [line for line in own if _condition(line) == condition]
            off = [
                abs(count / usual[name] - 1)
                for line in chosen
                for name, count in line["counts"].items()
                if name in usual
            ]
            shares = [
                f"{sum(one <= bound for one in off) / len(off):.1%}" for bound in (1e-3, 2e-3)
            ]
            cells = (root, condition, len(chosen), len(off), *shares, f"{max(off):.3%}")
            yield f"| {' | '.join(map(str, cells))} |"


def error_rates(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a row per suite: every run as the baseline of every other, as it is and 1 % slower.

    Of what perfgate does alone; the count of a slower one is that count with a hundredth more.
    """
    lines = [line for line in lines if line["condition"] == next(iter(CONDITIONS))]
    yield "| suite | pairs of counts | unchanged goes red | 1 % more is found |"
    yield "|---|---|---|---|"
    for root in dict.fromkeys(line["root"] for line in lines):
        counts: dict[str, list[float]] = {}
        for line in lines:
            for name, count in line["counts"].items() if line["root"] == root else ():
                counts.setdefault(name, []).append(float(f"{count:.4g}"))
        pairs = [pair for own in counts.values() for pair in itertools.permutations(own, 2)]
        red = sum(is_more(before, after, 0.01) for before, after in pairs)
        found = sum(is_more(before, 1.01 * after, 0.01) for before, after in pairs)
        yield f"| {root} | {len(pairs)} | {red} | {found / max(1, len(pairs)):.1%} |"


def _condition(line: Mapping[str, Any]) -> str:
    fixed = ", without address randomisation" if line["fixed_layout"] else ""
    return f"{line['condition']}{fixed}"


def _medians(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for line in lines:
        for name, count in line["counts"].items():
            found.setdefault(name, []).append(count)
    return {name: median(counts) for name, counts in found.items()}


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Read what earlier runs kept."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
