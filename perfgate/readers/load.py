"""What ``perfgate load --json`` wrote, as results: each name a benchmark, each load a process."""

from pathlib import Path
from typing import Final

from perfgate.load_run import LOAD_SCHEMA, LoadRun, Series
from perfgate.model import Benchmark, Failure, FailureKind, ProcessRun, Results
from perfgate.readers.document import check_keys, decode, fault
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData

__all__ = ["LOAD_KEYS", "decode_load_run", "read_load_run"]

LOAD_KEYS: Final = ("demand", "total")
"""What only a load has side by side."""

_LOW_PERCENT: Final = 10
_OF_TIMES: Final = frozenset({"mean", "min", "max", "median", "p50", "p90", "p95", "p99"})
"""Metrics that have places of their own."""


def read_load_run(path: Path, data: bytes) -> Results:
    """Read a load as results.

    Raises:
        InputFileError: it is damaged or of another version.
    """
    run = decode_load_run(path, data)
    benchmarks = tuple(_benchmark(run, one) for one in (run.total, *run.series))
    return Results(environment=run.environment, revision=run.revision, benchmarks=benchmarks)


def decode_load_run(path: Path, data: bytes) -> LoadRun:
    """Read a load as it was.

    Raises:
        InputFileError: it is damaged or of another version.
    """
    run = decode(path, data, LoadRun)
    check_keys(path, data)
    if run.schema != LOAD_SCHEMA:
        problem = f'is "{run.schema}", and this perfgate reads "{LOAD_SCHEMA}"'
        raise fault(path, "schema", problem)
    names = [one.name for one in run.series]
    for place, name in enumerate(names):
        if not name or name in names[:place]:
            raise fault(path, f"series[{place}].name", "is empty, or there twice")
    for place, one in enumerate((run.total, *run.series)):
        held = ExponentialHistogram.from_data(one.times).count
        if held != one.ok:
            where = f"series[{place - 1}].times" if place else "total.times"
            raise fault(path, where, f"holds {held} times, and {one.ok} succeeded")
    return run


def _benchmark(run: LoadRun, series: Series) -> Benchmark:
    name = f"load:{run.name}::{series.name}" if series.name else f"load:{run.name}"
    if run.doubts:
        reason = f"inconclusive: {'; '.join(run.doubts)}"
        failure = Failure(kind=FailureKind.UNFIT, message=reason)
        return Benchmark(id=name, suite=run.suite, failure=failure)
    if not series.ok:
        failure = Failure(kind=FailureKind.RAISED, message=_kinds(series))
        return Benchmark(id=name, suite=run.suite, failure=failure)
    return Benchmark(id=name, suite=run.suite, runs=(_process_run(series),))


def _kinds(series: Series) -> str:
    counts = ", ".join(f"{count} x {kind}" for kind, count in sorted(series.failures.items()))
    return f"no operation succeeded: {counts or 'none ended'}"


def _process_run(series: Series) -> ProcessRun:
    metrics = series.metrics
    least, median, low = _quantiles(series.times)
    return ProcessRun(
        rounds=series.ok,
        iterations=1,
        min_s=metrics.get("min", least),
        median_s=metrics.get("median", median),
        low_s=low,
        mean_s=metrics.get("mean"),
        max_s=metrics.get("max"),
        p90_s=metrics.get("p90"),
        p95_s=metrics.get("p95"),
        p99_s=metrics.get("p99"),
        metrics={name: value for name, value in metrics.items() if name not in _OF_TIMES},
    )


def _quantiles(data: HistogramData) -> tuple[float, float, float]:
    histogram = ExponentialHistogram.from_data(data)
    least, median, low = histogram.quantiles((0, 50, _LOW_PERCENT))
    return least or 0.0, median or 0.0, low or 0.0
