"""Applications that go wrong by themselves."""

from collections.abc import Mapping
from typing import Any

from perfgate.testing.upstream import Application, Request, Response, UpstreamClock


class _Crashing(Application):
    def answer(self, request: Request) -> Response:
        raise KeyError(request.path)


def on_a_request(clock: UpstreamClock, options: Mapping[str, Any]) -> Application:  # noqa: ARG001 - a factory
    return _Crashing(clock)


def at_the_start(clock: UpstreamClock, options: Mapping[str, Any]) -> Application:  # noqa: ARG001 - a factory
    raise RuntimeError("no such database")
