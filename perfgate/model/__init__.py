"""The values that every part of perfgate speaks in; frozen, without I/O.

Seconds, bytes and plain ratios throughout. Effects are natural logarithms of candidate over
reference, so that slower is positive and opposite changes cancel. What decides a verdict has no
default: a forgotten field is an error, never a zero.
"""

from perfgate.model.decided import (
    Comparison,
    CountChange,
    CountOutcome,
    Judgement,
    LackingApproval,
    LimitBreach,
    MemoryChange,
    MemoryOutcome,
    Note,
    NoteKind,
    Reason,
    Report,
    Verdict,
)
from perfgate.model.evidence import (
    Baseline,
    BaselineEdit,
    Evidence,
    Explanation,
    GrownFunction,
    PairedSamples,
    ReferenceKind,
)
from perfgate.model.measured import (
    MEMORY_METRICS,
    RESULTS_VERSION,
    Benchmark,
    Counts,
    Environment,
    Failure,
    FailureKind,
    ProcessRun,
    Results,
    Revision,
    suite_name,
)

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
