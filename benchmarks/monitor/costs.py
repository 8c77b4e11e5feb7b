"""Nanoseconds for one record, here and in the libraries that one would otherwise take."""

import random
import time
import tracemalloc
from collections.abc import Callable, Sequence

from hdrh.histogram import HdrHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from prometheus_client import CollectorRegistry, Histogram

from perfgate.monitor import PerformanceMonitor
from perfgate.stats.histogram import ExponentialHistogram

__all__ = ["memory_bytes", "record_ns", "report_s"]

_COUNT = 2_000
_RULES = ("p95 < 60s", "error_rate < 99%", "max < 60s")
_LABELS = {"service": "shop", "operation": "pay"}

Pattern = Callable[[Sequence[float]], object]


def _each(record: Callable[[float], object]) -> Pattern:
    def run(values: Sequence[float]) -> None:
        for value in values:
            record(value)

    return run


def _monitored(monitor: PerformanceMonitor) -> Pattern:
    record = monitor.record_operation

    def run(values: Sequence[float]) -> None:
        for value in values:
            record("shop", "pay", value, True)  # noqa: FBT003 - as services call it

    return run


def _timed(monitor: PerformanceMonitor) -> Pattern:
    timed = monitor.timed

    def run(values: Sequence[float]) -> None:
        for _ in values:
            with timed("shop", "pay"):
                pass

    return run


def _decorated(monitor: PerformanceMonitor) -> Pattern:
    @monitor.measured("shop", "pay")
    def nothing(value: float) -> None:
        del value

    return _each(nothing)


def _opentelemetry() -> Pattern:
    view = View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider(metric_readers=[InMemoryMetricReader()], views=[view])
    histogram = provider.get_meter("benchmark").create_histogram("times")

    def run(values: Sequence[float]) -> None:
        for value in values:
            histogram.record(value, _LABELS)

    return run


def _prometheus() -> Pattern:
    family = Histogram("times", "Times.", labelnames=list(_LABELS), registry=CollectorRegistry())
    return _each(family.labels(**_LABELS).observe)


def _hdr() -> Pattern:
    histogram = HdrHistogram(1, 60_000_000, 3)

    def run(values: Sequence[float]) -> None:
        for value in values:
            histogram.record_value(int(value * 1000))

    return run


def _patterns() -> dict[str, Pattern]:
    on = PerformanceMonitor({"shop:pay": _RULES})
    off = PerformanceMonitor(is_on=False)
    return {
        "histogram": _each(ExponentialHistogram().record),
        "histogram, 256 at once": ExponentialHistogram().record_many,
        "record_operation": _monitored(on),
        "timed block": _timed(on),
        "timed function": _decorated(on),
        "record_operation, off": _monitored(off),
        "empty function": _each(lambda _: None),
        "hdrhistogram record_value": _hdr(),
        "prometheus_client observe": _prometheus(),
        "OpenTelemetry SDK record, exponential": _opentelemetry(),
    }


def record_ns(turns: int) -> dict[str, float]:
    """Return the least time of each; they take turns, so that a neighbour meets all."""
    source = random.Random(7)
    values = [source.lognormvariate(3, 1) for _ in range(_COUNT)]
    batches = [values[place : place + 256] for place in range(0, _COUNT, 256)]
    patterns = _patterns()
    least = dict.fromkeys(patterns, float("inf"))
    for _ in range(turns):
        for name, run in patterns.items():
            parts = batches if name.endswith("at once") else [values]
            began_ns = time.perf_counter_ns()
            for part in parts:
                run(part)
            least[name] = min(least[name], (time.perf_counter_ns() - began_ns) / _COUNT)
    return least


def _full(*, spread: float, outcomes: int) -> PerformanceMonitor:
    """Return a monitor with all of its 64 operations; a wide spread fills all buckets."""
    now_s = [0.0]
    targets = [f"shop:operation-{number}" for number in range(63)]
    monitor = PerformanceMonitor(dict.fromkeys(targets, _RULES), clock=lambda: now_s[0])
    source = random.Random(5)
    for slot in range(12):
        times = [1000 * 10 ** source.uniform(-spread, 1) for _ in range(4000)]
        for number in range(64):
            for time_ms in times:
                monitor.record_operation("shop", f"operation-{number}", time_ms)
            for kind in range(outcomes - 1 if slot == 0 else 0):
                for time_ms in times[:1000]:
                    monitor.record_operation(
                        "shop",
                        f"operation-{number}",
                        time_ms,
                        success=False,
                        error_type=f"Error{kind}",
                    )
        now_s[0] += 5.01
    return monitor


def memory_bytes() -> float:
    """Return the bytes of an operation in the worst case: 8 outcomes, all of 0.1 ms to 10 s."""
    tracemalloc.start()
    monitor = _full(spread=4, outcomes=8)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del monitor
    return taken / 64


def report_s() -> float:
    """Return the least processor time of a report on 64 operations, each of a usual spread."""
    monitor = _full(spread=1, outcomes=2)
    least = float("inf")
    for _ in range(20):
        began_s = time.process_time()
        monitor.generate_performance_report()
        least = min(least, time.process_time() - began_s)
    return least
