"""Continuous monitoring of operations: times, failures, alerts and reports.

The exporters stand apart, in ``perfgate.monitor.prometheus`` and ``perfgate.monitor.otlp``: each
needs an extra.
"""

from perfgate.monitor.monitor import PerformanceMonitor
from perfgate.monitor.report import PerformanceReport
from perfgate.monitor.rules import BurnRate, Settings, Threshold, sre_burn_rates
from perfgate.operations import Alert, AlertState, Severity

__all__ = [
    "Alert",
    "AlertState",
    "BurnRate",
    "PerformanceMonitor",
    "PerformanceReport",
    "Settings",
    "Severity",
    "Threshold",
    "sre_burn_rates",
]
