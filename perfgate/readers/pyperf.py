"""pyperf's JSON: many processes for each benchmark, raw values in each; knows all of its keys."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from perfgate.model import Benchmark, Environment, ProcessRun, Results, Revision
from perfgate.readers.document import Count, Seconds, check_keys, decode, fault
from perfgate.stats.quantiles import summarise

__all__ = ["read_pyperf"]

_SUITE: Final = "pyperf"
"""pyperf knows no files, so all of its benchmarks are one suite."""

_VERSIONS: Final = ("1.0", 6)
"""Before 6 (pyperf 0.9.6) values were called samples; 1.0 came after 6 and changed warm-ups."""

_MACHINES: Final = frozenset(
    {"x86_64", "AMD64", "amd64", "i386", "i686", "arm64", "aarch64", "armv7l", "ppc64le", "s390x"}
    | {"riscv64"}
)


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    """What is used of it, from the file, the benchmark or the run; the inner one holds."""

    name: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    loops: Count | UnsetType = UNSET
    inner_loops: Count | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    python_implementation: str | UnsetType = UNSET
    python_version: str | UnsetType = UNSET
    cpu_model_name: str | UnsetType = UNSET
    cpu_count: Count | UnsetType = UNSET
    commit_id: str | UnsetType = UNSET
    commit_branch: str | UnsetType = UNSET


class _Run(msgspec.Struct, frozen=True, gc=False):
    values: list[Seconds] = []
    """Seconds per iteration; none in a run that only calibrated."""
    metadata: _Metadata = _Metadata()


class _Benchmark(msgspec.Struct, frozen=True, gc=False):
    runs: list[_Run]
    metadata: _Metadata = _Metadata()


class _Document(msgspec.Struct, frozen=True):
    version: str | int
    benchmarks: list[_Benchmark]
    metadata: _Metadata = _Metadata()


class _Unit(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class _Units(msgspec.Struct, frozen=True):
    """The units alone: values of another unit need not look like times."""

    benchmarks: list[_Unit]
    metadata: _Metadata = _Metadata()


def read_pyperf(path: Path, data: bytes) -> Results:
    """Read what pyperf wrote with ``-o``.

    Raises:
        InputFileError: it is damaged, too old, measured something else than time or on more than
            one environment, holds no benchmark, or one of them twice.
    """
    _check_units(path, decode(path, data, _Units))
    document = decode(path, data, _Document)
    check_keys(path, data)
    if document.version not in _VERSIONS:
        raise fault(
            path, "version", f"is {document.version}; pyperf 0.9.6 or newer writes 6 or 1.0"
        )
    if not document.benchmarks:
        raise fault(path, "benchmarks", "is empty: nothing was measured")
    benchmarks: dict[str, Benchmark] = {}
    origins = []
    for index, entry in enumerate(document.benchmarks):
        place = f"benchmarks[{index}]"
        benchmark = _benchmark(path, place, document.metadata, entry)
        if benchmark.id in benchmarks:
            raise fault(path, f"{place}.metadata.name", f"{benchmark.id} is there already")
        benchmarks[benchmark.id] = benchmark
        origin = _origin(_merged(document.metadata, entry.metadata, entry.runs[0].metadata))
        origins.append(origin)
        if origin != origins[0]:
            raise fault(
                path, f"{place}.metadata", "differs in machine, Python or commit from the first"
            )
    environment, revision = origins[0]
    return Results(
        environment=environment, revision=revision, benchmarks=tuple(benchmarks.values())
    )


def _check_units(path: Path, document: _Units) -> None:
    places = [("metadata", document.metadata)]
    places += [
        (f"benchmarks[{index}].metadata", entry.metadata)
        for index, entry in enumerate(document.benchmarks)
    ]
    for place, metadata in places:
        _check_unit(path, place, metadata)


def _check_unit(path: Path, place: str, metadata: _Metadata) -> None:
    unit = metadata.unit
    if unit not in (UNSET, "second"):
        raise fault(path, f"{place}.unit", f"is {unit}; perfgate compares times, in seconds")


def _benchmark(path: Path, place: str, common: _Metadata, entry: _Benchmark) -> Benchmark:
    runs = []
    name: str | UnsetType = UNSET
    for index, run in enumerate(entry.runs):
        _check_unit(path, f"{place}.runs[{index}].metadata", run.metadata)
        metadata = _merged(common, entry.metadata, run.metadata)
        name = name or metadata.name
        if run.values:
            runs.append(
                ProcessRun(
                    **summarise(run.values),
                    iterations=(metadata.loops or 1) * (metadata.inner_loops or 1),
                )
            )
    if not runs:
        raise fault(path, f"{place}.runs", "hold no values: every run only calibrated")
    if not name:
        raise fault(path, f"{place}.metadata", "has no name")
    return Benchmark(id=name, suite=_SUITE, runs=tuple(runs))


def _merged(*levels: _Metadata) -> _Metadata:
    fields: dict[str, Any] = {}
    for level in levels:
        values = zip(level.__struct_fields__, msgspec.structs.astuple(level), strict=True)
        fields.update((name, value) for name, value in values if value is not UNSET)
    return _Metadata(**fields)


def _origin(metadata: _Metadata) -> tuple[Environment, Revision]:
    system, machine, kernel = _platform((metadata.platform or "").split("-"))
    environment = Environment(
        system=system,
        machine=machine,
        implementation=(metadata.python_implementation or "").lower(),
        python=(metadata.python_version or "").partition(" ")[0],
        cpu_model=metadata.cpu_model_name or "",
        cpu_count=metadata.cpu_count or None,
        kernel=kernel,
    )
    return environment, Revision(
        commit=metadata.commit_id or "", branch=metadata.commit_branch or ""
    )


def _platform(parts: Sequence[str]) -> tuple[str, str, str]:
    """Take ``platform.platform()`` apart: system, machine and, on Linux, the kernel's release."""
    system = parts[0].lower()
    at = next((index for index, part in enumerate(parts) if part in _MACHINES), len(parts))
    machine = parts[at] if at < len(parts) else ""
    if system == "linux":
        return system, machine, "-".join(parts[1:at])
    return "darwin" if system == "macos" else system, machine, ""
