"""The values that every part of perfgate speaks in; frozen, without I/O.

Seconds, bytes and plain ratios throughout. Effects are natural logarithms of candidate over
reference, so that slower is positive and opposite changes cancel. What decides a verdict has no
default: a forgotten field is an error, never a zero.
"""

import enum
import itertools
import math
from typing import Final

import msgspec

__all__ = [
    "MEMORY_METRICS",
    "RESULTS_VERSION",
    "Baseline",
    "BaselineEdit",
    "Benchmark",
    "Comparison",
    "CountChange",
    "CountOutcome",
    "Counts",
    "Environment",
    "Evidence",
    "Explanation",
    "Failure",
    "FailureKind",
    "GrownFunction",
    "Judgement",
    "LackingApproval",
    "LimitBreach",
    "MemoryChange",
    "MemoryOutcome",
    "Note",
    "NoteKind",
    "PairedSamples",
    "ProcessRun",
    "Reason",
    "ReferenceKind",
    "Report",
    "Results",
    "Revision",
    "Verdict",
    "suite_name",
]

RESULTS_VERSION: Final = 1
MEMORY_METRICS: Final = ("blocks_per_op", "memory_growth")
"""What a benchmark keeps, in blocks of Python's allocator, and what it needs at its peak."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value that decodes strictly."""


def _check_finite(value: msgspec.Struct, *names: str) -> None:
    """Refuse what JSON has no number for: it would be written as null."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{name} must be finite")


def _check_metrics(metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise ValueError(f"metric {name!r} must be finite")


# --- what was measured -------------------------------------------------------------------------


class Environment(_Value, frozen=True, kw_only=True):
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
        _check_finite(self, "load_1min")

    @property
    def key(self) -> str:
        """The coarse, stable name that baselines are kept under: linux-x86_64-cpython-3.12."""
        minor = ".".join(self.python.split(".")[:2])
        key = f"{self.system}-{self.machine}-{self.implementation}-{minor}".lower()
        return key.strip("-")

    def is_same_hardware(self, cpu_model: str) -> bool:
        """Say whether numbers from a CPU of that name may be compared with numbers from here."""
        return bool(cpu_model) and cpu_model == self.cpu_model


class Revision(_Value, frozen=True, kw_only=True):
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


class Failure(_Value, frozen=True, kw_only=True):
    """Why a benchmark has no number, with a message from outside (never trusted as markup)."""

    kind: FailureKind
    message: str


class ProcessRun(_Value, frozen=True, kw_only=True):
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
    metrics: dict[str, float] = {}
    """Numbers that the benchmark reported of itself (``extra_info``)."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.iterations < 1:
            raise ValueError("rounds and iterations must be at least 1")
        for name in ("min_s", "median_s", "low_s", "mean_s", "max_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive, finite number of seconds")
        _check_finite(self, "iqr_s", "p90_s", "p95_s", "p99_s")
        _check_metrics(self.metrics)


class Counts(_Value, frozen=True, kw_only=True):
    """How many instructions one call of a benchmark takes, or why that is left to time."""

    instructions: float | None
    """In user space: the median over the hash seeds; None: left to time."""
    spread: float | None = None
    """Between the hash seeds: (most - fewest) / median; None with a single one."""
    build: str
    """The interpreter and the C library: counts of another build are not compared."""
    why: str = ""
    """Why it has no count (never trusted as markup)."""

    def __post_init__(self) -> None:
        _check_finite(self, "instructions", "spread")
        if self.instructions is not None and self.instructions < 0:
            raise ValueError("instructions must not be negative")


class Benchmark(_Value, frozen=True, kw_only=True):
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


class Results(_Value, frozen=True, kw_only=True):
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


# --- what was approved -------------------------------------------------------------------------


