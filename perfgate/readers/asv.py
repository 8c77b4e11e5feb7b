"""asv's result files, version 2: ``results/<machine>/<commit>-<environment>.json``.

The unit of a number stands in another file, and the first word of a benchmark's name gives it
away: ``time_`` and ``timeraw_`` are seconds. What counts memory or tracks anything else is skipped.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from perfgate.model import (
    Benchmark,
    Environment,
    Failure,
    FailureKind,
    ProcessRun,
    Results,
    Revision,
)
from perfgate.readers.document import Seconds, check_keys, decode, fault
from perfgate.readers.summary import Runs, results_of, timed_run
from perfgate.stats.quantiles import summarise

__all__ = ["is_asv", "read_asv", "read_asv_date"]

_VERSION: Final = 2
_HEAD: Final = re.compile(rb'\s*\{\s*"commit_hash"')
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|NaN')
_PYTHON: Final = re.compile(r"(?P<pypy>pypy)?(?P<version>\d+(?:\.\d+)*)", re.ASCII)
_WHOLE: Final = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_TIMES: Final = ("time_", "timeraw_")


class _Params(msgspec.Struct, frozen=True):
    arch: str = ""
    cpu: str = ""
    num_cpu: str = ""
    os: str = ""


class _Document(msgspec.Struct, frozen=True):
    version: int
    commit_hash: str
    python: str
    result_columns: list[str]
    results: dict[str, list[Any]]
    params: _Params


class _Row(msgspec.Struct, frozen=True):
    """One benchmark with all of its parameters; each list has one place for each combination."""

    result: list[Seconds | Literal["NaN"] | None] | None = None
    """None: it failed; NaN: it was skipped."""
    params: list[list[str]] = []
    number: list[int | None] | None = None
    """How often it ran between two looks at the clock."""
    samples: list[list[Seconds] | None] | None = None
    """Only with ``--record-samples``."""


class _Dated(msgspec.Struct, frozen=True):
    date: Annotated[int, msgspec.Meta(ge=0, le=2**45)] = 0


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def is_asv(data: bytes) -> bool:
    """Say whether a document begins as asv's does, which may hold NaN and is then no JSON."""
    return _HEAD.match(data) is not None and b'"result_columns"' in data


def read_asv_date(path: Path, data: bytes) -> float:
    """Return when the commit was made, in seconds since 1970; 0 where the file does not say.

    Raises:
        InputFileError: it is damaged.
    """
    return decode(path, _without_nan(data), _Dated).date / 1000


def _without_nan(data: bytes) -> bytes:
    return _TOKEN.sub(lambda token: b'"NaN"' if token[0] == b"NaN" else token[0], data)


def read_asv(path: Path, data: bytes) -> Results:
    """Read the results of one commit in one environment; several processes of asv count as one.

    Raises:
        InputFileError: it is damaged, of another version, or holds no time.
    """
    data = _without_nan(data)
    version = decode(path, data, _Versioned).version
    if version != _VERSION:
        raise fault(path, "version", f"is {version}; asv 0.5 or newer writes {_VERSION}")
    document = decode(path, data, _Document)
    check_keys(path, data)
    runs = Runs(path, "asv")
    others: list[Benchmark] = []
    for name, values in document.results.items():
        place = f"results.{name}"
        if not name.rpartition(".")[2].startswith(_TIMES):
            others.append(_skipped(name, FailureKind.SKIPPED, "is no time, and those are compared"))
            continue
        row = _row(path, place, document.result_columns, values)
        names = tuple(_names(name, row.params))
        if row.result is None:
            others += (_skipped(one, FailureKind.RAISED, "has no result") for one in names)
            continue
        others += _take(place, names, row, runs)
    return results_of(
        runs,
        others=others,
        environment=_environment(document),
        revision=Revision(commit=document.commit_hash),
    )


def _row(path: Path, place: str, columns: Sequence[str], values: Sequence[Any]) -> _Row:
    if len(values) > len(columns):
        raise fault(path, place, f"holds {len(values)} columns where there are {len(columns)}")
    known = {name: value for name, value in zip(columns, values, strict=False) if value is not None}
    if "stats_number" in known:
        known["number"] = known.pop("stats_number")
    try:
        return msgspec.convert(known, _Row)
    except msgspec.ValidationError as error:
        raise fault(path, place, str(error)) from error


def _names(name: str, params: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a name for each combination of parameters, in asv's order."""
    for values in itertools.product(*params):
        yield f"{name}({', '.join(values)})" if values else name


def _take(place: str, names: Sequence[str], row: _Row, runs: Runs) -> Iterator[Benchmark]:
    """Add every combination that has a number; yield those that have none."""
    result = row.result or []
    for column in (result, row.number, row.samples):
        if column is not None and len(column) != len(names):
            problem = f"holds {len(column)} numbers for {len(names)} combinations of parameters"
            raise fault(runs.path, place, problem)
    for index, (name, seconds) in enumerate(zip(names, result, strict=True)):
        if seconds is None or seconds == "NaN":
            kind = FailureKind.RAISED if seconds is None else FailureKind.SKIPPED
            yield _skipped(name, kind, "has no result")
            continue
        number = row.number[index] if row.number else None
        samples = row.samples[index] if row.samples else None
        runs.add(place, name, [_run(runs.path, place, seconds, number, samples)])


def _run(
    path: Path, place: str, seconds: float, number: int | None, samples: list[float] | None
) -> ProcessRun:
    iterations = max(1, number or 1)
    if samples:
        return ProcessRun(**summarise(samples), iterations=iterations)
    return timed_run(path, place, seconds, iterations=iterations)


def _skipped(name: str, kind: FailureKind, message: str) -> Benchmark:
    return Benchmark(id=name, suite="asv", failure=Failure(kind=kind, message=message))


def _environment(document: _Document) -> Environment:
    machine = document.params
    python = _PYTHON.fullmatch(document.python)  # or a path, of an existing environment
    return Environment(
        system=machine.os.partition(" ")[0].lower(),
        machine=machine.arch,
        implementation=(python and python["pypy"]) or "cpython",
        python=python["version"] if python else "",
        cpu_model=machine.cpu,
        cpu_count=int(machine.num_cpu) if _WHOLE.fullmatch(machine.num_cpu) else None,
    )
