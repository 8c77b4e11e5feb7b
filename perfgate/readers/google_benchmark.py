"""Google Benchmark's JSON (``--benchmark_format=json``): each repetition is a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from perfgate.model import Benchmark, Environment, Failure, FailureKind, ProcessRun, Results
from perfgate.readers.document import Count, check_keys, decode, finite_numbers
from perfgate.readers.summary import Amount, Runs, results_of, timed_run

__all__ = ["read_google_benchmark"]

_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class _Entry(msgspec.Struct, frozen=True):
    name: str
    run_name: str = ""
    """Empty before 1.5: then the name is that of the run."""
    run_type: Literal["iteration", "aggregate"] = "iteration"
    aggregate_name: str = ""
    aggregate_unit: str = "time"
    error_occurred: bool = False
    error_message: str = ""
    skipped: bool = False
    skip_message: str = ""
    iterations: Count | Literal[0] = 1
    repetitions: Any = UNSET
    repetition_index: Any = UNSET
    family_index: Any = UNSET
    per_family_instance_index: Any = UNSET
    threads: Any = UNSET
    real_time: Amount | UnsetType = UNSET
    cpu_time: Amount | UnsetType = UNSET
    time_unit: Literal["ns", "us", "ms", "s"] = "ns"


_OWN: Final = frozenset(_Entry.__struct_fields__)
"""What is no counter of a user."""


class _Context(msgspec.Struct, frozen=True):
    num_cpus: Count | None = None


class _Document(msgspec.Struct, frozen=True):
    context: _Context
    benchmarks: list[Raw]


def read_google_benchmark(path: Path, data: bytes) -> Results:
    """Read what a binary wrote; where it reports aggregates only, their median is one run.

    Raises:
        InputFileError: it is damaged or holds no benchmark.
    """
    document = decode(path, data, _Document)
    check_keys(path, data)
    runs, medians = Runs(path, "google-benchmark"), Runs(path, "google-benchmark")
    failed: dict[str, Benchmark] = {}
    for index, raw in enumerate(document.benchmarks):
        place = f"benchmarks[{index}]"
        entry = decode(path, raw, _Entry, place)
        name = entry.run_name or entry.name
        if entry.error_occurred or entry.skipped:
            failed[name] = _failed(name, entry)
        elif entry.run_type == "iteration":
            counters = decode(path, raw, dict[str, Any], place)
            runs.add(f"{place}.name", name, [_run(path, place, entry, counters)], again=True)
        elif entry.aggregate_name == "median":
            counters = decode(path, raw, dict[str, Any], place)
            medians.add(f"{place}.name", name, [_run(path, place, entry, counters)])
    for name, found in medians.found.items():
        runs.found.setdefault(name, found)
    for name in failed:  # in one of its repetitions is enough
        runs.found.pop(name, None)
    environment = Environment(
        system="",
        machine="",
        implementation=runs.suite,
        python="",
        cpu_count=document.context.num_cpus,
    )
    return results_of(runs, others=tuple(failed.values()), environment=environment)


def _run(path: Path, place: str, entry: _Entry, values: Mapping[str, Any]) -> ProcessRun:
    scale = _SECONDS[entry.time_unit]
    metrics = {name: number for name, number in finite_numbers(values).items() if name not in _OWN}
    if entry.cpu_time:
        metrics["cpu_s"] = entry.cpu_time * scale
    return timed_run(
        path,
        f"{place}.real_time",
        (entry.real_time or 0.0) * scale,
        iterations=entry.iterations or 1,
        metrics=metrics,
    )


def _failed(name: str, entry: _Entry) -> Benchmark:
    kind = FailureKind.RAISED if entry.error_occurred else FailureKind.SKIPPED
    message = entry.error_message or entry.skip_message
    return Benchmark(id=name, suite="google-benchmark", failure=Failure(kind=kind, message=message))
