"""A monitor's saved report: each operation is a benchmark, and the report one run of it.

The unit of replication is the report: however many operations it counted, they shared one process
and one time of day. What is compared is the times of those that succeeded, where longer is worse;
``success_rate`` and ``ops_per_s`` are metrics for limits.
"""

from pathlib import Path
from typing import Final

from perfgate.model import Benchmark, Failure, FailureKind, ProcessRun, Results
from perfgate.operations import OPERATIONS_VERSION, OperationsReport, OperationSummary
from perfgate.readers.document import check_keys, decode, fault
from perfgate.readers.perfgate import check_version
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.quantiles import MIN_ROUNDS

__all__ = ["MONITOR_KEYS", "decode_operations", "read_monitor_report"]

MONITOR_KEYS: Final = ("operations", "alerts")
"""What only a monitor's report has side by side."""

_OK = "ok"
_LOW, _QUARTER, _MEDIAN, _THREE_QUARTERS = 10, 25, 50, 75


def read_monitor_report(path: Path, data: bytes) -> Results:
    """Read what ``PerformanceReport.save`` wrote.

    Raises:
        InputFileError: it is damaged, of another version, saw no operation, or one of them twice.
    """
    report = decode_operations(path, data)
    benchmarks: dict[str, Benchmark] = {}
    for index, operation in enumerate(report.operations):
        name = f"{operation.service}:{operation.operation}"
        if name in benchmarks:
            raise fault(path, f"operations[{index}]", f"{name} is there already")
        if operation.total_operations:
            place = f"operations[{index}].outcomes"
            benchmarks[name] = _benchmark(path, place, name, operation)
    if not benchmarks:
        raise fault(path, "operations", "hold no operation: nothing was recorded")
    return Results(
        environment=report.environment,
        revision=report.revision,
        benchmarks=tuple(benchmarks.values()),
    )


def decode_operations(path: Path, data: bytes) -> OperationsReport:
    """Read a monitor's report as it was.

    Raises:
        InputFileError: it is damaged or of another version.
    """
    check_version(path, data, OPERATIONS_VERSION)
    report = decode(path, data, OperationsReport)
    check_keys(path, data)
    return report


def _benchmark(path: Path, place: str, name: str, operation: OperationSummary) -> Benchmark:
    outcomes = {each.outcome: each for each in operation.outcomes}
    histograms = {
        outcome: ExponentialHistogram.from_data(each.times) for outcome, each in outcomes.items()
    }
    counts = {outcome: histogram.count for outcome, histogram in histograms.items()}
    if any(counts[outcome] != each.count for outcome, each in outcomes.items()) or (
        sum(counts.values()) != operation.total_operations
    ):
        raise fault(path, place, f"do not add up to {operation.total_operations} operations")
    ok = histograms.get(_OK, ExponentialHistogram())
    suite = operation.service
    if not ok.count:
        failure = Failure(
            kind=FailureKind.RAISED,
            message=f"all {operation.total_operations} operations failed: {', '.join(counts)}",
        )
        return Benchmark(id=name, suite=suite, failure=failure)
    if ok.min is None or ok.min <= 0 or ok.max is None:
        failure = Failure(
            kind=FailureKind.UNFIT, message="the clock was too coarse: an operation took no time"
        )
        return Benchmark(id=name, suite=suite, failure=failure)
    run = _run(ok, ok.min, ok.max, operation)
    return Benchmark(id=name, suite=suite, runs=(run,))


def _run(
    ok: ExponentialHistogram, least_s: float, greatest_s: float, operation: OperationSummary
) -> ProcessRun:
    wanted = (_LOW, _QUARTER, _MEDIAN, _THREE_QUARTERS, *MIN_ROUNDS)
    found = dict(zip(wanted, ok.quantiles(wanted), strict=True))

    def quantile(percent: int) -> float:
        value = found[percent]
        return least_s if value is None else value

    def supported(percent: int) -> float | None:
        return quantile(percent) if ok.count >= MIN_ROUNDS[percent] else None

    metrics = {"success_rate": ok.count / operation.total_operations}
    if operation.operations_per_s is not None:
        metrics["ops_per_s"] = operation.operations_per_s
    return ProcessRun(
        rounds=ok.count,
        iterations=1,
        min_s=least_s,
        low_s=quantile(_LOW),
        median_s=quantile(_MEDIAN),
        mean_s=ok.mean,
        max_s=greatest_s,
        iqr_s=quantile(_THREE_QUARTERS) - quantile(_QUARTER),
        p90_s=supported(90),
        p95_s=supported(95),
        p99_s=supported(99),
        metrics=metrics,
    )
