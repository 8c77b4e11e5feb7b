"""A monitor's report: made from its histograms, and saved."""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from perfgate.files import write_file
from perfgate.model import Environment
from perfgate.monitor.series import OK
from perfgate.operations import (
    OperationsReport,
    OperationSummary,
    OutcomeSummary,
    encode_operations,
)
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.quantiles import MIN_ROUNDS

__all__ = ["PerformanceReport", "here", "summarised"]


class PerformanceReport(OperationsReport, frozen=True, kw_only=True):
    """What a monitor saw; ``perfgate compare`` reads it once saved.

    ``perfgate.report.operations`` renders it as Markdown or for a terminal.
    """

    def json(self) -> bytes:
        """Encode it; equal reports give equal bytes."""
        return encode_operations(self)

    def save(self, path: Path | str) -> None:
        """Write it as JSON; the file appears at once, whole, and its folders are made.

        Raises:
            UsageError: it cannot be written.
        """
        write_file(Path(path), self.json())


def summarised(
    service: str,
    operation: str,
    times: Mapping[str, ExponentialHistogram],
    duration_s: float,
) -> OperationSummary:
    """Summarise an operation from the times of each of its outcomes."""
    ok = times.get(OK) or ExponentialHistogram()
    counts = {outcome: each.count for outcome, each in times.items()}
    count, total = counts.get(OK, 0), sum(counts.values())
    quantiles = dict(zip(MIN_ROUNDS, ok.quantiles(tuple(MIN_ROUNDS)), strict=True))

    def supported(percent: int) -> float | None:
        return quantiles[percent] if count >= MIN_ROUNDS[percent] else None

    return OperationSummary(
        service=service,
        operation=operation,
        total_operations=total,
        success_rate=count / total if total else None,
        operations_per_s=total / duration_s if duration_s > 0 else None,
        average_s=None if ok.sum is None or not count else ok.sum / count,
        min_s=ok.min,
        max_s=ok.max,
        p50_s=supported(50),
        p90_s=supported(90),
        p95_s=supported(95),
        p99_s=supported(99),
        outcomes=tuple(
            OutcomeSummary(outcome=outcome, count=counts[outcome], times=each.data())
            for outcome, each in times.items()
        ),
    )


def here() -> Environment:
    """Describe where this runs, as far as the interpreter knows; not the model of the CPU."""
    return Environment(
        system=platform.system().lower(),
        machine=platform.machine(),
        implementation=sys.implementation.name,
        python=platform.python_version(),
        cpu_count=os.cpu_count(),
        kernel=platform.release(),
    )
