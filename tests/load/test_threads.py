import asyncio
import gc
import threading
import time
from typing import Any

import pytest

from perfgate.errors import MeasurementError
from perfgate.load import Closed, Model, Open, Outcome, run_threads
from tests.services.fake_clock import FakeClock

BOTH = pytest.mark.parametrize(
    "model",
    [
        pytest.param(Closed(operations=50), id="alone"),
        pytest.param(Closed(concurrency=5, operations=50), id="closed"),
        pytest.param(Open(rate_per_s=2000, duration_s=0.025), id="open"),
    ],
)


class StopEverythingError(BaseException):
    """What is no Exception, like KeyboardInterrupt."""


class Counter:
    """Counts from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = 0

    def next(self) -> int:
        with self._lock:
            self.calls += 1
            return self.calls


@BOTH
def test_each_operation_runs_once(model: Model) -> None:
    counter = Counter()

    def operation() -> None:
        counter.next()

    result = run_threads(operation, model)
    assert (counter.calls, result.ok, result.failed) == (50, 50, 0)
    assert len(result.lateness) == (50 if isinstance(model, Open) else 0)


def test_one_at_a_time_runs_in_the_thread_of_the_caller() -> None:
    seen = set()
    run_threads(lambda: seen.add(threading.get_ident()), Closed(operations=3))
    assert seen == {threading.get_ident()}


def test_operations_of_a_closed_load_run_at_once() -> None:
    # Each waits for the others: with fewer than four at once this would break the barrier.
    barrier = threading.Barrier(4, timeout=10)
    result = run_threads(barrier.wait, Closed(concurrency=4, operations=40))
    assert result.ok == 40


@BOTH
def test_failures_are_counted_by_kind(model: Model) -> None:
    counter = Counter()

    def operation() -> None:
        if counter.next() % 5 == 0:
            raise TimeoutError

    result = run_threads(operation, model)
    assert (result.count_of(Outcome.TIMEOUT), result.ok) == (10, 40)
    assert result.failures[Outcome.TIMEOUT].details == {"TimeoutError": 10}


@BOTH
def test_what_is_no_exception_ends_the_run_and_is_raised_as_it_is(model: Model) -> None:
    counter = Counter()

    def operation() -> None:
        if counter.next() == 10:
            raise StopEverythingError
        time.sleep(0.001)

    with pytest.raises(StopEverythingError):
        run_threads(operation, model)
    assert counter.calls <= 50


@BOTH
def test_a_coroutine_that_nobody_awaits_is_an_error_and_no_number(model: Model) -> None:
    async def forgotten() -> None:
        await asyncio.sleep(0)

    with pytest.raises(MeasurementError, match="measure it as asynchronous"):
        run_threads(forgotten, model)
    gc.collect()  # a coroutine left unawaited would warn here


def test_what_returns_too_late_is_a_timeout() -> None:
    result = run_threads(lambda: time.sleep(0.25), Closed(operations=1, deadline_s=0.2))
    assert result.count_of(Outcome.TIMEOUT) == 1
    assert result.censored == 0


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(Closed(concurrency=3, operations=50, deadline_s=0.02), id="deadline"),
        pytest.param(Closed(concurrency=3, operations=50, limit_s=0.05), id="limit"),
        pytest.param(Open(rate_per_s=100, duration_s=0.05, deadline_s=0.02), id="open-deadline"),
        pytest.param(Open(rate_per_s=100, duration_s=0.05, limit_s=0.1), id="open-limit"),
    ],
)
def test_an_operation_that_never_returns_is_left_behind(model: Model) -> None:
    release = threading.Event()
    began_s = time.monotonic()
    result = run_threads(release.wait, model)
    release.set()
    assert time.monotonic() - began_s < 20
    assert result.is_aborted
    assert result.ok == 0
    assert result.doubts


def test_an_open_load_drops_what_finds_no_thread() -> None:
    release = threading.Event()
    model = Open(rate_per_s=1000, duration_s=0.01, max_in_flight=2, drain_s=0.0)
    result = run_threads(release.wait, model)
    release.set()
    assert (result.dropped, result.unfinished) == (8, 2)


def test_a_run_that_is_cancelled_ends_soon() -> None:
    is_cancelled = threading.Event()
    counter = Counter()

    def operation() -> None:
        if counter.next() == 5:
            is_cancelled.set()

    run_threads(operation, Closed(concurrency=2, duration_s=60), is_cancelled=is_cancelled)
    assert counter.calls < 1000


def test_an_answer_with_the_status_of_an_error_is_a_failure() -> None:
    class Reply:
        status_code = 404

    def operation() -> Any:
        return Reply()

    result = run_threads(operation, Closed(operations=2))
    assert result.failures[Outcome.HTTP_4XX].details == {"status 404": 2}


def test_a_cancelled_run_does_not_wait_for_what_never_returns() -> None:
    is_cancelled = threading.Event()
    release = threading.Event()
    counter = Counter()

    def operation() -> None:
        if counter.next() == 2:
            is_cancelled.set()
        release.wait()

    began_s = time.monotonic()
    run_threads(operation, Closed(concurrency=2, operations=10), is_cancelled=is_cancelled)
    release.set()
    assert time.monotonic() - began_s < 20


@BOTH
def test_threads_end_with_the_run(model: Model) -> None:
    before = set(threading.enumerate())
    run_threads(lambda: None, model)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_interrupt_within_a_thread_is_raised_where_the_run_was_started(
    error: type[BaseException],
) -> None:
    def operation() -> None:
        raise error

    with pytest.raises(error):
        run_threads(operation, Closed(concurrency=3, operations=30))


def test_response_times_of_an_open_load_count_from_the_planned_start() -> None:
    clock = FakeClock()
    numbers = iter(range(10))

    def stalls_first() -> None:
        if next(numbers) == 0:
            clock.sleep(0.5)

    # One thread at a time, so that the virtual clock stands still while it works.
    result = run_threads(stalls_first, Open(rate_per_s=10, duration_s=1.0), clock=clock)
    assert result.ok == 10
    assert result.service.max_s == pytest.approx(0.5)


def test_on_a_virtual_clock_deadlines_and_errors_count_as_well() -> None:
    clock = FakeClock()
    numbers = iter(range(10))

    def operation() -> None:
        number = next(numbers)
        clock.sleep(2.0 if number == 3 else 0.1)
        if number == 4:
            raise ConnectionResetError

    result = run_threads(operation, Closed(operations=10, deadline_s=1.0), clock=clock)
    assert (result.count_of(Outcome.TIMEOUT), result.count_of(Outcome.RESET)) == (1, 1)
    assert result.ok == 8
