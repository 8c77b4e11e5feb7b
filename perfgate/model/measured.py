"""What was measured, where, and of which code."""

import enum
import math
from typing import Final

import msgspec

from perfgate.model.values import Value, check_finite, check_metrics

__all__ = [
    "MEMORY_METRICS",
    "RESULTS_VERSION",
    "Benchmark",
    "Counts",
    "Environment",
    "Failure",
    "FailureKind",
    "ProcessRun",
    "Results",
    "Revision",
    "suite_name",
]

RESULTS_VERSION: Final = 1
MEMORY_METRICS: Final = ("blocks_per_op", "memory_growth")
"""What a benchmark keeps, in blocks of Python's allocator, and what it needs at its peak."""


class Environment(Value, frozen=True, kw_only=True):
    """Where something was measured; an empty string or None means unknown."""

    system: str
    """Lower-case name of the kernel: linux, darwin, windows."""
    machine: str
    """Architecture: x86_64, arm64."""
    implementation: str
    """Lower-case name of the Python implementation: cpython, pypy; without Python, of the tool."""
    python: str
    """Full version, e.g. 3.12.4."""
    python_build: str = ""
    cpu_model: str = ""
    cpu_count: int | None = None
    kernel: str = ""
    governor: str = ""
    load_1min: float | None = None
    perfgate: str = ""
    pytest_benchmark: str = ""

    def __post_init__(self) -> None:
        check_finite(self, "load_1min")

    @property
    def key(self) -> str:
        """The coarse, stable name that baselines are kept under: linux-x86_64-cpython-3.12."""
        minor = ".".join(self.python.split(".")[:2])
        key = f"{self.system}-{self.machine}-{self.implementation}-{minor}".lower()
        return key.strip("-")

    def is_same_hardware(self, cpu_model: str) -> bool:
        """Say whether numbers from a CPU of that name may be compared with numbers from here."""
        return bool(cpu_model) and cpu_model == self.cpu_model


class Revision(Value, frozen=True, kw_only=True):
    """The state of the code; an empty commit means that no repository was found."""

    commit: str = ""
    is_dirty: bool = False
    branch: str = ""
    """Empty when detached or unknown."""


class FailureKind(enum.Enum):
    """Why a benchmark has no number."""

    RAISED = "raised"
    UNFIT = "unfit"
    """Measuring it would mislead: an async target, an active tracer."""
    SKIPPED = "skipped"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"
    """Its process ended."""
    UNSTABLE = "unstable"
    """It ran in some processes only."""


class Failure(Value, frozen=True, kw_only=True):
    """Why a benchmark has no number, with a message from outside (never trusted as markup)."""

    kind: FailureKind
    message: str


class ProcessRun(Value, frozen=True, kw_only=True):
    """One benchmark in one process: a compact summary of its rounds, in seconds per iteration."""

    rounds: int
    iterations: int
    """Calls per round, over which each round is averaged."""
    min_s: float
    median_s: float
    low_s: float | None = None
    """What is compared: the nearest-rank 10 % quantile of the rounds; of a load test, of which a
    file keeps aggregates alone, the typical request. None: there are no rounds, only `min_s`."""
    mean_s: float | None = None
    max_s: float | None = None
    iqr_s: float | None = None
    """Interquartile range of the rounds."""
    p90_s: float | None = None
    """None below 36 rounds."""
    p95_s: float | None = None
    """None below 72 rounds."""
    p99_s: float | None = None
    """None below 368 rounds."""
    rss_growth_bytes: int | None = None
    """How much the benchmark raised the peak resident memory of its process."""
    hash_seed: int | None = None
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    """Numbers that the benchmark reported of itself (``extra_info``)."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.iterations < 1:
            raise ValueError("rounds and iterations must be at least 1")
        for name in ("min_s", "median_s", "low_s", "mean_s", "max_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive, finite number of seconds")
        check_finite(self, "iqr_s", "p90_s", "p95_s", "p99_s")
        check_metrics(self.metrics)


class Counts(Value, frozen=True, kw_only=True):
    """How many instructions one call of a benchmark takes, or why that is left to time."""

    instructions: float | None
    """In user space: the mean over the hash seeds; None: left to time."""
    spread: float | None = None
    """Between the hash seeds: (most - fewest) / mean; None with a single one."""
    build: str
    """The interpreter and the C library: counts of another build are not compared."""
    why: str = ""
    """Why it has no count (never trusted as markup)."""

    def __post_init__(self) -> None:
        check_finite(self, "instructions", "spread")
        if self.instructions is not None and self.instructions < 0:
            raise ValueError("instructions must not be negative")


class Benchmark(Value, frozen=True, kw_only=True):
    """One benchmark with all of its process runs; no runs exactly when it has a failure."""

    id: str
    """Node id from the project root."""
    suite: str
    runs: tuple[ProcessRun, ...] = ()
    failure: Failure | None = None
    counts: Counts | None = None
    """None: nobody asked to count."""
    path: str = ""
    """File from the project root, with forward slashes; empty when unknown."""
    line: int | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a benchmark needs an id")
        if not self.runs and self.failure is None:
            raise ValueError(f"{self.id}: neither a run nor a failure")
        if self.runs and self.failure is not None:
            raise ValueError(f"{self.id}: both runs and a failure")


class Results(Value, frozen=True, kw_only=True):
    """What one machine measured of one revision."""

    version: int = RESULTS_VERSION
    environment: Environment
    revision: Revision = Revision()
    benchmarks: tuple[Benchmark, ...]
    legs: tuple[str, ...] = ()
    """Names of the shards or matrix legs that these results were merged from."""
    environments: tuple[Environment, ...] = ()
    """Of the legs, where they differ."""

    @property
    def is_mixed(self) -> bool:
        """Say whether legs of different keys were merged, which puts those behind the names."""
        return len({one.key for one in self.environments}) > 1

    def origin(self, name: str) -> tuple[str, Environment]:
        """Return a benchmark's own id, and where it was measured, whatever was merged."""
        if not self.is_mixed:
            return name, self.environment
        for environment in self.environments:
            suffix = f" ({environment.key})"
            if name.endswith(suffix):
                return name.removesuffix(suffix), environment
        return name, self.environment


def suite_name(path: str) -> str:
    """Name the suite that a benchmark file stands for: ``benchmarks/test_stripe.py`` is stripe.

    Empty for an empty path.
    """
    stem = path.rpartition("/")[2].removesuffix(".py")
    for prefix in ("test_", "bench_"):
        if stem.startswith(prefix) and stem != prefix:
            return stem.removeprefix(prefix)
    return stem
