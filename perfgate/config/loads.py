"""What ``[tool.perfgate.load.NAME]`` says: a scenario, how much of it, and its limits."""

import re
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from perfgate.config.limits import parse_limit
from perfgate.config.settings import LoadSettings, Ramp, is_suite_name
from perfgate.errors import ConfigError
from perfgate.units import parse_rate, parse_seconds

__all__ = [
    "LOAD_SETTINGS",
    "parse_duration",
    "parse_load_limit",
    "parse_positive_rate",
    "parse_stage",
    "parse_warmup",
    "read_load",
]

_T = TypeVar("_T")
_D = TypeVar("_D")
_MOST_USERS: Final = 1_000_000
_MOST_PROCESSES: Final = 256
_STAGE: Final = re.compile(r"\s*(?P<time>[^:]+?)\s*:\s*(?P<target>[^:]+?)\s*")
_PER_S: Final = "/s"


LOAD_SETTINGS: Final = (
    "operation",
    "locustfile",
    "users",
    "rate",
    "time",
    "operations",
    "stages",
    "warmup",
    "timeout",
    "limits",
    "grace",
    "abort_on_fail",
    "processes",
    "host",
)


class _Table(Protocol):
    """A table of the settings, which names file and place in its errors."""

    @property
    def raw(self) -> Any: ...
    def error(self, key: str, problem: str) -> ConfigError: ...
    def texts(self, key: str, parse: Callable[[str], _T]) -> tuple[_T, ...]: ...
    def parsed(self, key: str, parse: Callable[[str], _T], default: _D) -> _T | _D: ...
    def count(self, key: str, allowed: tuple[int, int], default: _D) -> int | _D: ...


def read_load(name: str, table: _Table) -> LoadSettings:
    """Read one table.

    Raises:
        ConfigError: a setting is malformed or contradicts another one.
    """
    if not is_suite_name(f"load.{name}"):
        raise table.error("", "a load's name becomes a file name: use letters, digits, _ - and .")
    if ("operation" in table.raw) == ("locustfile" in table.raw):
        raise table.error("", "name either an operation or a locustfile")
    abort = table.raw.get("abort_on_fail")
    if abort is not None and not isinstance(abort, bool):
        raise table.error("abort_on_fail", "must be true or false")
    return LoadSettings(
        name=name,
        operation=table.parsed("operation", str, None),
        locustfile=table.parsed("locustfile", str, None),
        users=table.count("users", (1, _MOST_USERS), None),
        rate_per_s=table.parsed("rate", parse_positive_rate, None),
        duration_s=table.parsed("time", parse_duration, None),
        operations=table.count("operations", (1, 2**31), None),
        stages=table.texts("stages", parse_stage),
        warmup=table.parsed("warmup", parse_warmup, None),
        timeout_s=table.parsed("timeout", parse_duration, None),
        limits=table.texts("limits", parse_load_limit),
        grace_s=table.parsed("grace", parse_seconds, None),
        abort_on_fail=abort,
        processes=table.count("processes", (1, _MOST_PROCESSES), None),
        host=table.parsed("host", str, None),
    )


def parse_duration(text: str) -> float:
    """Read a time above zero.

    Raises:
        ValueError: it is none.
    """
    seconds = parse_seconds(text)
    if seconds == 0:
        raise ValueError(f'"{text}" is no time at all: write "30s"')
    return seconds


def parse_positive_rate(text: str) -> float:
    """Read a rate above zero.

    Raises:
        ValueError: it is none.
    """
    rate = parse_rate(text)
    if rate == 0:
        raise ValueError(f'"{text}" lets nothing arrive: write "20/s"')
    return rate


def parse_stage(text: str) -> Ramp:
    """Read "30s:50" (operations at once) or "30s:50/s" (arrivals per second).

    Raises:
        ValueError: it is neither.
    """
    match = _STAGE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no stage: write a time and what it reaches, as in "30s:50"')
    target = match["target"]
    return Ramp(
        duration_s=parse_seconds(match["time"]),
        target=parse_rate(target),
        is_rate=target.endswith(_PER_S),
    )


def parse_warmup(text: str) -> float | int:
    """Read a number of operations, or a time.

    Raises:
        ValueError: it is neither.
    """
    return int(text) if text.strip().isdecimal() else parse_seconds(text)


def parse_load_limit(text: str) -> str:
    """Check a limit such as "p95 < 500ms", or of one name alone as in "GET /login: p95 < 300ms".

    Raises:
        ValueError: it is malformed, or relative to a baseline.
    """
    limit = parse_limit(text.rpartition(": ")[2])
    if limit.is_relative:
        raise ValueError(
            f'"{text}": a load knows no baseline; set this limit for its benchmark in '
            "[[tool.perfgate.benchmarks]] and use `perfgate compare`"
        )
    return text.strip()
