"""Runs over time: one line of JSON for each run of the default branch, and series from them.

The files hold what trends and change points need, and no raw rounds; lines are only ever added.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from perfgate.errors import InputFileError
from perfgate.model import Environment, Revision, Verdict
from perfgate.model.values import check_finite

__all__ = [
    "RECORD_VERSION",
    "PairedEffect",
    "RecordedTime",
    "RunRecord",
    "decode_runs",
    "earlier_times",
    "encode_run",
    "recent_paths",
    "run_path",
]

RECORD_VERSION: Final = 1
_FOLDER: Final = re.compile(r"[a-z0-9][a-z0-9._+-]{0,99}", re.ASCII)


class PairedEffect(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """ln(candidate / reference) as lockstep pairs gave it; ends are None where nothing bounds."""

    commit: str
    """The reference."""
    log_ratio: float
    low: float | None
    high: float | None

    def __post_init__(self) -> None:
        check_finite(self, "log_ratio", "low", "high")


class RecordedTime(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """One benchmark in one run."""

    low_s: float
    """Median over the processes of each process's low quantile."""
    median_s: float
    spread: float | None
    """Standard deviation between processes of ln(low); None with a single process."""
    processes: int
    verdict: Verdict
    pair: PairedEffect | None = None

    def __post_init__(self) -> None:
        check_finite(self, "low_s", "median_s", "spread")
        if self.low_s <= 0 or self.median_s <= 0 or self.processes < 1:
            raise ValueError("times and processes must be positive")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run of the default branch in one environment."""

    version: int = RECORD_VERSION
    recorded: dt.datetime
    """When it was recorded, in UTC."""
    revision: Revision
    environment: Environment
    run: str = ""
    """Number and attempt of the workflow run, as ``12/1``."""
    title: str = ""
    benchmarks: dict[str, dict[str, RecordedTime]]
    """By suite and by id."""

    def __post_init__(self) -> None:
        if self.recorded.tzinfo is None:
            raise ValueError("recorded needs a time zone")
        if not self.revision.commit:
            raise ValueError("revision needs a commit")


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def run_path(record: RunRecord) -> str:
    """Say in which file of the data branch a run belongs: one per environment and month.

    Raises:
        InputFileError: the environment's name cannot be that of a folder.
    """
    key = record.environment.key
    if _FOLDER.fullmatch(key) is None:
        raise InputFileError("the report", "environment", f"{key!r} cannot be the name of a folder")
    return _month_path(key, record.recorded.astimezone(dt.UTC).date())


def recent_paths(environment: Environment, today: dt.date) -> tuple[str, ...]:
    """Say which files hold the latest runs of an environment: last month's and this month's.

    Empty where the environment's name cannot be that of a folder, so that none was recorded.
    """
    if _FOLDER.fullmatch(environment.key) is None:
        return ()
    last_month = today.replace(day=1) - dt.timedelta(days=1)
    return tuple(_month_path(environment.key, day) for day in (last_month, today))


def _month_path(environment_key: str, day: dt.date) -> str:
    return f"runs/{environment_key}/{day:%Y-%m}.jsonl"


def encode_run(record: RunRecord) -> bytes:
    """Write a run as one line with its newline."""
    return msgspec.json.encode(record) + b"\n"


def decode_runs(data: bytes, source: str) -> tuple[tuple[RunRecord, ...], tuple[str, ...]]:
    """Read the runs of a file, and say of every line that is none why; nothing is guessed.

    ``source`` names the file.
    """
    runs: list[RunRecord] = []
    damaged: list[str] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            runs.append(_decode(line))
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            damaged.append(f"{source}: line {number}: {error}")
    return tuple(runs), tuple(damaged)


def _decode(line: bytes) -> RunRecord:
    version = msgspec.json.decode(line, type=_Versioned).version
    if version != RECORD_VERSION:
        raise ValueError(f"has version {version}, but this perfgate reads {RECORD_VERSION}")
    return msgspec.json.decode(line, type=RunRecord)


def earlier_times(
    runs: Iterable[RunRecord], environment: Environment, *, title: str = ""
) -> Mapping[str, tuple[float, ...]]:
    """Return the median times of each benchmark on this hardware, the oldest first.

    Of a commit that was recorded again only the last record counts.
    """
    own = [
        run
        for run in runs
        if run.environment.key == environment.key
        and run.title == title
        and environment.is_same_hardware(run.environment.cpu_model)
    ]
    latest = {run.revision.commit: run for run in sorted(own, key=lambda run: run.recorded)}
    series: dict[str, list[float]] = {}
    for run in sorted(latest.values(), key=lambda run: run.recorded):
        for times in run.benchmarks.values():
            for name, time in times.items():
                series.setdefault(name, []).append(time.median_s)
    return {name: tuple(values) for name, values in series.items()}
