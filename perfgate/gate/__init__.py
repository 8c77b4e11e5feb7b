"""The gate: estimates and policy in, one verdict per benchmark out. Pure."""

from perfgate.gate.comparisons import EXPLORE_CUT, is_left, is_left_faster, typical_scale
from perfgate.gate.counts import INSTRUCTIONS, is_more, is_other_count
from perfgate.gate.judge import judge
from perfgate.gate.limits import metric_of, typical_metric
from perfgate.gate.memory import allowed_growth, is_left_larger, memory_of
from perfgate.gate.run import exit_status, fails_on, shift_note

__all__ = [
    "EXPLORE_CUT",
    "INSTRUCTIONS",
    "allowed_growth",
    "exit_status",
    "fails_on",
    "is_left",
    "is_left_faster",
    "is_left_larger",
    "is_more",
    "is_other_count",
    "judge",
    "memory_of",
    "metric_of",
    "shift_note",
    "typical_metric",
    "typical_scale",
]
