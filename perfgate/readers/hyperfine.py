"""hyperfine's JSON (``--export-json``): each run of a command is a process of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from perfgate.model import ProcessRun, Results
from perfgate.readers.document import Seconds, check_keys, decode, fault
from perfgate.readers.summary import Amount, Runs, results_of, timed_run

__all__ = ["read_hyperfine"]

_T = TypeVar("_T")


class _Result(msgspec.Struct, frozen=True):
    command: str
    mean: Seconds
    times: list[Seconds] | UnsetType = UNSET
    exit_codes: list[int | None] | UnsetType = UNSET
    """None: ended by a signal."""
    memory_usage_byte: list[Amount] | UnsetType = UNSET
    """Since hyperfine 1.19."""


class _Document(msgspec.Struct, frozen=True):
    results: list[_Result]


def read_hyperfine(path: Path, data: bytes) -> Results:
    """Read what hyperfine wrote: one process run for each time that a command ran.

    Raises:
        InputFileError: it is damaged, holds no command, or one of them twice.
    """
    document = decode(path, data, _Document)
    check_keys(path, data)
    runs = Runs(path, "hyperfine")
    for index, result in enumerate(document.results):
        place = f"results[{index}]"
        runs.add(f"{place}.command", result.command, _runs(path, place, result))
    return results_of(runs)


def _runs(path: Path, place: str, result: _Result) -> list[ProcessRun]:
    if not result.times:  # left out by hand: the mean is then one number of one process
        return [timed_run(path, f"{place}.mean", result.mean)]
    times = result.times
    common = {}
    if codes := _as_many(path, f"{place}.exit_codes", result.exit_codes, len(times)):
        common["success_rate"] = sum(code == 0 for code in codes) / len(codes)
    memory = _as_many(path, f"{place}.memory_usage_byte", result.memory_usage_byte, len(times))
    return [
        timed_run(
            path,
            f"{place}.times[{index}]",
            seconds,
            metrics=common | ({"peak_memory": memory[index]} if memory else {}),
        )
        for index, seconds in enumerate(times)
    ]


def _as_many(path: Path, place: str, values: Sequence[_T] | UnsetType, count: int) -> Sequence[_T]:
    if not values:
        return ()
    if len(values) != count:
        raise fault(path, place, f"holds {len(values)} values where there are {count} times")
    return values
