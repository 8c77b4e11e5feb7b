"""The control route of an upstream: orders and answers between a test and the server's process."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from perfgate.testing.upstream.engine import Engine, Hit, Statistics
from perfgate.testing.upstream.faults import Fault, Latency
from perfgate.testing.upstream.limits import RateLimit
from perfgate.testing.upstream.wire import Request, Response, json_response

__all__ = ["CONTROL_PREFIX", "Order", "control"]

CONTROL_PREFIX = "/.upstream/"
"""Paths below this are orders: they are neither logged nor limited nor spoilt."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an order; each route reads the fields that it needs."""

    faults: tuple[Fault, ...] = ()
    latency: Latency | None = None
    limits: tuple[RateLimit, ...] | None = None
    seconds: float = 0.0


def _hits(engine: Engine, _: Order) -> tuple[Hit, ...]:
    return engine.hits()


def _statistics(engine: Engine, _: Order) -> Statistics:
    return engine.statistics(time.process_time())


def _inspect(engine: Engine, _: Order) -> Any:
    return engine.application.inspect()


_ROUTES: dict[str, Callable[[Engine, Order], Any]] = {
    "hits": _hits,
    "statistics": _statistics,
    "inspect": _inspect,
    "faults": lambda engine, order: engine.inject(order.faults),
    "clear-faults": lambda engine, _: engine.clear_faults(),
    "latency": lambda engine, order: engine.set_latency(order.latency),
    "limits": lambda engine, order: engine.set_limits(order.limits),
    "stall": lambda engine, order: engine.stall(order.seconds),
    "advance": lambda engine, order: engine.clock.advance(order.seconds),
    "forget": lambda engine, _: engine.forget(),
}


def control(engine: Engine, request: Request) -> Response:
    """Carry out one order; the answer is JSON, with 400 and the problem where it makes no sense."""
    route = _ROUTES.get(request.path.removeprefix(CONTROL_PREFIX))
    if route is None:
        return json_response({"error": f"no such order: {request.path}"}, 404)
    try:
        order = msgspec.json.decode(request.body or b"{}", type=Order)
        return json_response(route(engine, order))
    except (msgspec.MsgspecError, ValueError) as error:
        return json_response({"error": str(error)}, 400)
