"""pytest-benchmark's JSON, 2.5 to 5.3, with and without raw rounds; knows all of its keys.

One file is one process. With raw rounds (``stats.data``) every number is computed here from them,
since the quartiles in the file follow other rules; without, it holds no low quantile and no
percentiles, and none are made up.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

from perfgate.model import Benchmark, Environment, ProcessRun, Results, Revision, suite_name
from perfgate.readers.document import (
    Count,
    Seconds,
    check_keys,
    decode,
    fault,
    finite_numbers,
    has_plain_keys,
)
from perfgate.stats.quantiles import summarise

__all__ = ["read_pytest_benchmark"]

_NO_COMMIT: Final = ("unversioned", "unknown")


# The structs name all keys that the format ever had: then the keys of a file can be counted, and
# a file with none twice is told from the count alone. gc=False: they hold no cycles.


class _Stats(msgspec.Struct, frozen=True, gc=False):
    min: Seconds
    max: Seconds
    mean: Seconds
    median: Seconds
    rounds: Count
    iterations: Count
    iqr: Annotated[float, msgspec.Meta(ge=0, le=1e12)] | UnsetType = UNSET
    data: list[Seconds] | UnsetType = UNSET
    stddev: Any = UNSET
    q1: Any = UNSET
    q3: Any = UNSET
    iqr_outliers: Any = UNSET
    stddev_outliers: Any = UNSET
    outliers: Any = UNSET
    ld15iqr: Any = UNSET
    hd15iqr: Any = UNSET
    ops: Any = UNSET
    total: Any = UNSET


class _Options(msgspec.Struct, frozen=True, gc=False):
    disable_gc: Any = UNSET
    timer: Any = UNSET
    min_rounds: Any = UNSET
    max_time: Any = UNSET
    min_time: Any = UNSET
    precision: Any = UNSET
    confidence: Any = UNSET
    warmup: Any = UNSET


class _Benchmark(msgspec.Struct, frozen=True, gc=False):
    name: str
    stats: _Stats
    fullname: str | UnsetType = UNSET
    extra_info: dict[str, Any] | UnsetType | None = UNSET
    params: Any = UNSET
    options: _Options | UnsetType = UNSET
    group: Any = UNSET
    param: Any = UNSET
    cprofile: Any = UNSET


class _Document(msgspec.Struct, frozen=True):
    benchmarks: list[_Benchmark]
    machine_info: Raw | UnsetType = UNSET
    commit_info: Raw | UnsetType = UNSET
    version: str | UnsetType = UNSET
    datetime: Any = UNSET


class _Cpu(msgspec.Struct, frozen=True):
    brand_raw: str | None = None
    brand: str | None = None
    """What py-cpuinfo before 6.0 called it."""
    count: Count | None = None


class _Machine(msgspec.Struct, frozen=True):
    system: str = ""
    machine: str = ""
    release: str = ""
    python_implementation: str = ""
    python_version: str = ""
    python_build: list[str] | str = ""
    cpu: _Cpu | None = None


class _Commit(msgspec.Struct, frozen=True):
    id: str = ""
    dirty: bool = False
    branch: str | None = None


def read_pytest_benchmark(path: Path, data: bytes) -> Results:
    """Read what pytest-benchmark wrote with ``--benchmark-json`` or saved.

    Raises:
        InputFileError: it is damaged, holds no benchmark, or one of them twice.
    """
    document = decode(path, data, _Document)
    _check_keys_once(path, data, document)
    if not document.benchmarks:
        raise fault(path, "benchmarks", "is empty: nothing was measured")
    return Results(
        environment=_environment(path, document),
        revision=_revision(path, document),
        benchmarks=tuple(_benchmarks(path, document.benchmarks)),
    )


def _check_keys_once(path: Path, data: bytes, document: _Document) -> None:
    heads = {"machine_info": document.machine_info, "commit_info": document.commit_info}
    known = _present(document)
    for place, head in heads.items():
        if head is not UNSET:
            check_keys(path, head, place)
            known += bytes(head).count(b'":')
    if not has_plain_keys(data, known + _count_keys(document.benchmarks)):
        check_keys(path, data)


def _count_keys(benchmarks: Iterable[_Benchmark]) -> int:
    """Count the different keys, leaving out what is nested in parameters and extra_info."""
    total = 0
    for benchmark in benchmarks:
        total += _present(benchmark) + _present(benchmark.stats)
        if benchmark.options:
            total += _present(benchmark.options)
        for values in (benchmark.params, benchmark.extra_info):
            if isinstance(values, dict):
                total += len(values)
    return total


def _present(struct: msgspec.Struct) -> int:
    fields = astuple(struct)
    return len(fields) - fields.count(UNSET)


def _benchmarks(path: Path, benchmarks: list[_Benchmark]) -> Iterator[Benchmark]:
    seen: dict[str, int] = {}
    suites: dict[str, str] = {}
    for index, entry in enumerate(benchmarks):
        name = entry.fullname or entry.name
        if not name:
            raise fault(path, f"benchmarks[{index}].name", "is empty")
        first = seen.setdefault(name, index)
        if first != index:
            field = "fullname" if entry.fullname else "name"
            raise fault(
                path,
                f"benchmarks[{index}].{field}",
                f"{name} is already in benchmarks[{first}]; was it run again after a failure?",
            )
        file, separator, _ = name.partition("::")
        if not separator:
            file = ""
        suite = suites.get(file)
        if suite is None:
            suite = suites[file] = suite_name(file)
        run = _process_run(path, index, entry)
        yield Benchmark(id=name, suite=suite, runs=(run,), path=file)


def _process_run(path: Path, index: int, entry: _Benchmark) -> ProcessRun:
    stats = entry.stats
    metrics = finite_numbers(entry.extra_info) if entry.extra_info else {}
    if stats.data is UNSET:
        if not stats.min <= stats.median <= stats.max:
            raise fault(
                path, f"benchmarks[{index}].stats", "min, median and max are not in this order"
            )
        return ProcessRun(
            rounds=stats.rounds,
            iterations=stats.iterations,
            min_s=stats.min,
            median_s=stats.median,
            mean_s=stats.mean,
            max_s=stats.max,
            iqr_s=None if stats.iqr is UNSET else stats.iqr,
            metrics=metrics,
        )
    if len(stats.data) != stats.rounds:
        raise fault(
            path,
            f"benchmarks[{index}].stats.data",
            f"holds {len(stats.data)} rounds where stats.rounds says {stats.rounds}",
        )
    return ProcessRun(**summarise(stats.data), iterations=stats.iterations, metrics=metrics)


def _environment(path: Path, document: _Document) -> Environment:
    machine = _Machine()
    if document.machine_info is not UNSET:
        machine = decode(path, document.machine_info, _Machine, "machine_info")
    cpu = machine.cpu or _Cpu()
    build = machine.python_build
    return Environment(
        system=machine.system.lower(),
        machine=machine.machine,
        implementation=machine.python_implementation.lower(),
        python=machine.python_version,
        python_build=build if isinstance(build, str) else " ".join(build),
        cpu_model=cpu.brand_raw or cpu.brand or "",
        cpu_count=cpu.count,
        kernel=machine.release,
        pytest_benchmark=document.version or "",
    )


def _revision(path: Path, document: _Document) -> Revision:
    if document.commit_info is UNSET:
        return Revision()
    commit = decode(path, document.commit_info, _Commit, "commit_info")
    branch = commit.branch or ""
    return Revision(
        commit="" if commit.id in _NO_COMMIT else commit.id,
        is_dirty=commit.dirty,
        branch="" if branch.startswith("(") else branch,  # "(detached head)", "(unknown)"
    )
