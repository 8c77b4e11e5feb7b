import asyncio
import functools
import math
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import msgspec
import pytest

from perfgate.monitor import PerformanceMonitor
from perfgate.operations import OperationsReport, OperationSummary
from tests.monitor.scene import STARTED, Scene


def _only(monitor: PerformanceMonitor) -> OperationSummary:
    (operation,) = monitor.generate_performance_report().operations
    return operation


def _outcomes(operation: OperationSummary) -> dict[str, int]:
    return {each.outcome: each.count for each in operation.outcomes}


# --- recording and reporting


def test_a_report_tells_average_percentiles_success_rate_and_total_of_each_operation() -> None:
    scene = Scene()
    for number in range(1, 1001):
        scene.monitor.record_operation("stripe", "refund", float(number))
    scene.monitor.record_operation(
        "stripe", "refund", 1.0, success=False, error_type="TimeoutError"
    )
    scene.monitor.record_operation("contentful", "entry", 5.0)
    scene.now_s += 10
    report = scene.monitor.generate_performance_report()
    assert (report.timestamp - STARTED).total_seconds() == report.duration_s == 10
    entry, refund = report.operations
    assert (entry.service, entry.operation, entry.total_operations) == ("contentful", "entry", 1)
    assert (entry.average_s, entry.p50_s) == (0.005, None)  # one operation bounds no median
    assert (refund.total_operations, refund.operations_per_s) == (1001, 100.1)
    assert refund.success_rate == pytest.approx(1000 / 1001)
    # Quick failures are not in the times.
    assert refund.average_s == pytest.approx(0.5005)
    assert (refund.min_s, refund.max_s) == (0.001, 1.0)
    shown = (refund.p50_s, refund.p90_s, refund.p95_s, refund.p99_s)
    assert shown == pytest.approx((0.5, 0.9, 0.95, 0.99), rel=0.0055)
    assert _outcomes(refund) == {"ok": 1000, "TimeoutError": 1}


def test_a_report_is_the_same_after_json() -> None:
    scene = Scene("max < 5ms")
    scene.run(5)
    report = scene.monitor.generate_performance_report()
    again = msgspec.json.decode(report.json(), type=OperationsReport)
    assert msgspec.json.encode(again) == msgspec.json.encode(report)
    assert len(again.alerts) == 1


def test_an_idle_monitor_reports_that_nothing_happened() -> None:
    report = Scene().monitor.generate_performance_report()
    assert (report.operations, report.alerts, report.duration_s) == ((), (), 0)
    watched = _only(Scene("p95 < 1s").monitor)
    assert (watched.total_operations, watched.success_rate, watched.average_s) == (0, None, None)


@pytest.mark.parametrize("duration_ms", [math.nan, math.inf, -math.inf])
def test_a_duration_that_is_no_number_is_counted_as_rejected_and_nowhere_else(
    duration_ms: float,
) -> None:
    scene = Scene("max < 500ms", "p95 < 1s")
    scene.run(1)
    scene.monitor.record_operation("stripe", "refund", duration_ms)
    report = scene.monitor.generate_performance_report()
    assert (report.rejected, report.alerts) == (1, ())
    assert report.operations[0].total_operations == 20


def test_a_failure_without_a_type_is_an_error_and_none_can_pass_for_a_success() -> None:
    scene = Scene()
    for error_type in ("", "ok", "error"):
        scene.monitor.record_operation(
            "stripe", "refund", 1.0, success=False, error_type=error_type
        )
    operation = _only(scene.monitor)
    assert (operation.success_rate, _outcomes(operation)) == (0, {"error": 3})


def test_operations_beyond_64_are_counted_together_and_as_overflow() -> None:
    monitor = Scene().monitor
    for number in range(100):
        for _ in range(2):
            monitor.record_operation("shop", f"operation-{number}", 1.0)
    report = monitor.generate_performance_report()
    assert len(report.operations) == 64
    assert sum(each.total_operations for each in report.operations) == 200
    (other,) = (each for each in report.operations if each.operation == "__other__")
    assert other.total_operations == report.overflowed == 2 * 37


def test_outcomes_beyond_8_are_counted_together_and_as_overflow() -> None:
    monitor = Scene().monitor
    for number in range(20):
        monitor.record_operation("shop", "pay", 1.0, success=False, error_type=f"Error{number}")
    monitor.record_operation("shop", "pay", 1.0)
    operation = _only(monitor)
    outcomes = _outcomes(operation)
    assert len(outcomes) == 8
    assert (outcomes["ok"], outcomes["__other__"]) == (1, 14)
    assert operation.total_operations == 21
    assert monitor.generate_performance_report().overflowed == 14


