"""The models of the APIs in this process, on the clock of the client."""

from collections.abc import Callable, Mapping
from typing import Any

from perfgate.testing.upstream import Application, Engine, Settings, UpstreamClock
from tests.services.fake_clock import FakeClock

__all__ = ["engine_of"]


def engine_of(
    create: Callable[[UpstreamClock, Mapping[str, Any]], Application],
    clock: FakeClock,
    settings: Settings | None = None,
    **options: Any,
) -> Engine:
    upstream_clock = UpstreamClock(monotonic=clock.monotonic_s, wall=clock.wall_s)
    return Engine(create(upstream_clock, options), upstream_clock, settings or Settings())
