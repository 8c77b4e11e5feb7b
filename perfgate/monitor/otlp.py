"""A monitor for OpenTelemetry: its histograms, sent to a collector over HTTP when asked to.

Needs the extra ``otlp``. The histograms are exponential ones and lose nothing on the way; they are
cumulative, so what one export could not deliver the next one does.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from perfgate import __version__
from perfgate.errors import PerfgateError
from perfgate.monitor.conventions import (
    ALERTS,
    COUNTERS,
    DURATION,
    alert_attributes,
    attributes,
    counted,
)
from perfgate.monitor.extras import needing
from perfgate.monitor.monitor import PerformanceMonitor
from perfgate.operations import AlertState, OperationsReport
from perfgate.stats.histogram_exchange import to_point

with needing("otlp", "opentelemetry.proto", "google.protobuf"):
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
    )
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import (
        AggregationTemporality,
        ExponentialHistogram,
        ExponentialHistogramDataPoint,
        Gauge,
        Metric,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
        Sum,
    )
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

__all__ = ["ExportError", "OtlpExporter"]

_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_PROTOBUF: Final = "application/x-protobuf"


class ExportError(PerfgateError):
    """A collector did not take what was sent: says which, and why."""

    def __init__(self, endpoint: str, problem: str) -> None:
        self.endpoint = endpoint
        self.problem = problem
        super().__init__(f"{endpoint}: {problem}")


class OtlpExporter:
    """Sends what a monitor knows to a collector, each time that ``export`` is called.

    Args:
        monitor: Read at each export, which also holds its thresholds against the windows.
        service_name: The program that is monitored, as a resource of OpenTelemetry.
        endpoint: The whole address for metrics.
        headers: Sent with each request, such as an authorization.
        timeout_s: For each attempt to connect, write or read.
    """

    def __init__(
        self,
        monitor: PerformanceMonitor,
        *,
        service_name: str,
        endpoint: str = "http://127.0.0.1:4318/v1/metrics",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._monitor = monitor
        self._endpoint = endpoint
        self._headers = {"content-type": _PROTOBUF, **(headers or {})}
        self._timeout_s = timeout_s
        self._resource = Resource(attributes=_pairs({"service.name": service_name}))

    def export(self) -> None:
        """Send everything since the start.

        Raises:
            ExportError: the collector did not take it; nothing is lost, the next export has it.
        """
        body = self._request(self._monitor.generate_performance_report()).SerializeToString()
        try:
            answer = httpx.post(
                self._endpoint,
                content=body,
                headers=self._headers,
                timeout=self._timeout_s,
                trust_env=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ExportError(self._endpoint, str(error) or type(error).__name__) from error
        if answer.status_code != httpx.codes.OK:
            raise ExportError(self._endpoint, f"answered with status {answer.status_code}")
        self._check(answer.content)

    def _check(self, content: bytes) -> None:
        try:
            partial = ExportMetricsServiceResponse.FromString(content).partial_success
        except DecodeError as error:
            raise ExportError(self._endpoint, "its answer is no protobuf") from error
        if partial.rejected_data_points:
            raise ExportError(
                self._endpoint,
                f"rejected {partial.rejected_data_points} data points: {partial.error_message}",
            )

    def _request(self, report: OperationsReport) -> ExportMetricsServiceRequest:
        scope = InstrumentationScope(name="perfgate.monitor", version=__version__)
        metrics = ScopeMetrics(scope=scope, metrics=_metrics(report))
        return ExportMetricsServiceRequest(
            resource_metrics=[ResourceMetrics(resource=self._resource, scope_metrics=[metrics])]
        )


def _metrics(report: OperationsReport) -> Iterator[Metric]:
    end_ns = _nanoseconds(report.timestamp)
    start_ns = end_ns - round(report.duration_s * 1e9)
    yield Metric(
        name=DURATION,
        unit="s",
        description="What operations took.",
        exponential_histogram=ExponentialHistogram(
            aggregation_temporality=_CUMULATIVE,
            data_points=_durations(report, start_ns, end_ns),
        ),
    )
    firing = (alert for alert in report.alerts if alert.state is AlertState.FIRING)
    yield Metric(
        name=ALERTS,
        unit="1",
        description="1 for each threshold that is exceeded.",
        gauge=Gauge(
            data_points=(
                NumberDataPoint(
                    attributes=_pairs(alert_attributes(alert)), time_unix_nano=end_ns, as_int=1
                )
                for alert in firing
            )
        ),
    )
    for name, count in counted(report).items():
        unit, description = COUNTERS[name]
        point = NumberDataPoint(start_time_unix_nano=start_ns, time_unix_nano=end_ns, as_int=count)
        yield Metric(
            name=name,
            unit=unit,
            description=description,
            sum=Sum(aggregation_temporality=_CUMULATIVE, is_monotonic=True, data_points=[point]),
        )


def _durations(
    report: OperationsReport, start_ns: int, end_ns: int
) -> Iterator[ExponentialHistogramDataPoint]:
    for one in report.operations:
        for outcome in one.outcomes:
            point = to_point(outcome.times)
            yield ExponentialHistogramDataPoint(
                attributes=_pairs(attributes(one.service, one.operation, outcome.outcome)),
                start_time_unix_nano=start_ns,
                time_unix_nano=end_ns,
                count=point.count,
                sum=point.sum,
                scale=point.scale,
                zero_count=point.zero_count,
                zero_threshold=point.zero_threshold,
                positive=ExponentialHistogramDataPoint.Buckets(
                    offset=point.positive_offset, bucket_counts=point.positive_counts
                ),
                negative=ExponentialHistogramDataPoint.Buckets(
                    offset=point.negative_offset, bucket_counts=point.negative_counts
                ),
                min=point.min,
                max=point.max,
            )


def _pairs(found: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in found.items()]


def _nanoseconds(moment: dt.datetime) -> int:
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since // dt.timedelta(microseconds=1)) * 1000