def test_a_monitor_that_is_off_records_nothing_and_leaves_functions_alone() -> None:
    monitor = PerformanceMonitor({"shop:pay": ["max < 1ms"]}, is_on=False)
    monitor.record_operation("shop", "pay", 100.0, at_s=1.0, trace_id="x")
    with monitor.timed("shop", "pay") as block:
        block.forget()
    assert monitor.measured("shop")(len) is len
    assert _only(monitor).total_operations == 0


def test_threads_lose_no_record_and_disturb_no_report() -> None:
    monitor = PerformanceMonitor({"shop:op0": ["p95 < 1s", "error_rate < 90%", "max < 10s"]})
    began = threading.Barrier(9)

    def work(number: int) -> None:
        began.wait()
        for count in range(5000):
            is_ok = count % 10 != 0
            monitor.record_operation("shop", f"op{number % 3}", count % 7 + 1.0, is_ok, "boom")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        began.wait()
        seen = [
            sum(each.total_operations for each in monitor.generate_performance_report().operations)
            for _ in range(30)
        ]
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert seen == sorted(seen)
    operations = monitor.generate_performance_report().operations
    assert sum(each.total_operations for each in operations) == 40_000
    assert sum(_outcomes(each)["boom"] for each in operations) == 4_000


# --- timing


def test_a_block_is_timed_and_an_exception_passes_on_as_a_failure_of_its_class() -> None:
    scene = Scene()
    with scene.monitor.timed("stripe", "refund"):
        scene.now_s += 0.25

    def fail() -> None:
        with scene.monitor.timed("stripe", "refund"):
            scene.now_s += 0.5
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    operation = _only(scene.monitor)
    assert operation.average_s == pytest.approx(0.25)
    assert _outcomes(operation) == {"ok": 1, "ZeroDivisionError": 1}


def test_the_end_of_the_program_is_no_outcome_of_an_operation() -> None:
    scene = Scene("p95 < 1s")

    def stop() -> None:
        with scene.monitor.timed("stripe", "refund"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert _only(scene.monitor).total_operations == 0


def test_a_time_out_around_an_operation_is_a_failure() -> None:
    scene = Scene()

    async def hang() -> None:
        with scene.monitor.timed("stripe", "refund"):
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hang(), 0)
        task = asyncio.ensure_future(hang())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert _outcomes(_only(scene.monitor)) == {"CancelledError": 1}


def test_a_function_is_timed_under_its_name_and_keeps_it() -> None:
    scene = Scene()

    @scene.monitor.measured("stripe")
    def refund(amount: int, *, currency: str) -> str:
        """Give it back."""
        scene.now_s += 0.1
        return f"{amount} {currency}"

    assert refund(3, currency="eur") == "3 eur"
    assert (refund.__name__, refund.__doc__) == ("refund", "Give it back.")
    operation = _only(scene.monitor)
    assert operation.operation == "refund"
    assert operation.average_s == pytest.approx(0.1)


def _coroutine_function(scene: Scene) -> Callable[[int], Awaitable[int]]:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        scene.now_s += 0.1
        if number < 0:
            raise ValueError
        return 2 * number

    return double


def _function_that_returns_a_coroutine(scene: Scene) -> Callable[[int], Awaitable[int]]:
    inner = _coroutine_function(scene)
    return lambda number: inner(number)  # noqa: PLW0108 - no coroutine function itself


def _partial(scene: Scene) -> Callable[[int], Awaitable[int]]:
    return functools.partial(_coroutine_function(scene))


@pytest.mark.parametrize(
    "make", [_coroutine_function, _function_that_returns_a_coroutine, _partial]
)
def test_what_is_awaited_is_timed_to_its_end_and_once(
    make: Callable[[Scene], Callable[[int], Awaitable[int]]],
) -> None:
    scene = Scene()
    double = scene.monitor.measured("maths", "double")(make(scene))

    async def main() -> int:
        with pytest.raises(ValueError):  # noqa: PT011 - its own
            await double(-1)
        return await double(4)

    assert asyncio.run(main()) == 8
    operation = _only(scene.monitor)
    assert operation.average_s == pytest.approx(0.1)
    assert _outcomes(operation) == {"ok": 1, "ValueError": 1}


def test_a_generator_is_refused_because_its_work_comes_later() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, more):
        with pytest.raises(TypeError, match="generator"):
            Scene().monitor.measured("maths")(function)