class Baseline(_Value, frozen=True, kw_only=True, omit_defaults=True):
    """An approved number: one line of a file in ``baselines/``."""

    low_s: float
    """Median over the processes of each process's low quantile: the number that is compared."""
    median_s: float
    """Median over the processes of each process's median: the number that people read."""
    spread: float | None
    """Standard deviation between processes of ln(low); None with a single process."""
    processes: int
    cpu: str
    reason: str
    metrics: dict[str, float] = {}
    """What limits are relative to: medians over the processes, by the name of the metric."""
    counted_with: str = ""
    """Build of the interpreter whose ``instructions`` stand among the metrics."""

    def __post_init__(self) -> None:
        _check_finite(self, "low_s", "median_s", "spread")
        _check_metrics(self.metrics)


class BaselineEdit(_Value, frozen=True, kw_only=True):
    """A baseline line that this change itself adds, edits or removes (new is None)."""

    old: Baseline | None
    new: Baseline | None


# --- what a verdict rests on ------------------------------------------------------------------


class PairedSamples(_Value, frozen=True, kw_only=True):
    """A benchmark in lockstep with one reference: ln(candidate / reference) of each pair."""

    reference: "ReferenceKind"
    commit: str
    explore: tuple[float, ...]
    confirm: tuple[float, ...] = ()
    """Fresh pairs; only these may turn a benchmark red. Empty where exploring settled it."""
    reference_s: float | None = None
    """Median time of the reference, for people and for the floor."""
    reference_memory: dict[str, tuple[float, ...]] = {}
    """What its processes needed, by the name of the metric; empty where that was not measured."""

    def __post_init__(self) -> None:
        _check_finite(self, "reference_s")
        if not all(map(math.isfinite, itertools.chain(*self.reference_memory.values()))):
            raise ValueError("amounts of memory must be finite")
        if not self.explore:
            raise ValueError("pairs without an estimate")
        if not all(map(math.isfinite, (*self.explore, *self.confirm))):
            raise ValueError("estimates must be finite")


class GrownFunction(_Value, frozen=True, kw_only=True):
    """A Python function that takes longer than it did, in one call of a benchmark."""

    name: str
    """From the code, like its file: never trusted as markup."""
    file: str
    """From the root of its tree where it lies there; empty where there is no source."""
    line: int
    before_s: float
    """Of its own and of C functions that it called, under a profiler; 0 where it was not called."""
    after_s: float
    calls_before: float
    calls_after: float

    def __post_init__(self) -> None:
        _check_finite(self, "before_s", "after_s", "calls_before", "calls_after")


class Explanation(_Value, frozen=True, kw_only=True):
    """What became slower since a commit: the function that grew most first."""

    commit: str
    functions: tuple[GrownFunction, ...]


class Evidence(_Value, frozen=True, kw_only=True):
    """What is known of one benchmark beside the candidate's own numbers, when it is judged."""

    benchmark: str
    suite: str
    baseline: Baseline | None = None
    """The number that stood approved before this change."""
    baseline_environment: str = ""
    """Where the baseline was recorded, if not in this environment: then it is not compared."""
    edit: BaselineEdit | None = None
    pairs: tuple[PairedSamples, ...] = ()
    other: Benchmark | None = None
    """The same benchmark in the file that is compared with."""
    other_cpu: str = ""
    base_counts: Counts | None = None
    """Instructions of the merge base, where the candidate's are more than was approved."""
    base_commit: str = ""
    is_out_of_budget: bool = False
    explanation: Explanation | None = None
    """Of the worst regressions alone; no verdict rests on it."""


# --- what was decided --------------------------------------------------------------------------


class Verdict(enum.Enum):
    """The outcome for one benchmark."""

    PASSED = "passed"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    DRIFTED = "drifted"
    LIMIT_EXCEEDED = "limit-exceeded"
    MISSING = "missing"
    ERRORED = "errored"
    NEW = "new"
    ACCEPTED = "accepted"
    UNDECIDED = "undecided"


