"""How ``[tool.perfgate]`` is read: strictly, with errors that name the file and the place."""

import datetime as dt
import difflib
import enum
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from perfgate.config.limits import Limit, parse_limit
from perfgate.config.loads import LOAD_SETTINGS, read_load
from perfgate.config.settings import (
    BenchmarkOverride,
    Config,
    Counters,
    DriftPolicy,
    NewPolicy,
    Suite,
    UndecidedPolicy,
    Waiver,
    is_suite_name,
)
from perfgate.errors import ConfigError
from perfgate.units import parse_ratio, parse_seconds

__all__ = ["find_root", "load_config", "parse_budget", "parse_config", "parse_threshold"]

_SETTINGS: Final = (
    "threshold",
    "memory_threshold",
    "false_alarms",
    "floor",
    "budget",
    "timeout",
    "new",
    "undecided",
    "drift",
    "counters",
    "counts_threshold",
    "processes",
    "pairs",
    "rounds",
    "setup",
    "suites",
    "benchmarks",
    "waivers",
    "load",
)
_OVERRIDABLE: Final = ("threshold", "memory_threshold", "counts_threshold", "floor", "limits")
_WAIVER_KEYS: Final = ("benchmark", "max_slowdown", "reason", "expires")
_MAX_THRESHOLD: Final = 10.0
_MAX_FALSE_ALARMS: Final = 0.5
_SHORTEST_TIMEOUT_S: Final = 1.0
_PROCESSES: Final = (1, 1000)
_PAIRS: Final = (8, 30)
"""With fewer no result is rare enough; with more the exact test takes too long."""
_ROUNDS: Final = (8, 1000)

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=enum.Enum)


def find_root(start: Path) -> Path:
    """Find the project root: the nearest folder upwards with pyproject.toml or .git.

    Where neither exists anywhere above, ``start`` itself is the root.
    """
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / "pyproject.toml").is_file() or (candidate / ".git").exists():
            return candidate
    return folder


def load_config(root: Path, *, today: dt.date) -> Config:
    """Read the settings from pyproject.toml in ``root``; without file or table, the defaults.

    Raises:
        ConfigError: The file cannot be read, or a setting is unknown, malformed, contradicts
            another one, or has expired by ``today``.
    """
    file = root / "pyproject.toml"
    if not file.exists():
        return Config(root=root)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(file, "", f"cannot be read: {error.strerror}") from error
    return parse_config(content, file, today=today)


def parse_config(content: bytes, file: Path, *, today: dt.date) -> Config:
    """Read the settings from the content of a pyproject.toml that lies in the root.

    ``file`` names it in errors; it need not be on this machine.

    Raises:
        ConfigError: As ``load_config``.
    """
    root = file.parent
    defaults = Config(root=root)
    document = _parse_toml(file, content)
    tool = _Table(file=file, place="tool", raw=document.get("tool", {}), known=None)
    table = tool.table("perfgate", _SETTINGS)
    suites = tuple(_suite(name, each) for name, each in table.named("suites", ("paths", "limits")))
    _refuse_twins(table, "suites", [suite.name.lower() for suite in suites])
    overrides = tuple(
        _override(each) for each in table.array("benchmarks", ("match", *_OVERRIDABLE))
    )
    _refuse_twins(table, "benchmarks", [override.match for override in overrides])
    waivers = tuple(_waiver(each, today) for each in table.array("waivers", _WAIVER_KEYS))
    _refuse_twins(table, "waivers", [waiver.benchmark for waiver in waivers])
    loads = tuple(read_load(name, each) for name, each in table.named("load", LOAD_SETTINGS))
    return Config(
        root=root,
        file=file,
        threshold=table.parsed("threshold", parse_threshold, defaults.threshold),
        memory_threshold=table.parsed("memory_threshold", parse_threshold, None),
        false_alarms=table.parsed("false_alarms", _parse_false_alarms, defaults.false_alarms),
        floor_s=table.parsed("floor", parse_seconds, defaults.floor_s),
        budget_s=table.parsed("budget", parse_budget, defaults.budget_s),
        timeout_s=table.parsed("timeout", _parse_timeout, defaults.timeout_s),
        new=table.choice("new", NewPolicy, defaults.new),
        undecided=table.choice("undecided", UndecidedPolicy, defaults.undecided),
        drift=table.choice("drift", DriftPolicy, defaults.drift),
        counters=table.choice("counters", Counters, defaults.counters),
        counts_threshold=table.parsed(
            "counts_threshold", parse_threshold, defaults.counts_threshold
        ),
        processes=table.count("processes", _PROCESSES, defaults.processes),
        pairs=table.count("pairs", _PAIRS, defaults.pairs),
        rounds=table.count("rounds", _ROUNDS, defaults.rounds),
        setup=table.parsed("setup", _parse_words, defaults.setup),
        suites=suites,
        overrides=overrides,
        waivers=waivers,
        loads=loads,
    )


