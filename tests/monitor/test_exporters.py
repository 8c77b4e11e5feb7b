import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import prometheus_client
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, Metric
from prometheus_client.parser import text_string_to_metric_families

from perfgate.errors import PerfgateError
from perfgate.monitor.otlp import ExportError, OtlpExporter
from perfgate.monitor.prometheus import PrometheusCollector
from perfgate.stats.histogram_exchange import ExponentialPoint, from_point
from tests.monitor.scene import TARGET, Scene

HOSTILE = 'a"b\\c\nd é'


def _scene() -> Scene:
    scene = Scene(thresholds={TARGET: ["max < 1s"]})
    for number in range(1, 1001):
        scene.monitor.record_operation("stripe", "refund", float(number))
    scene.monitor.record_operation("stripe", "refund", 3.0, success=False, error_type="Declined")
    scene.monitor.record_operation("stripe", "GET /v1/customers/:id", 5.0)
    scene.monitor.record_operation("stripe", HOSTILE, float("nan"))
    scene.now_s += 60
    scene.monitor.record_operation("stripe", "refund", 2000.0)
    return scene


# --- Prometheus


@contextmanager
def _scrape(scene: Scene) -> Iterator[str]:
    registry = prometheus_client.CollectorRegistry()
    registry.register(PrometheusCollector(scene.monitor))
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        yield httpx.get(url, trust_env=False).raise_for_status().text
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_scrape_reads_the_monitor_as_prometheus_parses_it() -> None:
    with _scrape(_scene()) as text:
        families = {family.name: family for family in text_string_to_metric_families(text)}
    durations = families["perfgate_operation_duration_seconds"]
    assert durations.type == "histogram"
    refunds = {
        (sample.name.removeprefix(durations.name), sample.labels.get("le")): sample.value
        for sample in durations.samples
        if sample.labels["perfgate_operation"] == "refund" and not sample.labels["error_type"]
    }
    assert refunds["_count", None] == refunds["_bucket", "+Inf"] == 1001
    assert refunds["_sum", None] == pytest.approx(502.5)
    # Of 1 to 1000 ms, and one of 2 s; a bound may be off by half a bucket.
    assert refunds["_bucket", "0.1"] == pytest.approx(100, abs=1)
    assert refunds["_bucket", "0.5"] == pytest.approx(500, abs=3)
    assert refunds["_bucket", "10.0"] == 1001
    cumulative = [value for (name, _), value in refunds.items() if name == "_bucket"]
    assert len(cumulative) == 15
    assert cumulative == sorted(cumulative)


def test_what_is_scraped_bears_the_names_of_the_conventions() -> None:
    with _scrape(_scene()) as text:
        families = {family.name: family for family in text_string_to_metric_families(text)}
    counts = [
        sample.labels
        for sample in families["perfgate_operation_duration_seconds"].samples
        if sample.name.endswith("_count")
    ]
    assert {labels["service_peer_name"] for labels in counts} == {"stripe"}
    assert {labels["perfgate_operation"] for labels in counts} == {
        "refund",
        "GET /v1/customers/:id",
        HOSTILE,
    }
    (fetch,) = (labels for labels in counts if labels["http_request_method"])
    assert (fetch["http_request_method"], fetch["url_template"]) == ("GET", "/v1/customers/:id")
    assert sorted(labels["error_type"] for labels in counts) == ["", "", "", "Declined"]
    (alert,) = families["perfgate_alert_firing"].samples
    assert (alert.value, alert.labels["perfgate_alert_rule"]) == (1, "max < 1s")
    (rejected,) = families["perfgate_monitor_record_rejected"].samples
    assert rejected.value == 1


# --- OpenTelemetry