class ReferenceKind(enum.Enum):
    """What a candidate is compared with."""

    COMMITTED = "committed"
    """The numbers in ``baselines/``."""
    FILE = "file"
    """Another result file."""
    MERGE_BASE = "merge-base"
    """The code this change starts from, measured in lockstep."""
    APPROVED = "approved"
    """The code that the baseline was approved with, measured in lockstep."""


class Comparison(_Value, frozen=True, kw_only=True):
    """A candidate against one reference: effect, interval, and what could have been found."""

    reference: ReferenceKind
    commit: str = ""
    log_ratio: float
    """ln(candidate / reference): positive is slower."""
    low: float | None
    high: float | None
    """Ends of the interval for ``log_ratio``; None where nothing bounds it (JSON knows no
    infinity)."""
    p_value: float | None = None
    """One-sided, for "not slower", before any adjustment; None where no test was possible."""
    smallest_findable: float | None
    """The smallest slowdown (as a log ratio) that this comparison would have found with the
    promised power; None where it cannot be told."""
    samples: int
    """Pairs, or processes on the smaller side."""
    reference_s: float | None = None
    candidate_s: float | None = None

    def __post_init__(self) -> None:
        _check_finite(self, "log_ratio", "low", "high", "p_value", "smallest_findable")
        _check_finite(self, "reference_s", "candidate_s")


class Reason(enum.Enum):
    """Why a verdict was reached; the view turns it into a sentence."""

    WITHIN_THRESHOLD = "within-threshold"
    WITHIN_FLOOR = "within-floor"
    SLOWER = "slower"
    SLOWER_IN_SUM = "slower-in-sum"
    """Slower than the approved code, and this change adds to it."""
    DRIFTED_BEFORE = "drifted-before"
    FASTER = "faster"
    MORE_MEMORY = "more-memory"
    MEMORY_UNCLEAR = "memory-unclear"
    """More memory than the threshold allows, by less than its processes differ among themselves."""
    MORE_INSTRUCTIONS = "more-instructions"
    FEWER_INSTRUCTIONS = "fewer-instructions"
    SAME_INSTRUCTIONS = "same-instructions"
    """Time could not tell, and the count is what was approved."""
    LIMIT = "limit"
    LIMIT_UNMEASURED = "limit-unmeasured"
    """A limit names a metric for which there were too few rounds, no number, or none approved."""
    NOT_MEASURED = "not-measured"
    RAISED = "raised"
    NO_BASELINE = "no-baseline"
    BASELINE_EDITED = "baseline-edited"
    WAIVED = "waived"
    OTHER_HARDWARE = "other-hardware"
    OTHER_ENVIRONMENT = "other-environment"
    TOO_NOISY = "too-noisy"
    """The interval spans both "unchanged" and the threshold."""
    OUT_OF_BUDGET = "out-of-budget"
    NO_REFERENCE = "no-reference"
    """No reference could be measured, and the numbers alone cannot tell."""
    UNFIT = "unfit"


class LackingApproval(enum.Enum):
    """Why a limit that is relative to its baseline cannot be told."""

    ABSENT = "absent"
    """The baseline does not hold that number, or there is none."""
    NOT_POSITIVE = "not-positive"
    """A share of zero or less says nothing."""
    OTHER_HARDWARE = "other-hardware"


class LimitBreach(_Value, frozen=True, kw_only=True):
    """A bound that was not kept; ``measured`` is None where that could not be told."""

    expression: str
    measured: float | None
    """In the unit of the bound: a ratio to the approved number where the limit is relative."""
    lacking: LackingApproval | None = None

    def __post_init__(self) -> None:
        _check_finite(self, "measured")


class MemoryOutcome(enum.Enum):
    """What a difference in memory comes to."""

    WITHIN = "within"
    """The threshold, or what its own processes differ by."""
    ADDED = "added"
    """Surely more, by less than the threshold, which is what several changes make up."""
    MORE = "more"
    UNCLEAR = "unclear"


class MemoryChange(_Value, frozen=True, kw_only=True):
    """One metric of memory against one reference: medians over the processes of each side."""

    metric: str
    reference: ReferenceKind
    commit: str = ""
    before: float
    after: float
    outcome: MemoryOutcome

    def __post_init__(self) -> None:
        _check_finite(self, "before", "after")