def parse_threshold(text: str) -> float:
    """Read a threshold: a percentage above 0 % and below 1000 %, as a plain ratio.

    Raises:
        ValueError: The text is no percentage, or out of range.
    """
    threshold = parse_ratio(text)
    if not 0 < threshold < _MAX_THRESHOLD:
        raise ValueError(f'"{text}" is out of range: a threshold is above 0% and below 1000%')
    return threshold


def parse_budget(text: str) -> float:
    """Read a budget: a duration above zero, in seconds.

    Raises:
        ValueError: The text is no duration, or zero.
    """
    budget_s = parse_seconds(text)
    if budget_s == 0:
        raise ValueError(f'"{text}" leaves no time to measure anything: write "10m"')
    return budget_s


def _parse_timeout(text: str) -> float:
    timeout_s = parse_seconds(text)
    if timeout_s < _SHORTEST_TIMEOUT_S:
        raise ValueError(f'"{text}" is too short for any benchmark to answer: write "2m"')
    return timeout_s


def _parse_false_alarms(text: str) -> float:
    chance = parse_ratio(text)
    if not 0 < chance <= _MAX_FALSE_ALARMS:
        raise ValueError(f'"{text}" is out of range: false alarms are above 0% and at most 50%')
    return chance


def _parse_words(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _parse_path(text: str) -> str:
    path = PurePosixPath(text)
    is_inside = not path.is_absolute() and ".." not in path.parts
    if not text.strip() or not text.isprintable() or "\\" in text or ":" in text or not is_inside:
        raise ValueError(f'"{text}" is not a path from the project root with forward slashes')
    return text


def _suite(name: str, table: "_Table") -> Suite:
    if not is_suite_name(name):
        raise table.error("", "a suite's name becomes a file name: use letters, digits, _ - and .")
    paths = table.texts("paths", _parse_path)
    if not paths:
        raise table.error("paths", 'missing: name the files, such as ["benchmarks/test_api.py"]')
    return Suite(name=name, paths=paths, limits=_limits(table))


def _override(table: "_Table") -> BenchmarkOverride:
    if not any(key in table.raw for key in _OVERRIDABLE):
        raise table.error("", f"changes nothing: set one of {', '.join(_OVERRIDABLE)}")
    return BenchmarkOverride(
        match=table.required("match", _parse_words),
        threshold=table.parsed("threshold", parse_threshold, None),
        memory_threshold=table.parsed("memory_threshold", parse_threshold, None),
        counts_threshold=table.parsed("counts_threshold", parse_threshold, None),
        floor_s=table.parsed("floor", parse_seconds, None),
        limits=_limits(table),
    )


def _waiver(table: "_Table", today: dt.date) -> Waiver:
    waiver = Waiver(
        benchmark=table.required("benchmark", _parse_words),
        max_slowdown=table.required("max_slowdown", parse_threshold),
        reason=table.required("reason", _parse_words),
        expires=table.date("expires"),
    )
    if waiver.expires < today:
        raise table.error(
            "expires",
            f"the waiver for {waiver.benchmark} expired on {waiver.expires}: "
            "remove it, or agree on a new date",
        )
    return waiver


def _limits(table: "_Table") -> tuple[Limit, ...]:
    limits = table.texts("limits", parse_limit)
    _refuse_twins(table, "limits", [str(each.subject) for each in limits])
    return limits


def _refuse_twins(table: "_Table", key: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            raise table.error(
                f"{key}[{index}]" if key != "suites" else f"{key}.{name}",
                f"says the same thing as entry {first} of {key} once more: keep one of them",
            )


class _Table:
    """A TOML table that is read key by key; every error names the file and the place."""

    def __init__(
        self, *, file: Path, place: str, raw: object, known: Collection[str] | None
    ) -> None:
        """Take the raw value; ``known`` None lets any key pass."""
        self._file = file
        self._place = place
        if not isinstance(raw, dict):
            raise self.error("", f"must be a table, not {_named(raw)}")
        self.raw: Mapping[str, object] = raw
        for key in raw if known is not None else ():
            self._refuse_unknown(key, known or ())

    def error(self, key: str, problem: str) -> ConfigError:
        """Build the error for one key of this table, or for the table itself."""
        return ConfigError(self._file, f"{self._place}.{key}" if key else self._place, problem)

    def table(self, key: str, known: Collection[str]) -> "_Table":
        """Read a table; a missing one is empty."""
        return self._child(key, self.raw.get(key, {}), known)

    def named(self, key: str, known: Collection[str]) -> tuple[tuple[str, "_Table"], ...]:
        """Read a table of tables, in the order of their names."""
        parent = _Table(
            file=self._file, place=f"{self._place}.{key}", raw=self.raw.get(key, {}), known=None
        )
        names = sorted(parent.raw)
        return tuple((name, parent.table(name, known)) for name in names)

    def array(self, key: str, known: Collection[str]) -> tuple["_Table", ...]:
        """Read an array of tables, ``[[...]]``."""
        return tuple(
            self._child(f"{key}[{index}]", raw, known) for index, raw in enumerate(self._list(key))
        )

    def texts(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Read an array of texts; a missing one is empty."""
        return tuple(
            self._parse(f"{key}[{index}]", raw, parse) for index, raw in enumerate(self._list(key))
        )

    def parsed(self, key: str, parse: Callable[[str], T], default: D) -> T | D:
        """Read a text through a parser that raises ValueError."""
        return self._parse(key, self.raw[key], parse) if key in self.raw else default

    def required(self, key: str, parse: Callable[[str], T]) -> T:
        """Read a text that must be there."""
        if key not in self.raw:
            raise self.error(key, "missing")
        return self._parse(key, self.raw[key], parse)

    def choice(self, key: str, choices: type[E], default: E) -> E:
        """Read one of the values of an enum."""
        by_text: Mapping[object, E] = {each.value: each for each in choices}
        raw = self.raw.get(key, default.value)
        if not isinstance(raw, str) or raw not in by_text:
            allowed = ", ".join(f'"{text}"' for text in by_text)
            raise self.error(key, f"must be one of {allowed}, not {_named(raw)}")
        return by_text[raw]

    def count(self, key: str, allowed: tuple[int, int], default: D) -> int | D:
        """Read a whole number within bounds, both included."""
        if key not in self.raw:
            return default
        raw = self.raw[key]
        least, most = allowed
        if not isinstance(raw, int) or isinstance(raw, bool) or not least <= raw <= most:
            wanted = f"must be a whole number from {least} to {most}"
            raise self.error(key, f"{wanted}, not {_named(raw)}")
        return raw

    def date(self, key: str) -> dt.date:
        """Read a date that must be there, without quotes and without a time."""
        raw = self.raw.get(key)
        if not isinstance(raw, dt.date) or isinstance(raw, dt.datetime):
            given = f"not {_named(raw)}" if key in self.raw else "and is missing"
            raise self.error(key, f"must be a date without quotes such as 2026-12-31, {given}")
        return raw

    def _child(self, key: str, raw: object, known: Collection[str]) -> "_Table":
        return _Table(file=self._file, place=f"{self._place}.{key}", raw=raw, known=known)

    def _list(self, key: str) -> Sequence[object]:
        raw = self.raw.get(key, [])
        if not isinstance(raw, list):
            raise self.error(key, f"must be a list, not {_named(raw)}")
        return raw

    def _parse(self, key: str, raw: object, parse: Callable[[str], T]) -> T:
        if not isinstance(raw, str):
            raise self.error(key, f"must be a text in quotes, not {_named(raw)}")
        try:
            return parse(raw)
        except ValueError as error:
            raise self.error(key, str(error)) from None  # the message carries all there is

    def _refuse_unknown(self, key: str, known: Collection[str]) -> None:
        if key in known:
            return
        close = difflib.get_close_matches(key, known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        raise self.error(key, f"unknown setting; {advice}")


def _named(raw: object) -> str:
    if isinstance(raw, dict | list):
        return "a table" if isinstance(raw, dict) else "a list"
    if isinstance(raw, bool):
        return str(raw).lower()
    return f'"{raw}"' if isinstance(raw, str) else str(raw)


def _parse_toml(file: Path, content: bytes) -> Mapping[str, object]:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, f"line {line}", "is not UTF-8") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from error


def _syntax_error(file: Path, text: str, message: str) -> ConfigError:
    """Move the place out of a message of tomllib, whose errors carry no line before 3.14."""
    found = re.search(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", message)
    if found is None:
        return ConfigError(file, "", message)
    line = found["line"] or str(text.count("\n") + 1)
    return ConfigError(file, f"line {line}", f"no valid TOML: {message[: found.start()]}")
