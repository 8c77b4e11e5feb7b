"""A monitor for Prometheus to scrape: read when it asks, never written to per operation.

Needs the extra ``prometheus``. The text format knows classic buckets only, so the histogram is cut
at the bounds that OpenTelemetry's conventions advise, each within 0.54 % of where it says.
"""

from collections.abc import Iterable, Iterator, Sequence

from perfgate.monitor.conventions import (
    ALERTS,
    BOUNDS_S,
    COUNTERS,
    DURATION,
    alert_attributes,
    attributes,
    counted,
    prometheus_name,
)
from perfgate.monitor.extras import needing
from perfgate.monitor.monitor import PerformanceMonitor
from perfgate.operations import AlertState, OperationsReport, OutcomeSummary
from perfgate.stats.histogram import ExponentialHistogram

with needing("prometheus", "prometheus_client"):
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector

__all__ = ["PrometheusCollector"]

_LABELS = (
    "service.peer.name",
    "perfgate.operation",
    "http.request.method",
    "url.template",
    "error.type",
)
_ALERT_LABELS = (
    "service.peer.name",
    "perfgate.operation",
    "perfgate.alert.rule",
    "perfgate.alert.severity",
)


class PrometheusCollector(Collector):
    """Gives a registry what a monitor knows: ``REGISTRY.register(PrometheusCollector(monitor))``.

    Args:
        monitor: Read at each scrape, which also holds its thresholds against the windows.
        bounds_s: Upper ends of the buckets, ascending, without infinity.
    """

    def __init__(
        self, monitor: PerformanceMonitor, *, bounds_s: Sequence[float] = BOUNDS_S
    ) -> None:
        self._monitor = monitor
        self._bounds_s = tuple(bounds_s)

    def describe(self) -> Iterable[Metric]:
        """Describe nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read the monitor."""
        report = self._monitor.generate_performance_report()
        yield self._durations(report)
        yield _alerts(report)
        for name, count in counted(report).items():
            yield CounterMetricFamily(prometheus_name(name), COUNTERS[name][1], value=count)

    def _durations(self, report: OperationsReport) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            f"{prometheus_name(DURATION)}_seconds",
            "What operations took.",
            labels=[*map(prometheus_name, _LABELS)],
        )
        for one in report.operations:
            for outcome in one.outcomes:
                found = attributes(one.service, one.operation, outcome.outcome)
                family.add_metric(
                    [found.get(name, "") for name in _LABELS],
                    self._buckets(outcome),
                    outcome.times.sum or 0.0,
                )
        return family

    def _buckets(self, outcome: OutcomeSummary) -> list[tuple[str, float]]:
        histogram = ExponentialHistogram.from_data(outcome.times)
        counts = histogram.counts_at_most(self._bounds_s)
        ends = [*map(str, self._bounds_s), "+Inf"]
        return [*zip(ends, map(float, (*counts, outcome.count)), strict=True)]


def _alerts(report: OperationsReport) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        prometheus_name(ALERTS),
        "1 for each threshold that is exceeded.",
        labels=[*map(prometheus_name, _ALERT_LABELS)],
    )
    for alert in report.alerts:
        if alert.state is AlertState.FIRING:
            found = alert_attributes(alert)
            family.add_metric([found[name] for name in _ALERT_LABELS], 1.0)
    return family