class CountOutcome(enum.Enum):
    """What a difference in instructions comes to."""

    SAME = "same"
    """Within the threshold."""
    MORE = "more"
    FEWER = "fewer"
    OTHER_BUILD = "other-build"
    """Counted with another build of the interpreter: time decides."""


class CountChange(_Value, frozen=True, kw_only=True):
    """Instructions of one call against one reference."""

    reference: ReferenceKind
    commit: str = ""
    before: float
    after: float
    outcome: CountOutcome

    def __post_init__(self) -> None:
        _check_finite(self, "before", "after")


class Judgement(_Value, frozen=True, kw_only=True):
    """The verdict on one benchmark with every number that it rests on."""

    benchmark: str
    suite: str
    verdict: Verdict
    reason: Reason
    threshold: float
    """Smallest slowdown that had to be caught, as a plain ratio: 0.05 is 5 %."""
    floor_s: float
    candidate_s: float | None = None
    comparisons: tuple[Comparison, ...] = ()
    """The deciding one first."""
    baseline: Baseline | None = None
    edit: BaselineEdit | None = None
    breaches: tuple[LimitBreach, ...] = ()
    memory: tuple[MemoryChange, ...] = ()
    """Empty where memory is not judged."""
    memory_threshold: float | None = None
    counts: tuple[CountChange, ...] = ()
    """Empty where nothing was counted or nothing is there to compare with."""
    counts_threshold: float | None = None
    message: str = ""
    """Text from the benchmark (an exception), of a waiver, or the other file's CPU; never trusted
    as markup."""
    waiver_expires: str = ""
    similar: str = ""
    """For NEW and MISSING: the counterpart it was probably renamed from or to."""
    path: str = ""
    line: int | None = None

    def __post_init__(self) -> None:
        names = ("threshold", "floor_s", "candidate_s", "memory_threshold", "counts_threshold")
        _check_finite(self, *names)


class NoteKind(enum.Enum):
    """A doubt or a fact about the whole run, shown as a footnote."""

    SINGLE_PROCESS = "single-process"
    OTHER_HARDWARE = "other-hardware"
    OTHER_ENVIRONMENT = "other-environment"
    DIRTY = "dirty"
    SHIFTED = "shifted"
    """Nearly every benchmark of the run moved the same way."""
    REFERENCE_DROPPED = "reference-dropped"
    """The approved code could not be had."""
    REFERENCE_FAILED = "reference-failed"
    """Some benchmarks do not run on old code."""
    REFERENCE_ALTERED = "reference-altered"
    """Old code ran, but not with all that it had then: packages, files outside git."""
    NO_REPOSITORY = "no-repository"
    UNCOUNTED = "uncounted"
    """Instructions were to be counted and were not, of some benchmarks or of all."""
    UNEXPLAINED = "unexplained"
    """Which functions of a regression grew could not be found out."""
    BUDGET = "budget"
    UNPINNED = "unpinned"


class Note(_Value, frozen=True, kw_only=True):
    """A footnote: its kind and the facts that its sentence is built from."""

    kind: NoteKind
    facts: tuple[str, ...] = ()


class Report(_Value, frozen=True, kw_only=True):
    """Everything a run found out: what `.perfgate/report.json` holds and every renderer shows."""

    version: int = RESULTS_VERSION
    evidence: tuple[Evidence, ...] = ()
    title: str = ""
    """Name of the leg or project, when there are several."""
    results: Results
    judgements: tuple[Judgement, ...]
    base: Revision | None = None
    """The merge base, where one was measured."""
    is_default_branch: bool
    fails_on: tuple[Verdict, ...]
    """Verdicts that make this run fail with status 1."""
    undecided_fails: bool
    notes: tuple[Note, ...] = ()
    exit_status: int
    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check_finite(self, "duration_s")
