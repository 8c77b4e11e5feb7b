"""github-action-benchmark's files: the custom JSON it takes, and the ``data.js`` that it keeps.

The unit says whether smaller is better: a time is one, and a rate becomes one. What is neither
(megabytes, per cent) has no place among times and is skipped, with its unit as the reason.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from perfgate.model import Benchmark, Failure, FailureKind, Results, Revision
from perfgate.readers.document import check_keys, decode, fault
from perfgate.readers.scales import seconds_of
from perfgate.readers.summary import Runs, results_of, timed_run

__all__ = ["is_data_js", "read_custom", "read_data_js", "read_data_js_past"]

_SUITE: Final = "github-action-benchmark"
_HEAD: Final = re.compile(rb"\s*window\.BENCHMARK_DATA\s*=\s*")
_SMALLER: Final = "customSmallerIsBetter"
_BIGGER: Final = "customBiggerIsBetter"

_Value = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]


class _Bench(msgspec.Struct, frozen=True):
    name: str
    unit: str
    value: _Value
    range: Any = None
    extra: Any = None


class _Commit(msgspec.Struct, frozen=True):
    id: str


class _Point(msgspec.Struct, frozen=True):
    commit: _Commit
    benches: list[_Bench]
    tool: str = ""
    date: Annotated[int, msgspec.Meta(ge=0, le=2**45)] = 0
    """Milliseconds since 1970."""


class _History(msgspec.Struct, frozen=True):
    entries: dict[str, list[_Point]]


def read_custom(path: Path, data: bytes) -> Results:
    """Read what ``customSmallerIsBetter`` and ``customBiggerIsBetter`` take.

    Raises:
        InputFileError: it is damaged, holds a benchmark twice, or neither a time nor a rate.
    """
    benches = decode(path, data, list[_Bench])
    check_keys(path, data)
    runs = Runs(path, _SUITE)
    others = tuple(_take(runs, "", benches))
    return results_of(runs, others=others)


def is_data_js(data: bytes) -> bool:
    """Say whether a text begins as the file behind the action's page."""
    return _HEAD.match(data) is not None


def read_data_js(path: Path, data: bytes) -> Results:
    """Read the newest point of each series: what the action itself compares with.

    Raises:
        InputFileError: it is damaged, or holds neither a time nor a rate.
    """
    history = _decoded(path, data)
    runs = Runs(path, _SUITE)
    others: list[Benchmark] = []
    commits = set()
    for title, points in history.entries.items():
        if not points:
            raise fault(path, f"entries.{title}", "is empty: nothing was measured")
        prefix = f"{title}: " if len(history.entries) > 1 else ""
        others += _take(runs, prefix, points[-1].benches, points[-1].tool)
        commits.add(points[-1].commit.id)
    revision = Revision(commit=commits.pop()) if len(commits) == 1 else Revision()
    return results_of(runs, others=others, revision=revision)


def read_data_js_past(path: Path, data: bytes) -> Iterator[tuple[str, float, Results | None]]:
    """Yield every point of every series: its title, seconds since 1970, what was measured.

    None is a point without a time or a rate.

    Raises:
        InputFileError: the file is damaged.
    """
    for title, points in _decoded(path, data).entries.items():
        for point in points:
            runs = Runs(path, _SUITE)
            others = tuple(_take(runs, "", point.benches, point.tool))
            revision = Revision(commit=point.commit.id)
            found = results_of(runs, others=others, revision=revision) if runs.found else None
            yield title, point.date / 1000, found


def _decoded(path: Path, data: bytes) -> _History:
    head = _HEAD.match(data)
    body = data[head.end() if head else 0 :].rstrip().removesuffix(b";")
    history = decode(path, body, _History)
    check_keys(path, body)
    return history


def _take(
    runs: Runs, prefix: str, benches: Sequence[_Bench], tool: str = ""
) -> Iterator[Benchmark]:
    """Add what has a time; yield what has none."""
    skipped = set()
    for index, bench in enumerate(benches):
        place = f"[{index}]" if not tool else f"{prefix}benches[{index}]"
        name = f"{prefix}{bench.name}" if bench.name else ""
        seconds = seconds_of(bench.value, bench.unit)
        if seconds is not None and _agrees(tool, bench.unit):
            run = timed_run(runs.path, f"{place}.value", seconds)
            # go and pytest put repetitions side by side, under one name
            runs.add(f"{place}.name", name, [run], again=bool(tool))
        elif name and name not in skipped:
            skipped.add(name)
            what = f"{bench.value:g} {bench.unit}".strip()
            message = f"{what}: neither a time nor a rate, and perfgate compares times"
            failure = Failure(kind=FailureKind.SKIPPED, message=message)
            yield Benchmark(id=name, suite=_SUITE, failure=failure)


def _agrees(tool: str, unit: str) -> bool:
    """Say whether the unit's direction is that of the tool."""
    is_time = seconds_of(1.0, unit) is not None and seconds_of(2.0, unit) == 2 * (
        seconds_of(1.0, unit) or 0
    )
    return not (tool == _BIGGER and is_time) and not (tool == _SMALLER and not is_time)
