"""What a monitor saw of operations, as values: to save, to read again, to render and to gate.

Durations are in seconds. Percentiles are nearest-rank, from a histogram: off by 0.54 % at most.
"""

import datetime as dt
import enum
import math
from typing import Annotated, Final

import msgspec

from perfgate.model import Environment, Revision
from perfgate.model.values import Value
from perfgate.stats.histogram_data import HistogramData

__all__ = [
    "OPERATIONS_VERSION",
    "Alert",
    "AlertState",
    "OperationSummary",
    "OperationsReport",
    "OutcomeSummary",
    "Severity",
    "encode_operations",
]

OPERATIONS_VERSION: Final = 1
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")

Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Severity(enum.Enum):
    """How soon somebody should look."""

    PAGE = "page"
    """At once."""
    TICKET = "ticket"
    """In the next days."""


class AlertState(enum.Enum):
    """Whether it is still so."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Value, frozen=True, kw_only=True):
    """A threshold that was exceeded, from the first time until it was kept again."""

    service: str
    operation: str
    rule: str
    """As it was written: ``p95 < 500ms``."""
    metric: str
    observed: float
    """The worst number since it fires, in the unit of the threshold."""
    threshold: float
    window_s: float | None
    """The time that the number is of; None for a single operation."""
    samples: Count
    """Operations that the number rests on."""
    severity: Severity
    state: AlertState
    first_seen: Moment
    last_seen: Moment
    """When it was exceeded last."""
    resolved_at: Moment | None = None
    count: Count
    """How often it was found exceeded."""
    trace_id: str = ""
    """Of the operation that exceeded it; empty where none was given, or where many did."""

    def __post_init__(self) -> None:
        for name in ("observed", "threshold", "window_s"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} must be finite")


class OutcomeSummary(Value, frozen=True, kw_only=True):
    """The operations that ended in one way."""

    outcome: str
    """``ok``, or what kind of failure."""
    count: Count
    times: HistogramData
    """In seconds."""


class OperationSummary(Value, frozen=True, kw_only=True):
    """One operation; its times are of those that succeeded, since quick refusals would flatter.

    A percentile is None where there are too few operations to bound it: below 6 for the median,
    36 for p90, 72 for p95, 368 for p99.
    """

    service: str
    operation: str
    total_operations: Count
    success_rate: float | None
    """None where there were none."""
    operations_per_s: float | None
    """Over the whole time of the report."""
    average_s: float | None
    min_s: float | None
    max_s: float | None
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None
    p99_s: float | None
    outcomes: tuple[OutcomeSummary, ...]


class OperationsReport(Value, frozen=True, kw_only=True):
    """Everything that a monitor saw from its start until ``timestamp``."""

    version: int = OPERATIONS_VERSION
    timestamp: Moment
    duration_s: float
    operations: tuple[OperationSummary, ...]
    alerts: tuple[Alert, ...]
    """Those that fire and, of those that are over, the latest; the oldest first."""
    overflowed: Count = 0
    """Records beyond the number of operations or outcomes that are kept apart."""
    rejected: Count = 0
    """Durations that were no finite numbers: counted nowhere else."""
    suppressed_alerts: Count = 0
    """Exceeded again so soon after their end that they were not reported."""
    listener_failures: Count = 0
    environment: Environment
    revision: Revision = Revision()


def encode_operations(report: OperationsReport) -> bytes:
    """Encode a report as JSON; equal reports give equal bytes."""
    return _ENCODER.encode(report) + b"\n"
