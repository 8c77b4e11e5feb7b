"""Benchmarks that a project has already, wherever they lie: the suites that ``init`` names."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from perfgate.config import is_suite_name

__all__ = ["find_own_suites", "has_usual_suites", "suite_settings"]

_BENCHMARK: Final = re.compile(
    rb"^[ \t]*(?:async[ \t]+)?def test\w*\([^)]*\bbenchmark(?:_weave)?\b", re.MULTILINE
)
_LARGEST_BYTES: Final = 1 << 20
_NOT_OURS: Final = frozenset({"build", "dist", "env", "node_modules", "site-packages", "venv"})
_TOP: Final = "benchmarks"
"""Name of the suite of files beside pyproject.toml."""


def has_usual_suites(root: Path) -> bool:
    """Say whether files lie where suites are looked for without any settings."""
    folder = root / "benchmarks"
    return any(file for glob in ("test_*.py", "bench_*.py") for file in folder.glob(glob))


def find_own_suites(root: Path) -> Mapping[str, Sequence[str]]:
    """Find tests that take the fixture ``benchmark``: a suite for each folder, with its files.

    One suite for each file would start as many processes. What another project brought (hidden
    folders, virtual environments, builds) is left out.
    """
    suites: dict[str, list[str]] = {}
    for path in _benchmark_files(root):
        folder = path.parent
        name = "-".join(folder.parts).lower() or _TOP  # settings tell no names apart by case
        suites.setdefault(name if is_suite_name(name) else _TOP, []).append(path.as_posix())
    return {name: sorted(paths) for name, paths in sorted(suites.items())}


def _benchmark_files(root: Path) -> Iterator[PurePosixPath]:
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(
            name
            for name in names
            if name not in _NOT_OURS
            and not name.startswith(".")
            and not (here / name / "pyvenv.cfg").exists()
        )
        for name in files:
            if name.endswith(".py") and name != "conftest.py" and _has_benchmark(here / name):
                yield PurePosixPath((here / name).relative_to(root).as_posix())


def _has_benchmark(file: Path) -> bool:
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            return False
        return _BENCHMARK.search(file.read_bytes()) is not None
    except OSError:  # a broken link, or nothing that we may read
        return False


def suite_settings(suites: Mapping[str, Sequence[str]]) -> str:
    """Write suites as TOML, to follow ``[tool.perfgate]``."""
    tables = []
    for name, paths in suites.items():
        key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
        quoted = [json.dumps(path, ensure_ascii=False) for path in paths]
        listed = (
            f"[{quoted[0]}]"
            if len(quoted) == 1
            else "".join(("[\n", *(f"    {path},\n" for path in quoted), "]"))
        )
        tables.append(f"\n[tool.perfgate.suites.{key}]\npaths = {listed}\n")
    return "".join(tables)
