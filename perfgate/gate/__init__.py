"""The gate: estimates and policy in, one verdict per benchmark out. Pure."""

from perfgate.gate.comparisons import EXPLORE_CUT, is_left, is_left_faster, typical_scale
from perfgate.gate.counts import INSTRUCTIONS, is_more, is_other_count
from perfgate.gate.judge import judge
from perfgate.gate.limits import metric_of, typical_metric
from perfgate.gate.run import exit_status, fails_on, shift_note

__all__ = [
    "EXPLORE_CUT",
    "INSTRUCTIONS",
    "exit_status",
    "fails_on",
    "is_left",
    "is_left_faster",
    "is_more",
    "is_other_count",
    "judge",
    "metric_of",
    "shift_note",
    "typical_metric",
    "typical_scale",
]
