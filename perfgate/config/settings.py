"""What a project may decide, as frozen values, and what that means for one benchmark."""

import datetime as dt
import enum
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfgate.config.limits import Limit

__all__ = [
    "BenchmarkOverride",
    "Config",
    "Counters",
    "DriftPolicy",
    "LoadSettings",
    "NewPolicy",
    "Ramp",
    "Rule",
    "Suite",
    "UndecidedPolicy",
    "Waiver",
    "is_suite_name",
]

# A suite's name becomes a file name in baselines/, also on Windows.
_SUITE_NAME: Final = re.compile(
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))\w(?:[\w.-]*[\w-])?", re.IGNORECASE
)


class NewPolicy(enum.Enum):
    """What a benchmark without a baseline does to the check."""

    ALLOW = "allow"
    FAIL = "fail"


class UndecidedPolicy(enum.Enum):
    """What a benchmark that could not be judged does to the check."""

    FAIL = "fail"
    WARN = "warn"


class Counters(enum.Enum):
    """Whether instructions are counted, and with what."""

    AUTO = "auto"
    """Under callgrind where that is possible; else the report says why not."""
    CALLGRIND = "callgrind"
    """Or fail."""
    PERF = "perf"
    """With the processor's own counter, or fail."""
    OFF = "off"


class DriftPolicy(enum.Enum):
    """What a slowdown that came before this change does to the check."""

    AUTO = "auto"
    """Warn on pull requests, fail on the default branch."""
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Benchmarks that are measured together; paths from the project root, with slashes."""

    name: str
    paths: tuple[str, ...]
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for one benchmark."""

    threshold: float
    floor_s: float
    limits: tuple[Limit, ...]
    memory_threshold: float | None = None
    """None: memory is neither measured nor judged."""
    counts_threshold: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOverride:
    """Settings of the benchmarks with one id or glob; None means the project's own value."""

    match: str
    """``*`` and ``?`` are wildcards; ``[`` is literal, since ids of parameters contain it."""
    threshold: float | None
    floor_s: float | None
    limits: tuple[Limit, ...]
    memory_threshold: float | None = None
    counts_threshold: float | None = None

    def is_for(self, benchmark_id: str) -> bool:
        """Say whether the id or glob covers this benchmark."""
        return _glob(self.match).fullmatch(benchmark_id) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A known slowdown of exactly one benchmark that is tolerated up to and including a day."""

    benchmark: str
    max_slowdown: float
    reason: str
    expires: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A stretch of a load: how long, and what is reached at its end."""

    duration_s: float
    target: float
    is_rate: bool
    """Arrivals per second; else operations at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """One load, as far as it is said; None and empty mean that it is not."""

    name: str
    operation: str | None = None
    """``FILE.py:FUNCTION`` or ``module:function``, for the engine of perfgate itself."""
    locustfile: str | None = None
    """For Locust."""
    users: int | None = None
    rate_per_s: float | None = None
    """Arrivals; with Locust, users that start."""
    duration_s: float | None = None
    operations: int | None = None
    stages: tuple[Ramp, ...] = ()
    warmup: float | int | None = None
    """A whole number of operations, or a float of seconds."""
    timeout_s: float | None = None
    """Of each operation."""
    limits: tuple[str, ...] = ()
    grace_s: float | None = None
    """How long a limit may be broken at the beginning."""
    abort_on_fail: bool | None = None
    processes: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of a project; ``file`` is None where there is no pyproject.toml."""

    root: Path
    file: Path | None = None
    threshold: float = 0.05
    """Smallest slowdown that must be caught, as a plain ratio."""
    false_alarms: float = 0.01
    """Chance that unchanged code fails, over the whole run."""
    memory_threshold: float | None = None
    """Smallest growth of memory that must be caught, as a plain ratio; None: none is measured."""
    counters: Counters = Counters.OFF
    counts_threshold: float = 0.01
    """Smallest growth in instructions that must be caught, as a plain ratio."""
    floor_s: float = 0.0
    budget_s: float = 600.0
    timeout_s: float = 120.0
    """How long a benchmark may keep a process from answering before the process is ended."""
    new: NewPolicy = NewPolicy.ALLOW
    undecided: UndecidedPolicy = UndecidedPolicy.FAIL
    drift: DriftPolicy = DriftPolicy.AUTO
    processes: int = 5
    """Fresh processes that a suite is measured in."""
    pairs: int | None = None
    """Fresh pairs of processes that confirm a slowdown; None: as many as the false alarms need."""
    rounds: int = 24
    """Most rounds of a benchmark in one pair."""
    setup: str | None = None
    """Command that prepares another revision's environment; None: use the candidate's."""
    suites: tuple[Suite, ...] = ()
    """As configured, before any look at the files; empty: found by their names."""
    overrides: tuple[BenchmarkOverride, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    loads: tuple[LoadSettings, ...] = ()

    @property
    def measures_memory(self) -> bool:
        """Whether any benchmark may have its memory judged."""
        thresholds = (self.memory_threshold, *(each.memory_threshold for each in self.overrides))
        return any(threshold is not None for threshold in thresholds)

    def rule_for(self, benchmark_id: str, suite: str) -> Rule:
        """Combine what holds for one benchmark: the project, its suite, then one override.

        An override with exactly this id wins over any glob; of the globs the first wins. Its
        limits join those of the suite and replace them where they bound the same side of the
        same metric, both relative to the baseline or both not.
        """
        override = self._override_for(benchmark_id)
        limits = next((each.limits for each in self.suites if each.name == suite), ())
        if override is None:
            return Rule(
                threshold=self.threshold,
                floor_s=self.floor_s,
                limits=limits,
                memory_threshold=self.memory_threshold,
                counts_threshold=self.counts_threshold,
            )
        replaced = {limit.subject for limit in override.limits}
        kept = (limit for limit in limits if limit.subject not in replaced)
        return Rule(
            threshold=self.threshold if override.threshold is None else override.threshold,
            floor_s=self.floor_s if override.floor_s is None else override.floor_s,
            limits=(*kept, *override.limits),
            memory_threshold=self.memory_threshold
            if override.memory_threshold is None
            else override.memory_threshold,
            counts_threshold=self.counts_threshold
            if override.counts_threshold is None
            else override.counts_threshold,
        )

    def waiver_for(self, benchmark_id: str) -> Waiver | None:
        """Find the waiver of exactly this benchmark."""
        return next((each for each in self.waivers if each.benchmark == benchmark_id), None)

    def _override_for(self, benchmark_id: str) -> BenchmarkOverride | None:
        exact = (each for each in self.overrides if each.match == benchmark_id)
        by_glob = (each for each in self.overrides if each.is_for(benchmark_id))
        return next(exact, None) or next(by_glob, None)


def is_suite_name(name: str) -> bool:
    """Say whether a suite may bear this name: it becomes a file name on every system."""
    return _SUITE_NAME.fullmatch(name) is not None


@functools.cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Compile a glob; fnmatch would take the ``[`` of a parameter for a character class."""
    wildcards = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wildcards.get(character) or re.escape(character) for character in pattern),
        re.DOTALL,
    )
