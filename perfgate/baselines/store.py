"""Files of approved numbers: ``baselines/<environment>/<suite>.json``, one line per benchmark.

The layout keeps ``git blame`` true: each benchmark's line ends with a comma, because the header
comes last, so that adding or removing one benchmark never touches the line of another.
"""

import dataclasses
import json
import math
import os
import secrets
import statistics
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from perfgate.config import is_suite_name
from perfgate.errors import BaselineError
from perfgate.gate import INSTRUCTIONS, typical_metric
from perfgate.model import Baseline, Benchmark, ProcessRun

__all__ = [
    "BASELINES_VERSION",
    "BaselineFile",
    "baseline_from",
    "baseline_path",
    "encode_baselines",
    "load_baselines",
    "nearest_environment",
    "parse_baselines",
    "write_baselines",
]

BASELINES_VERSION: Final = 1

_HEADER: Final = "perfgate"
_CONFLICT_MARKERS: Final = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFile:
    """The approved numbers of one suite in one environment, by benchmark id."""

    environment: str
    """The environment's key."""
    suite: str
    baselines: Mapping[str, Baseline]


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    environment: str
    suite: str
    version: int


def baseline_from(
    benchmark: Benchmark, cpu: str, reason: str, *, metrics: Collection[str] = ()
) -> Baseline:
    """Condense the process runs of a benchmark into the line that would approve them.

    Medians over the processes, since one process in a hundred is far off; a run without a low
    quantile counts with its minimum. Numbers are rounded as the file keeps them.

    Args:
        benchmark: What was measured.
        cpu: Model of the CPU that it was measured on.
        reason: Why these numbers are right.
        metrics: Names of the metrics to approve as well; one that was not measured is left out.

    Raises:
        ValueError: The benchmark has no run.
    """
    if not benchmark.runs:
        raise ValueError(f"{benchmark.id} has no run to take a baseline from")
    lows = [_low_s(run) for run in benchmark.runs]
    logs = [math.log(low) for low in lows]
    approved = {
        name: value
        for name in sorted(metrics)
        if (value := typical_metric(benchmark.runs, name)) is not None
    }
    counts = benchmark.counts
    is_counted = counts is not None and counts.instructions is not None
    if counts is not None and counts.instructions is not None:
        approved[INSTRUCTIONS] = counts.instructions
    return _rounded(
        Baseline(
            low_s=statistics.median(lows),
            median_s=statistics.median(run.median_s for run in benchmark.runs),
            spread=statistics.stdev(logs) if len(logs) > 1 else None,
            processes=len(benchmark.runs),
            cpu=cpu,
            reason=reason,
            metrics=approved,
            counted_with=counts.build if counts is not None and is_counted else "",
        )
    )


def baseline_path(folder: Path, environment_key: str, suite: str) -> Path:
    """Say where the file of a suite lies.

    Raises:
        BaselineError: One of the names cannot be a file name, or would lead elsewhere.
    """
    for name in (environment_key, suite):
        if not is_suite_name(name):
            raise BaselineError(folder, "", f'"{name}" cannot be the name of a file here')
    return folder / environment_key / f"{suite}.json"


def load_baselines(folder: Path, environment_key: str) -> tuple[BaselineFile, ...]:
    """Read every suite's baselines of one environment; empty where there are none.

    Raises:
        BaselineError: A file is damaged or says that it belongs elsewhere, or two files hold the
            same benchmark.
    """
    files: list[BaselineFile] = []
    owners: dict[str, str] = {}
    for path in sorted(baseline_path(folder, environment_key, "any").parent.glob("*.json")):
        file = parse_baselines(_read(path), str(path))
        if (file.environment, file.suite) != (environment_key, path.stem):
            belongs = f"{file.environment}/{file.suite}.json"
            raise BaselineError(path, _HEADER, f"says that it is {belongs}")
        for benchmark in file.baselines:
            if benchmark in owners:
                raise BaselineError(path, benchmark, f"is in {owners[benchmark]}.json as well")
            owners[benchmark] = file.suite
        files.append(file)
    return tuple(files)


def parse_baselines(data: bytes, source: str) -> BaselineFile:
    """Read one file strictly, line by line.

    Args:
        data: Content of the file, from disk or from another revision.
        source: What errors call it.

    Raises:
        BaselineError: Anything but what ``encode_baselines`` writes; names the line.
    """
    lines = [line.removesuffix("\r") for line in _decode(data, source).split("\n")]
    for number, line in enumerate(lines, start=1):
        if line.startswith(_CONFLICT_MARKERS):
            raise BaselineError(source, f"line {number}", "holds an unresolved merge conflict")
    if len(lines) < 4 or (lines[0], lines[-2], lines[-1]) != ("{", "}", ""):  # noqa: PLR2004 - { header } and the end
        raise BaselineError(source, "", "is cut off or was not written by update-baselines")
    baselines: dict[str, Baseline] = {}
    for number, line in enumerate(lines[1:-3], start=2):
        place = f"line {number}"
        benchmark, value = _parse_line(line, ",", source, place)
        if benchmark in baselines:
            raise BaselineError(source, place, f"{benchmark} stands here for the second time")
        baselines[benchmark] = _baseline(value, source, place)
    header = _header(lines[-3], source, f"line {len(lines) - 2}")
    return BaselineFile(environment=header.environment, suite=header.suite, baselines=baselines)


