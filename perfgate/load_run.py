"""A load that was run, as a value: what every engine returns, and every report and gate reads.

Numbers are in seconds, bytes, plain ratios and per second.
"""

import enum
import math
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from perfgate.model import Environment, Revision
from perfgate.model.values import Value
from perfgate.stats.histogram_data import HistogramData

__all__ = [
    "LOAD_SCHEMA",
    "SUITE_PREFIX",
    "Demand",
    "DemandKind",
    "Generator",
    "LoadEngine",
    "LoadOutcome",
    "LoadRun",
    "Series",
    "encode_load_run",
    "is_load_suite",
    "may_hold",
    "outcome_of",
]

LOAD_SCHEMA: Final = "perfgate/load-1"
SUITE_PREFIX: Final = "load."
"""Of the suites that loads are approved in, one for each scenario."""


class LoadOutcome(enum.Enum):
    """How a load ended."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Nothing that was asked for was broken, but the numbers cannot be trusted to say so."""


class LoadEngine(enum.Enum):
    """What made the load."""

    IN_PROCESS = "in-process"
    LOCUST = "locust"


class DemandKind(enum.Enum):
    """Whether users wait for an answer before they ask again."""

    CLOSED = "closed"
    OPEN = "open"


class Demand(Value, frozen=True, kw_only=True):
    """The load that was asked for."""

    kind: DemandKind
    users: int | None = None
    """At once, at most."""
    rate_per_s: float | None = None
    """Arrivals, on average."""
    duration_s: float | None = None
    operations: int | None = None
    stages: tuple[tuple[float, float], ...] = ()
    """Duration and what is reached at its end."""


class Generator(Value, frozen=True, kw_only=True):
    """A process that made load."""

    name: str
    count: int
    """Operations that ended, well or not."""
    cpu_share: float
    """Of one processor, in its busiest seconds."""
    silent_s: float = 0.0
    """How long nothing was heard of it, at worst."""
    is_complete: bool = True
    """Whether all that it counted arrived."""


class Series(Value, frozen=True, kw_only=True):
    """The operations of one name."""

    name: str
    """Empty for all of them together."""
    ok: int
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    """How many failed, by kind."""
    details: dict[str, int] = msgspec.field(default_factory=dict)
    """How often each status or class of exception, behind its kind."""
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    """What limits can be set on, where it was measured; exact where the engine kept every time."""
    times: HistogramData
    """Of the successes; from the planned start where the load is open."""
    service: HistogramData | None = None
    """Of the successes from their actual start, where that is not the same."""
    failed_times: HistogramData | None = None

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.metrics.values())):
            raise ValueError("metrics must be finite")

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(self.failures.values())

    @property
    def count(self) -> int:
        """How many ended, well or not."""
        return self.ok + self.failed


class Moment(Value, frozen=True, kw_only=True):
    """What ended in one interval of a load; times are of its successes."""

    at_s: float
    """Its end, from the start of the load."""
    count: int
    failed: int
    median_s: float | None = None
    p99_s: float | None = None
    """None where too few ended."""


class LoadRun(Value, frozen=True, kw_only=True):
    """Everything that one load showed, with its verdict and why."""

    schema: str
    name: str
    """Of the scenario; chosen by the user."""
    engine: LoadEngine
    engine_version: str
    demand: Demand
    environment: Environment
    revision: Revision = Revision()
    wall_s: float
    total: Series
    series: tuple[Series, ...] = ()
    """By name, where operations have several."""
    generators: tuple[Generator, ...] = ()
    timeline: tuple[Moment, ...] = ()
    """The earliest first; intervals may be of different lengths."""
    dropped: int = 0
    """Arrivals that found too many under way."""
    unfinished: int = 0
    limits: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    """Limits that were broken, with what was measured."""
    doubts: tuple[str, ...] = ()
    """Why the numbers are not of the load that was asked for."""
    outcome: LoadOutcome

    @property
    def suite(self) -> str:
        """The suite that it is approved in."""
        return SUITE_PREFIX + self.name

    @property
    def exit_status(self) -> int:
        """What a command that ran it exits with."""
        return {LoadOutcome.PASSED: 0, LoadOutcome.FAILED: 1, LoadOutcome.INCONCLUSIVE: 3}[
            self.outcome
        ]


def is_load_suite(suite: str) -> bool:
    """Say whether what is approved in a suite was measured by a load."""
    return suite.startswith(SUITE_PREFIX)


def may_hold(measured: Collection[str], suite: str) -> bool:
    """Say whether results of these suites could hold another one, so that it is missing there.

    A load holds one scenario, and a run of benchmarks no load.
    """
    is_load = all(map(is_load_suite, measured))
    return suite in measured or not (is_load or is_load_suite(suite))


def outcome_of(failures: Sequence[str], doubts: Sequence[str]) -> LoadOutcome:
    """Return the outcome: a failure outweighs a doubt."""
    if failures:
        return LoadOutcome.FAILED
    return LoadOutcome.INCONCLUSIVE if doubts else LoadOutcome.PASSED


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def encode_load_run(run: LoadRun) -> bytes:
    """Encode as JSON; equal runs give equal bytes."""
    return msgspec.json.format(_ENCODER.encode(run), indent=1) + b"\n"
