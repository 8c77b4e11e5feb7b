"""Local upstreams for performance tests: HTTP servers that keep state, enforce limits and fail.

``start_upstream`` is the way in. The models of APIs subclass ``Application``.
"""

from perfgate.testing.upstream.application import Application, ApplicationFactory, UpstreamClock
from perfgate.testing.upstream.engine import Engine, Hit, Settings, Statistics
from perfgate.testing.upstream.faults import Fault, FaultKind, Latency, LatencyShape
from perfgate.testing.upstream.handle import Upstream, UpstreamError, start_upstream
from perfgate.testing.upstream.limits import Decision, LimitKind, LimitScope, RateLimit
from perfgate.testing.upstream.wire import Part, Request, Response, form_tree, json_response

__all__ = [
    "Application",
    "ApplicationFactory",
    "Decision",
    "Engine",
    "Fault",
    "FaultKind",
    "Hit",
    "Latency",
    "LatencyShape",
    "LimitKind",
    "LimitScope",
    "Part",
    "RateLimit",
    "Request",
    "Response",
    "Settings",
    "Statistics",
    "Upstream",
    "UpstreamClock",
    "UpstreamError",
    "form_tree",
    "json_response",
    "start_upstream",
]
