import math
import threading
from collections.abc import Iterator
from typing import Any, Self

import anyio
import anyio.lowlevel
import pytest

from perfgate.load import Outcome
from perfgate.testing.operations import opened
from perfgate.testing.performance import PerformanceTestBase
from perfgate.testing.upstream import Upstream, start_upstream
from perfgate.testing.verdict import LoadVerdict
from tests.services.fake_clock import FakeClock

pytestmark = pytest.mark.anyio


class Service:
    """Takes a second of a virtual clock for each call."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.calls = 0
        self.life: list[str] = []

    async def initialize(self) -> None:
        self.life.append("open")

    async def close(self) -> None:
        self.life.append("closed")

    async def call(self) -> None:
        self.calls += 1
        await self.clock.sleep_async(1.0)

    async def take(self, seconds: float) -> None:
        await self.clock.sleep_async(seconds)

    async def fail_every_fourth_time(self) -> None:
        await self.call()
        if self.calls % 4 == 0:
            raise ConnectionResetError


class TestBase(PerformanceTestBase):
    def create_service(self) -> Service:
        clock = FakeClock()
        self.clock = clock
        return Service(clock)

    async def test_a_service_is_open_for_the_length_of_a_block(self) -> None:
        async with self.service() as service:
            assert service.life == ["open"]
        assert service.life == ["open", "closed"]

    async def test_an_operation_is_measured_one_at_a_time(self) -> None:
        async with self.service() as service:
            measured = await self.measure_operation("call", service.call, warmup=3)
        assert service.calls == 13
        assert measured.load.count == 10
        assert measured.avg_response_time_ms == pytest.approx(1000)
        assert measured.min_response_time_ms == pytest.approx(1000)
        assert measured.max_response_time_ms == pytest.approx(1000)
        assert measured.success_rate_percent == 100
        assert measured.error_rate_percent == 0
        assert measured.total_time_s == pytest.approx(10)
        assert measured.operations_per_second == pytest.approx(1)
        assert abs(measured.memory_delta_mb) < 50
        measured.require("mean <= 1.001s", "success_rate > 95%", "ops_per_s > 0.9")

    async def test_operations_are_measured_at_once(self) -> None:
        async with self.service() as service:
            measured = await self.measure_concurrent_operations("call", service.call)
        assert measured.load.count == 20
        # Five at a time, one second each.
        assert measured.total_time_s == pytest.approx(4)

    async def test_operations_are_measured_at_a_rate(self) -> None:
        async with self.service() as service:
            measured = await self.measure_arrival_rate("call", service.call, 10, 3)
        assert measured.load.count == 30
        assert measured.load.metrics()["service_p50"] == pytest.approx(1)

    async def test_failures_are_counted_by_kind_and_break_limits(self) -> None:
        async with self.service() as service:
            measured = await self.measure_operation(
                "call", service.fail_every_fourth_time, 20, warmup=0
            )
        assert measured.errors == {"reset": 5}
        assert measured.success_rate_percent == 75
        assert measured.check("errors.reset < 1").failures == ("errors.reset < 1: was 5",)
        with pytest.raises(AssertionError, match=r"call: failed: success_rate > 95%: was 75 %"):
            measured.require("success_rate > 95%")

    async def test_functions_that_return_something_to_await_are_awaited(self) -> None:
        async with self.service() as service:
            measured = await self.measure_operation("call", lambda: service.take(1.0), 5)
        assert measured.load.ok == 5
        assert measured.total_time_s == pytest.approx(5)


class TestBlocking(PerformanceTestBase):
    async def test_functions_that_block_run_at_once_on_threads(self) -> None:
        barrier = threading.Barrier(3, timeout=10)
        calls = 0

        def operation() -> None:
            nonlocal calls
            calls += 1
            if calls > 1:  # the first tells whether there is something to await
                barrier.wait()

        measured = await self.measure_concurrent_operations("wait", operation, 3, 30)
        assert measured.load.ok == 30

    async def test_a_cancelled_measurement_stops_its_threads(self) -> None:
        calls = 0
        released = threading.Event()

        def operation() -> None:
            nonlocal calls
            calls += 1
            released.wait(0 if calls == 1 else 10)

        with anyio.move_on_after(0.05) as scope:
            await self.measure_concurrent_operations("wait", operation, 3, 1000)
        released.set()
        assert scope.cancelled_caught
        assert calls <= 7

    async def test_whoever_creates_no_service_is_told(self) -> None:
        with pytest.raises(NotImplementedError, match="TestBlocking must say how"):
            self.create_service()


async def _nothing() -> None:
    await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("limit", "verdict", "reason"),
    [
        pytest.param(
            "p95 < 5h", LoadVerdict.INCONCLUSIVE, "p95 < 5h: too few operations (10)", id="too-few"
        ),
        pytest.param("p42 < 5", LoadVerdict.FAILED, 'no metric "p42"', id="unknown"),
        pytest.param("max < 1h", LoadVerdict.PASSED, "", id="kept"),
    ],
)
async def test_a_limit_is_kept_broken_or_open(
    limit: str, verdict: LoadVerdict, reason: str
) -> None:
    base = PerformanceTestBase()
    base.clock = FakeClock()  # so that no tracer and no busy machine is a doubt
    measured = await base.measure_operation("nothing", _nothing)
    check = measured.check(limit)
    assert check.verdict is verdict
    assert reason in check.reason


async def test_a_limit_that_is_relative_to_a_baseline_is_the_gate_s_to_hold() -> None:
    measured = await PerformanceTestBase().measure_operation("nothing", _nothing)
    with pytest.raises(ValueError, match="a test knows no baseline"):
        measured.check("p50 < 120% of baseline")


async def test_a_limit_on_nothing_fails() -> None:
    base = PerformanceTestBase()
    measured = await base.measure_arrival_rate(
        "hang", anyio.sleep_forever, 100, 0.01, timeout_s=0.01, warmup=0
    )
    assert math.isnan(measured.avg_response_time_ms)
    assert measured.success_rate_percent == 0
    assert measured.check("p50 < 1s").verdict is not LoadVerdict.PASSED


@pytest.fixture
def server() -> Iterator[Upstream]:
    with start_upstream() as running:
        yield running


async def test_an_upstream_that_dies_is_failures_and_no_hang(server: Upstream) -> None:
    calls = 0

    async def operation() -> None:
        nonlocal calls
        calls += 1
        if calls == 10:
            server.kill()
        stream = await anyio.connect_tcp("127.0.0.1", server.port)
        async with stream:
            await stream.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await stream.receive()

    measured = await PerformanceTestBase().measure_concurrent_operations(
        "get", operation, 5, 50, timeout_s=5, warmup=0
    )
    assert measured.load.count == 50
    assert measured.load.count_of(Outcome.OK) <= 9
    assert measured.load.count_of(Outcome.CONNECT) >= 35
    assert measured.load.count_of(Outcome.TIMEOUT) == 0


class _Plain:
    """Neither opened nor closed."""


class _Blocking:
    def __init__(self) -> None:
        self.is_open = False

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False


async def test_services_are_opened_in_the_way_that_they_have() -> None:
    blocking: Any = _Blocking()
    async with opened(blocking) as entered:
        assert entered.is_open
    assert not blocking.is_open
    plain = _Plain()
    async with opened(plain) as entered:
        assert entered is plain