def encode_baselines(file: BaselineFile) -> bytes:
    """Write the file's text: sorted, one line per benchmark, 4 significant digits.

    Raises:
        BaselineError: A benchmark bears the name of the header.
    """
    if _HEADER in file.baselines:
        raise BaselineError(f"{file.suite}.json", _HEADER, "a benchmark cannot bear this name")
    header = _Header(environment=file.environment, suite=file.suite, version=BASELINES_VERSION)
    lines = [
        _line(benchmark, _rounded(baseline)) + ","
        for benchmark, baseline in sorted(file.baselines.items())
    ]
    return "\n".join(("{", *lines, _line(_HEADER, header), "}", "")).encode()


def write_baselines(folder: Path, file: BaselineFile) -> Path:
    """Write a suite's baselines, or remove the file when none are left; give its path.

    The new content appears at once: after a crash the file is the old or the new one, whole.

    Raises:
        BaselineError: The names cannot be file names, or the disk refuses.
    """
    path = baseline_path(folder, file.environment, file.suite)
    try:
        if file.baselines:
            _replace(path, encode_baselines(file))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BaselineError(path, "", f"cannot be written: {error.strerror}") from error
    return path


def nearest_environment(folder: Path, environment_key: str) -> str | None:
    """Find the environment with baselines that resembles this one most; None without any.

    System and implementation count first, then the architecture, then the distance between the
    Python versions; of two equally near ones the newer.
    """
    wanted = _KeyParts.of(environment_key)
    keys = sorted({path.parent.name for path in folder.glob("*/*.json")})

    def distance(key: str) -> tuple[bool, bool, bool, int, int]:
        parts = _KeyParts.of(key)
        return (
            (parts.system, parts.implementation) != (wanted.system, wanted.implementation),
            parts.system != wanted.system,
            parts.machine != wanted.machine,
            abs(parts.version - wanted.version),
            -parts.version,
        )

    return min(keys, key=distance, default=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _KeyParts:
    system: str
    machine: str
    implementation: str
    version: int

    @classmethod
    def of(cls, key: str) -> "_KeyParts":
        """Take a key apart; parts that are not there are empty."""
        parts = key.split("-")
        system, *machine, implementation, version = (*parts, *[""] * (4 - len(parts)))
        major, _, minor = version.partition(".")
        is_version = major.isdecimal() and minor.isdecimal()
        return cls(
            system=system,
            machine="-".join(machine),
            implementation=implementation,
            version=int(major) * 1000 + int(minor) if is_version else 0,
        )


def _low_s(run: ProcessRun) -> float:
    return run.min_s if run.low_s is None else run.low_s


def _rounded(baseline: Baseline) -> Baseline:
    return msgspec.structs.replace(
        baseline,
        low_s=_round(baseline.low_s),
        median_s=_round(baseline.median_s),
        spread=None if baseline.spread is None else _round(baseline.spread),
        metrics={name: _round(value) for name, value in baseline.metrics.items()},
    )


def _round(number: float) -> float:
    return float(f"{number:.4g}")


def _line(key: str, value: Baseline | _Header) -> str:
    entry = {key: msgspec.to_builtins(value)}
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True, allow_nan=False)
    if not text.isprintable():  # surrogates, line separators, marks that reorder text
        text = json.dumps(entry, sort_keys=True, allow_nan=False)
    return text[1:-1]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BaselineError(path, "", f"cannot be read: {error.strerror}") from error


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BaselineError(source, f"line {line}", "is not UTF-8") from error


def _parse_line(line: str, end: str, source: str, place: str) -> tuple[str, object]:
    if not line.endswith(end):
        raise BaselineError(source, place, "does not end with a comma, as each benchmark must")
    try:
        entry = json.loads(
            "{" + line.removesuffix(end) + "}",
            object_pairs_hook=_without_twins,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BaselineError(source, place, f"no valid JSON: {detail}") from error
    if len(entry) != 1:
        raise BaselineError(source, place, "must hold exactly one entry")
    return next(iter(entry.items()))  # type: ignore[no-any-return]  # json gives Any, the hook a dict


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key stands twice")
    return entries


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _baseline(value: object, source: str, place: str) -> Baseline:
    try:
        baseline = msgspec.convert(value, Baseline)
    except msgspec.ValidationError as error:
        raise BaselineError(source, place, str(error)) from error
    for name, number in (("low_s", baseline.low_s), ("median_s", baseline.median_s)):
        if not (math.isfinite(number) and number > 0):
            raise BaselineError(source, place, f"{name} must be a positive, finite number")
    if baseline.spread is not None and not (
        math.isfinite(baseline.spread) and baseline.spread >= 0
    ):
        raise BaselineError(source, place, "spread must be a finite number from 0, or null")
    if baseline.processes < 1:
        raise BaselineError(source, place, "processes must be at least 1")
    return baseline


def _header(line: str, source: str, place: str) -> _Header:
    key, value = _parse_line(line, "", source, place)
    if key != _HEADER:
        raise BaselineError(source, place, f'must be the header, "{_HEADER}"')
    try:
        header = msgspec.convert(value, _Header)
    except msgspec.ValidationError as error:
        raise BaselineError(source, place, str(error)) from error
    if header.version != BASELINES_VERSION:
        raise BaselineError(
            source,
            place,
            f"is of version {header.version}, this perfgate reads version {BASELINES_VERSION}",
        )
    return header


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp: its files are private to the user, these belong to a repository.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
