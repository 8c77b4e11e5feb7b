"""What was approved, and what a verdict rests on."""

import enum
import itertools
import math

import msgspec

from perfgate.model.measured import Benchmark, Counts
from perfgate.model.values import Value, check_finite, check_metrics

__all__ = [
    "Baseline",
    "BaselineEdit",
    "Evidence",
    "Explanation",
    "GrownFunction",
    "PairedSamples",
    "ReferenceKind",
]


class Baseline(Value, frozen=True, kw_only=True, omit_defaults=True):
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
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    """What limits are relative to: medians over the processes, by the name of the metric."""
    counted_with: str = ""
    """Build of the interpreter whose ``instructions`` stand among the metrics."""

    def __post_init__(self) -> None:
        check_finite(self, "low_s", "median_s", "spread")
        check_metrics(self.metrics)


class BaselineEdit(Value, frozen=True, kw_only=True):
    """A baseline line that this change itself adds, edits or removes (new is None)."""

    old: Baseline | None
    new: Baseline | None


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


class PairedSamples(Value, frozen=True, kw_only=True):
    """A benchmark in lockstep with one reference: ln(candidate / reference) of each pair."""

    reference: "ReferenceKind"
    commit: str
    explore: tuple[float, ...]
    confirm: tuple[float, ...] = ()
    """Fresh pairs; only these may turn a benchmark red. Empty where exploring settled it."""
    reference_s: float | None = None
    """Median time of the reference, for people and for the floor."""
    reference_memory: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    """What its processes needed, by the name of the metric; empty where that was not measured."""

    def __post_init__(self) -> None:
        check_finite(self, "reference_s")
        if not all(map(math.isfinite, itertools.chain(*self.reference_memory.values()))):
            raise ValueError("amounts of memory must be finite")
        if not self.explore:
            raise ValueError("pairs without an estimate")
        if not all(map(math.isfinite, (*self.explore, *self.confirm))):
            raise ValueError("estimates must be finite")


class GrownFunction(Value, frozen=True, kw_only=True):
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
        check_finite(self, "before_s", "after_s", "calls_before", "calls_after")


class Explanation(Value, frozen=True, kw_only=True):
    """What became slower since a commit: the function that grew most first."""

    commit: str
    functions: tuple[GrownFunction, ...]


class Evidence(Value, frozen=True, kw_only=True):
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
