"""How OpenTelemetry and Prometheus call what a monitor knows.

The names of attributes are those of OpenTelemetry's semantic conventions 1.38, as far as these have
any; Prometheus' are made of them by the rules of their compatibility document. The duration is not
``http.client.request.duration``: an operation may hold several requests, retries and waits, and
its server is not known here.
"""

import re
from collections.abc import Mapping
from typing import Final

from perfgate.operations import Alert, OperationsReport

__all__ = [
    "ALERTS",
    "BOUNDS_S",
    "COUNTERS",
    "DURATION",
    "alert_attributes",
    "attributes",
    "counted",
    "prometheus_name",
]

DURATION: Final = "perfgate.operation.duration"
ALERTS: Final = "perfgate.alert.firing"
COUNTERS: Final[Mapping[str, tuple[str, str]]] = {
    "perfgate.monitor.record.overflowed": (
        "{record}",
        "Records beyond the operations and outcomes that are kept apart.",
    ),
    "perfgate.monitor.record.rejected": ("{record}", "Durations that were no finite numbers."),
    "perfgate.monitor.listener.failures": ("{call}", "Calls of listeners that failed."),
}
"""Unit and description of what a monitor counts of itself."""
BOUNDS_S: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""The buckets that the conventions advise for durations."""

_OK: Final = "ok"
_OVERFLOW: Final = "__other__"
_OTHER: Final = "_OTHER"
"""What the conventions call errors of no kind of their own."""
_HTTP: Final = re.compile(r"(?P<method>[A-Z]{3,7}) (?P<template>/\S*)")


def attributes(service: str, operation: str, outcome: str) -> dict[str, str]:
    """Return what tells a series from others; ``GET /v1/things/:id`` also as HTTP has it."""
    found = {"service.peer.name": service, "perfgate.operation": operation}
    http = _HTTP.fullmatch(operation)
    if http is not None:
        found |= {"http.request.method": http["method"], "url.template": http["template"]}
    if outcome != _OK:
        found["error.type"] = _OTHER if outcome == _OVERFLOW else outcome
    return found


def alert_attributes(alert: Alert) -> dict[str, str]:
    """Return what tells an alert from others."""
    return {
        "service.peer.name": alert.service,
        "perfgate.operation": alert.operation,
        "perfgate.alert.rule": alert.rule,
        "perfgate.alert.severity": alert.severity.value,
    }


def counted(report: OperationsReport) -> dict[str, int]:
    """Return the counters of the monitor itself, by their names."""
    counts = (report.overflowed, report.rejected, report.listener_failures)
    return dict(zip(COUNTERS, counts, strict=True))


def prometheus_name(name: str) -> str:
    """Return the name of a metric or an attribute as Prometheus allows it."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
