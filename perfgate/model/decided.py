"""What was decided, and why."""

import enum

from perfgate.model.evidence import Baseline, BaselineEdit, Evidence, ReferenceKind
from perfgate.model.measured import RESULTS_VERSION, Results, Revision
from perfgate.model.values import Value, check_finite

__all__ = [
    "Comparison",
    "CountChange",
    "CountOutcome",
    "Judgement",
    "LackingApproval",
    "LimitBreach",
    "MemoryChange",
    "MemoryOutcome",
    "Note",
    "NoteKind",
    "Reason",
    "Report",
    "Verdict",
]


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


class Comparison(Value, frozen=True, kw_only=True):
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
        times = ("reference_s", "candidate_s")
        check_finite(self, "log_ratio", "low", "high", "p_value", "smallest_findable", *times)


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


class LimitBreach(Value, frozen=True, kw_only=True):
    """A bound that was not kept; ``measured`` is None where that could not be told."""

    expression: str
    measured: float | None
    """In the unit of the bound: a ratio to the approved number where the limit is relative."""
    lacking: LackingApproval | None = None

    def __post_init__(self) -> None:
        check_finite(self, "measured")


class MemoryOutcome(enum.Enum):
    """What a difference in memory comes to."""

    WITHIN = "within"
    """The threshold, or what its own processes differ by."""
    ADDED = "added"
    """Surely more, by less than the threshold, which is what several changes make up."""
    MORE = "more"
    UNCLEAR = "unclear"


class MemoryChange(Value, frozen=True, kw_only=True):
    """One metric of memory against one reference: medians over the processes of each side."""

    metric: str
    reference: ReferenceKind
    commit: str = ""
    before: float
    after: float
    outcome: MemoryOutcome

    def __post_init__(self) -> None:
        check_finite(self, "before", "after")


class CountOutcome(enum.Enum):
    """What a difference in instructions comes to."""

    SAME = "same"
    """Within the threshold."""
    MORE = "more"
    FEWER = "fewer"
    OTHER_BUILD = "other-build"
    """Counted with another build of the interpreter: time decides."""


class CountChange(Value, frozen=True, kw_only=True):
    """Instructions of one call against one reference."""

    reference: ReferenceKind
    commit: str = ""
    before: float
    after: float
    outcome: CountOutcome

    def __post_init__(self) -> None:
        check_finite(self, "before", "after")


class Judgement(Value, frozen=True, kw_only=True):
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
        check_finite(self, *names)


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


class Note(Value, frozen=True, kw_only=True):
    """A footnote: its kind and the facts that its sentence is built from."""

    kind: NoteKind
    facts: tuple[str, ...] = ()


class Report(Value, frozen=True, kw_only=True):
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
        check_finite(self, "duration_s")