class _Collector:
    """An endpoint for OTLP over HTTP on this machine; decodes what it gets."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = ExportMetricsServiceResponse().SerializeToString()
        self.requests: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append(ExportMetricsServiceRequest.FromString(body))
                collector.headers.append({"path": self.path, **dict(self.headers)})
                self.send_response(collector.status)
                self.send_header("content-length", str(len(collector.answer)))
                self.end_headers()
                self.wfile.write(collector.answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/v1/metrics"

    def metrics(self) -> dict[str, Metric]:
        (resource,) = self.requests[-1].resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "perfgate.monitor"
        return {metric.name: metric for metric in scope.metrics}


@pytest.fixture
def collector() -> Iterator[_Collector]:
    made = _Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def _attributes(point: ExponentialHistogramDataPoint) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_a_collector_gets_exponential_histograms_that_lost_nothing(collector: _Collector) -> None:
    scene = _scene()
    OtlpExporter(
        scene.monitor,
        service_name="shop",
        endpoint=collector.endpoint,
        headers={"authorization": "Bearer x"},
    ).export()
    (headers,) = collector.headers
    assert headers["path"] == "/v1/metrics"
    assert (headers["content-type"], headers["authorization"]) == (
        "application/x-protobuf",
        "Bearer x",
    )
    (resource,) = collector.requests[0].resource_metrics
    assert [pair.key for pair in resource.resource.attributes] == ["service.name"]
    metric = collector.metrics()["perfgate.operation.duration"]
    assert metric.unit == "s"
    assert metric.exponential_histogram.aggregation_temporality == 2  # cumulative
    points = metric.exponential_histogram.data_points
    assert {(point.time_unix_nano - point.start_time_unix_nano) for point in points} == {60 * 10**9}
    sent = [
        from_point(
            ExponentialPoint(
                count=point.count,
                scale=point.scale,
                zero_count=point.zero_count,
                zero_threshold=point.zero_threshold,
                positive_offset=point.positive.offset,
                positive_counts=tuple(point.positive.bucket_counts),
                negative_offset=point.negative.offset,
                negative_counts=tuple(point.negative.bucket_counts),
                sum=point.sum if point.HasField("sum") else None,
                min=point.min if point.HasField("min") else None,
                max=point.max if point.HasField("max") else None,
            )
        )
        for point in points
    ]
    report = scene.monitor.generate_performance_report()
    kept = [outcome.times for one in report.operations for outcome in one.outcomes]
    rejected = [each.rejected for each in kept]
    assert sum(rejected) == 1  # for which there is no field
    assert [(each.positive, each.sum, each.min, each.max) for each in sent] == [
        (each.positive, each.sum, each.min, each.max) for each in kept
    ]


def test_what_is_exported_bears_the_names_of_the_conventions(collector: _Collector) -> None:
    OtlpExporter(_scene().monitor, service_name="shop", endpoint=collector.endpoint).export()
    metrics = collector.metrics()
    points = metrics["perfgate.operation.duration"].exponential_histogram.data_points
    found = [_attributes(point) for point in points]
    refund = {"service.peer.name": "stripe", "perfgate.operation": "refund"}
    assert refund in found
    assert {**refund, "error.type": "Declined"} in found
    assert {
        "service.peer.name": "stripe",
        "perfgate.operation": "GET /v1/customers/:id",
        "http.request.method": "GET",
        "url.template": "/v1/customers/:id",
    } in found
    (alert,) = metrics["perfgate.alert.firing"].gauge.data_points
    rules = [one.value.string_value for one in alert.attributes if one.key == "perfgate.alert.rule"]
    assert (alert.as_int, rules) == (1, ["max < 1s"])
    (rejected,) = metrics["perfgate.monitor.record.rejected"].sum.data_points
    assert rejected.as_int == 1


def test_a_later_export_holds_everything_again(collector: _Collector) -> None:
    scene = _scene()
    exporter = OtlpExporter(scene.monitor, service_name="shop", endpoint=collector.endpoint)
    collector.status = 503
    with pytest.raises(ExportError, match="status 503"):
        exporter.export()
    collector.status = 200
    scene.monitor.record_operation("stripe", "refund", 1.0)
    exporter.export()
    metric = collector.metrics()["perfgate.operation.duration"]
    counts = [point.count for point in metric.exponential_histogram.data_points]
    assert sorted(counts) == [0, 1, 1, 1002]


def test_what_a_collector_rejects_is_no_success(collector: _Collector) -> None:
    exporter = OtlpExporter(_scene().monitor, service_name="shop", endpoint=collector.endpoint)
    partial = ExportMetricsPartialSuccess(rejected_data_points=3, error_message="too old")
    collector.answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    with pytest.raises(ExportError, match="rejected 3 data points: too old"):
        exporter.export()
    collector.answer = b"<html>\xff"
    with pytest.raises(ExportError, match="no protobuf"):
        exporter.export()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1/v1/metrics", "nonsense", "http://[::1"])
def test_a_collector_that_is_not_there_is_one_clear_line(endpoint: str) -> None:
    exporter = OtlpExporter(_scene().monitor, service_name="shop", endpoint=endpoint)
    with pytest.raises(PerfgateError) as caught:
        exporter.export()
    assert str(caught.value).startswith(f"{endpoint}: ")
    assert "\n" not in str(caught.value)


# --- without the extras


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        pytest.param("prometheus", "prometheus_client", "prometheus", id="prometheus"),
        pytest.param("otlp", "opentelemetry", "otlp", id="otlp"),
        pytest.param("otlp", "google.protobuf", "otlp", id="protobuf"),
    ],
)
def test_a_missing_extra_is_told_in_one_line(module: str, missing: str, extra: str) -> None:
    program = f"""
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r} or name.startswith({missing + "."!r}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import perfgate.monitor
from perfgate.errors import UsageError
try:
    import perfgate.monitor.{module}
except UsageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.endswith(f"pip install 'perfgate[{extra}]'\n")
    assert done.stdout.count("\n") == 1
