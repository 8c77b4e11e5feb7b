"""What ``go test -bench`` prints: each line of a benchmark is a run; knows that format alone.

The format is that of https://go.dev/design/14313-benchmark-format, as benchstat reads it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfgate.model import Environment, ProcessRun, Results
from perfgate.readers.document import fault
from perfgate.readers.scales import metric_name, seconds_of
from perfgate.readers.summary import Runs, results_of, timed_run

__all__ = ["is_gobench", "read_gobench"]

_KEYS: Final = ("goos", "goarch", "pkg", "cpu")
_SETTING: Final = re.compile(r"(goos|goarch|pkg|cpu): +(\S.*)")
_FIRST: Final = re.compile(rb"^(?:(?:goos|pkg): |Benchmark\S+[ \t]+\d+[ \t])", re.MULTILINE)
_BROKEN: Final = re.compile(r"(?:--- )?FAIL\b|panic: ")
_NAME: Final = re.compile(r"Benchmark(?![a-z])\S*")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_PROCESSORS: Final = re.compile(r"-\d+\Z")
_MACHINES: Final = {"amd64": "x86_64"}
_TIME: Final = ("ns/op", "s/op")
"""What go prints, and what benchstat's unit normalisation makes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    place: str
    package: str
    name: str
    run: ProcessRun


def is_gobench(data: bytes) -> bool:
    """Say whether a text looks like it: a setting, or a benchmark with its iterations."""
    return _FIRST.search(data) is not None


def read_gobench(path: Path, data: bytes) -> Results:
    """Read the lines of benchmarks and the settings between them; other lines are logs.

    ``-8`` at the end of a name is the number of processors. Where all names end the same it is
    left out, so that they stay themselves on another machine.

    Raises:
        InputFileError: a line is damaged, the tests failed, or it is of more than one machine.
    """
    if not data.endswith(b"\n"):
        raise fault(path, "", "is cut short: its last line does not end")
    settings: dict[str, str] = {}
    lines = tuple(_lines(path, data.decode(), settings))
    endings = {match[0] if (match := _PROCESSORS.search(line.name)) else "" for line in lines}
    ending = endings.pop() if len(endings) == 1 else ""
    runs = Runs(path, "go")
    for line in lines:
        name = line.name.removesuffix(ending)
        full = f"{line.package}.{name}" if line.package else name
        runs.add(line.place, full, [line.run], again=True)
    machine = settings.get("goarch", "")
    environment = Environment(
        system=settings.get("goos", ""),
        machine=_MACHINES.get(machine, machine),
        implementation="go",
        python="",
        cpu_model=settings.get("cpu", ""),
        cpu_count=int(ending[1:]) if 0 < len(ending) < 6 else None,  # noqa: PLR2004 - digits
    )
    return results_of(runs, environment=environment)


def _lines(path: Path, text: str, settings: dict[str, str]) -> Iterator[_Line]:
    """Yield what the benchmarks printed, and put what was set on the way into ``settings``."""
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"line {number}"
        if _BROKEN.match(line):
            raise fault(path, place, "the tests failed: what came after was not measured")
        if setting := _SETTING.fullmatch(line.rstrip()):
            key, value = setting.groups()
            if key != "pkg" and settings.get(key, value) != value:
                raise fault(path, place, f"is of {key} {value}, and before it was {settings[key]}")
            settings[key] = value
        words = line.split()
        # a name alone announces a benchmark whose line comes later
        if len(words) > 1 and _NAME.fullmatch(words[0]):
            run = _run(path, place, words)
            yield _Line(place=place, package=settings.get("pkg", ""), name=words[0], run=run)


def _run(path: Path, place: str, words: list[str]) -> ProcessRun:
    iterations, *rest = words[1:]
    if not (iterations.isascii() and iterations.isdecimal() and len(iterations) < 16):  # noqa: PLR2004 - below 2**53
        raise fault(path, place, f"has no number of iterations behind {words[0]}")
    if len(rest) % 2 or not all(map(_NUMBER.fullmatch, rest[::2])):
        raise fault(path, place, "is not made of numbers with their units")
    values = {unit: float(value) for value, unit in zip(rest[::2], rest[1::2], strict=True)}
    unit = next((unit for unit in _TIME if unit in values), None)
    if unit is None:
        raise fault(path, place, "holds no ns/op, and perfgate compares times")
    seconds = seconds_of(values.pop(unit), unit) or 0.0
    metrics = {metric_name(unit): value for unit, value in values.items()}
    return timed_run(path, place, seconds, iterations=int(iterations) or 0, metrics=metrics)
