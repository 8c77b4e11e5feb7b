"""What goes wrong in an operation comes out of the testers as what it is, and nothing hangs."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from perfgate.errors import MeasurementError
from perfgate.testing.circuit_breaker import CircuitBreakerTester
from perfgate.testing.memory import measure_memory_growth, measure_memory_growth_async
from perfgate.testing.performance import PerformanceTestBase
from perfgate.testing.rate_limit import RateLimitTester
from perfgate.testing.upstream import Upstream, UpstreamError, start_upstream
from perfgate.testing.verdict import LoadVerdict
from tests.services.fake_clock import FakeClock

pytestmark = pytest.mark.anyio

Operation = Callable[[Any], Any]


class StopEverythingError(BaseException):
    """What is no Exception, like KeyboardInterrupt."""


async def _inner() -> None:
    """Never run by those who forget it."""


async def _limit(operation: Operation) -> None:
    tester = RateLimitTester(clock=FakeClock(), other_key=operation)
    await tester.validate_rate_limit(None, operation, 10, 1000)


async def _breaker(operation: Operation) -> None:
    tester = CircuitBreakerTester(clock=FakeClock())
    await tester.validate_circuit_breaker(None, operation, operation)


async def _alone(operation: Operation) -> None:
    await PerformanceTestBase().measure_operation("it", lambda: operation(None))


async def _at_once(operation: Operation) -> None:
    await PerformanceTestBase().measure_concurrent_operations("it", lambda: operation(None))


async def _at_a_rate(operation: Operation) -> None:
    await PerformanceTestBase().measure_arrival_rate("it", lambda: operation(None), 1000, 0.02)


Tester = Callable[[Operation], Awaitable[None]]


def _tasks() -> set[int]:
    return {task.id for task in anyio.get_running_tasks()}


def _leaving_no_task(tester: Tester) -> Tester:
    async def checked(operation: Operation) -> None:
        before = _tasks()
        try:
            await tester(operation)
        finally:
            assert _tasks() <= before

    return checked


TESTERS = pytest.mark.parametrize(
    "tester",
    [
        pytest.param(_leaving_no_task(tester), id=tester.__name__.strip("_"))
        for tester in (_limit, _breaker, _alone, _at_once, _at_a_rate)
    ],
)


@TESTERS
async def test_what_is_no_exception_is_raised_as_it_is(tester: Tester) -> None:
    async def operation(_: Any) -> None:
        await anyio.lowlevel.checkpoint()
        raise StopEverythingError

    with pytest.raises(StopEverythingError):
        await tester(operation)


@TESTERS
async def test_what_is_no_exception_is_raised_from_a_thread_as_it_is(tester: Tester) -> None:
    def operation(_: Any) -> None:
        raise StopEverythingError

    with pytest.raises(StopEverythingError):
        await tester(operation)


@TESTERS
async def test_a_coroutine_that_is_forgotten_inside_is_an_error(tester: Tester) -> None:
    async def operation(_: Any) -> None:
        _inner()  # type: ignore[unused-coroutine]  # the mistake that is to be noticed

    with pytest.raises(MeasurementError, match=r"never awaited the coroutine .*_inner"):
        await tester(operation)


@TESTERS
async def test_a_coroutine_that_a_blocking_operation_forgets_is_an_error(tester: Tester) -> None:
    def operation(_: Any) -> None:
        _inner()  # type: ignore[unused-coroutine]  # the mistake that is to be noticed

    with pytest.raises(MeasurementError, match=r"never awaited the coroutine .*_inner"):
        await tester(operation)


@TESTERS
async def test_a_cancelled_test_ends_with_all_that_it_started(tester: Tester) -> None:
    inside = 0

    async def operation(_: Any) -> None:
        nonlocal inside
        inside += 1
        try:
            await anyio.sleep_forever()
        finally:
            inside -= 1

    with anyio.move_on_after(0.05) as scope:
        await tester(operation)
    assert scope.cancelled_caught
    assert inside == 0


async def test_growth_of_memory_is_not_judged_where_a_coroutine_was_forgotten() -> None:
    def blocking() -> None:
        _inner()  # type: ignore[unused-coroutine]  # the mistake that is to be noticed

    async def awaited() -> None:
        blocking()

    with pytest.raises(MeasurementError, match="never awaited"):
        measure_memory_growth(blocking, batches=4, operations=2)
    with pytest.raises(MeasurementError, match="never awaited"):
        await measure_memory_growth_async(awaited, batches=4, operations=2)


@pytest.fixture
def server() -> Iterator[Upstream]:
    with start_upstream() as running:
        yield running


async def _get(server: Upstream) -> None:
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await stream.receive()


async def test_an_upstream_that_dies_makes_a_limit_doubtful(server: Upstream) -> None:
    server.kill()
    result = await RateLimitTester().validate_rate_limit(server, _get, 10, 50)
    assert result.verdict is not LoadVerdict.PASSED
    assert result.successful == 0
    assert result.other_errors > 0
    assert any("failed otherwise" in doubt for doubt in result.check.doubts)


async def test_an_upstream_that_dies_and_should_count_is_an_error(server: Upstream) -> None:
    server.kill()
    with pytest.raises(UpstreamError, match="does not answer"):
        await RateLimitTester(hits=server.hits).validate_rate_limit(server, _get, 10, 50)
    with pytest.raises(UpstreamError, match="does not answer"):
        await CircuitBreakerTester(dependency=server).validate_circuit_breaker(server, _get, _get)
