import asyncio
import gc
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.errors import MeasurementError
from perfgate.load import Closed, LoadResult, Model, Open, Outcome, run_async
from tests.load.virtual_time import exponential
from tests.services.fake_clock import FakeClock

pytestmark = pytest.mark.anyio

CLOSED = Closed(concurrency=5, operations=50)
OPEN = Open(rate_per_s=2000, duration_s=0.025)
BOTH = pytest.mark.parametrize(
    "model", [pytest.param(CLOSED, id="closed"), pytest.param(OPEN, id="open")]
)


class StopEverythingError(BaseException):
    """What is no Exception, like KeyboardInterrupt."""


async def _nothing() -> None:
    await anyio.lowlevel.checkpoint()


class Gauge:
    """Counts calls, and how many are inside at once."""

    def __init__(self) -> None:
        self.calls = 0
        self.inside = 0
        self.most = 0

    async def operation(self) -> None:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
        finally:
            self.inside -= 1


async def test_a_closed_load_runs_exactly_the_operations_that_were_asked_for() -> None:
    gauge = Gauge()
    result = await run_async(gauge.operation, Closed(concurrency=7, operations=100))
    assert (gauge.calls, result.ok, result.failed, len(result.times)) == (100, 100, 0, 100)
    assert gauge.most == 7
    assert gauge.inside == 0


async def test_a_closed_load_keeps_the_concurrency_where_a_batch_would_wait() -> None:
    clock = FakeClock()
    operation = exponential(clock, mean_s=1.0, seed=1)
    result = await run_async(operation, Closed(concurrency=10, operations=300), clock=clock)
    assert result.concurrency == pytest.approx(10, rel=0.01)
    assert result.times.mean_s == pytest.approx(1.0, rel=0.2)
    # A batch takes as long as its slowest: H(10) = 2.93 means, and would run at 3.4 per second.
    assert result.ops_per_s is not None
    assert result.ops_per_s > 8


async def test_fewer_operations_than_callers_are_fine() -> None:
    gauge = Gauge()
    result = await run_async(gauge.operation, Closed(concurrency=10, operations=3))
    assert (result.ok, gauge.calls, gauge.most) == (3, 3, 3)


@settings(deadline=None, max_examples=25)
@given(
    latencies_s=st.lists(st.floats(0.001, 10), min_size=1, max_size=40),
    concurrency=st.integers(1, 10),
)
def test_a_window_takes_no_longer_than_any_schedule_may(
    latencies_s: list[float], concurrency: int
) -> None:
    # Graham 1966: whoever is free takes the next; never longer than the mean load and the longest.
    clock = FakeClock()
    left_s = iter(latencies_s)
    model = Closed(concurrency=concurrency, operations=len(latencies_s))
    result = anyio.run(
        lambda: run_async(lambda: clock.sleep_async(next(left_s)), model, clock=clock)
    )
    assert result.wall_s <= sum(latencies_s) / concurrency + max(latencies_s) + 1e-6
    assert (result.times.mean_s or 0) * result.ok == pytest.approx(sum(latencies_s), rel=1e-6)


async def test_a_closed_load_ends_when_its_time_is_over() -> None:
    clock = FakeClock()

    async def operation() -> None:
        await clock.sleep_async(1.0)

    result = await run_async(operation, Closed(concurrency=2, duration_s=9.5), clock=clock)
    assert result.ok == 20
    assert result.wall_s == pytest.approx(10)


async def test_an_open_load_charges_a_stall_to_all_who_would_have_arrived_in_it() -> None:
    clock = FakeClock()
    began_s = clock.now_s

    async def stalled_for_a_second() -> None:
        at_s = clock.now_s - began_s
        await clock.sleep_async(3 - at_s if 1.99 < at_s < 2.99 else 0.001)

    result = await run_async(stalled_for_a_second, Open(rate_per_s=20, duration_s=5), clock=clock)
    assert result.ok == 100
    # 20 of 100 arrive within the stall and wait 1000, 950, ... 50 ms: rank 90 is the 10th of them.
    assert result.times.quantile_s(90) == pytest.approx(0.5, abs=0.01)
    assert result.times.quantile_s(75) == pytest.approx(0.001, abs=0.0001)


async def test_response_times_of_an_open_load_count_from_the_planned_start() -> None:
    clock = FakeClock()
    is_first = True

    async def blocks_once() -> None:
        nonlocal is_first
        if is_first:
            clock.advance(1.0)  # nobody else can run in the meantime
            is_first = False

    result = await run_async(blocks_once, Open(rate_per_s=10, duration_s=1), clock=clock)
    assert result.service.quantile_s(90) == pytest.approx(0, abs=1e-6)
    assert result.times.quantile_s(90) == pytest.approx(0.9)
    assert result.lateness.max_s == pytest.approx(0.9)


async def test_an_open_load_drops_arrivals_beyond_its_cap_and_says_so() -> None:
    clock = FakeClock()

    async def operation() -> None:
        await clock.sleep_async(10)

    model = Open(rate_per_s=1, duration_s=5, max_in_flight=2)
    result = await run_async(operation, model, clock=clock)
    assert (result.ok, result.dropped) == (2, 3)
    assert result.doubts == ("3 arrivals dropped: too many were under way",)


async def test_what_is_under_way_when_an_open_load_ends_is_unfinished() -> None:
    async def forever() -> None:
        await anyio.sleep_forever()

    model = Open(rate_per_s=1000, duration_s=0.01, drain_s=0)
    result = await run_async(forever, model)
    assert (result.ok, result.failed, result.unfinished) == (0, 0, 10)
    assert result.success_rate is None


async def test_an_hour_of_arrivals_takes_no_hour_on_a_virtual_clock() -> None:
    clock = FakeClock()
    began_s = time.monotonic()
    result = await run_async(_nothing, Open(rate_per_s=0.1, duration_s=3600), clock=clock)
    assert result.ok == 360
    assert result.wall_s == pytest.approx(3590)
    assert time.monotonic() - began_s < 60


# --- what ends badly ---------------------------------------------------------------------------


@BOTH
async def test_failures_are_counted_by_kind_with_times_of_their_own(model: Model) -> None:
    calls = 0

    async def operation() -> None:
        nonlocal calls
        calls += 1
        mine = calls
        await anyio.lowlevel.checkpoint()
        if mine % 5 == 0:
            raise ConnectionResetError("gone")
        if mine % 5 == 1:
            raise ValueError(f"call {mine}")

    result = await run_async(operation, model)
    assert (result.count, result.ok, len(result.times)) == (50, 30, 30)
    assert result.count_of(Outcome.RESET) == 10
    broken = result.failures[Outcome.EXCEPTION]
    assert broken.details == {"ValueError": 10}
    assert len(broken.times) == 10
    assert len(broken.examples) == 3
    assert "ValueError: call " in broken.examples[0]
    assert result.success_rate == pytest.approx(0.6)


@BOTH
async def test_what_takes_longer_than_its_deadline_is_cancelled(model: Model) -> None:
    calls = cancelled = 0

    async def operation() -> None:
        nonlocal calls, cancelled
        calls += 1
        if calls % 10 == 0:  # nobody runs between
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                cancelled += 1
                raise
        await anyio.lowlevel.checkpoint()

    limited: Model = (
        Closed(concurrency=5, operations=50, deadline_s=0.02)
        if isinstance(model, Closed)
        else Open(rate_per_s=2000, duration_s=0.025, deadline_s=0.02)
    )
    result = await run_async(operation, limited)
    # Others may be late too where the machine is busy, but none of them has to be cancelled.
    assert cancelled == 5
    assert result.count == calls == 50
    assert result.count_of(Outcome.TIMEOUT) >= 5
    assert result.censored >= 5
    assert result.failures[Outcome.TIMEOUT].times.min_s == pytest.approx(0.02)


async def test_an_operation_that_ignores_its_cancellation_is_a_timeout_all_the_same() -> None:
    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.03)

    result = await run_async(stubborn, Closed(operations=3, deadline_s=0.01))
    assert result.count_of(Outcome.TIMEOUT) == result.count == 3
    assert result.censored == 0
    assert (result.failures[Outcome.TIMEOUT].times.min_s or 0) >= 0.03


async def test_an_operation_that_turns_its_cancellation_into_an_error_is_a_timeout() -> None:
    async def operation() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class() as error:
            raise OSError("interrupted") from error

    result = await run_async(operation, Closed(operations=2, deadline_s=0.01))
    assert result.count_of(Outcome.TIMEOUT) == result.count == 2


@BOTH
async def test_what_is_no_exception_ends_the_run_and_is_raised_as_it_is(model: Model) -> None:
    gauge = Gauge()

    async def operation() -> None:
        await gauge.operation()
        if gauge.calls >= 20:
            raise StopEverythingError

    with pytest.raises(StopEverythingError):
        await run_async(operation, model)
    assert gauge.inside == 0
    assert gauge.calls < 50


@BOTH
async def test_a_cancelled_run_leaves_nothing_behind(model: Model) -> None:
    gauge = Gauge()

    async def operation() -> None:
        gauge.inside += 1
        try:
            await anyio.sleep_forever()
        finally:
            gauge.inside -= 1

    with anyio.move_on_after(0.05) as scope:
        await run_async(operation, model)
    assert scope.cancelled_caught
    assert gauge.inside == 0


@BOTH
async def test_a_run_ends_at_its_limit_and_says_that_it_was_aborted(model: Model) -> None:
    async def forever() -> None:
        await anyio.sleep_forever()

    limited: Model = (
        Closed(concurrency=5, operations=50, limit_s=0.05)
        if isinstance(model, Closed)
        else Open(rate_per_s=2000, duration_s=0.025, limit_s=0.05)
    )
    result = await run_async(forever, limited)
    assert result.is_aborted
    assert result.doubts[0].startswith("aborted after 0.0")
    assert result.unfinished > 0


@BOTH
async def test_a_coroutine_that_nobody_awaits_is_an_error_and_no_number(model: Model) -> None:
    async def operation() -> Coroutine[Any, Any, None]:
        return _nothing()

    with pytest.raises(MeasurementError, match="nobody awaits"):
        await run_async(operation, model)
    gc.collect()  # a coroutine left unawaited would warn here


@BOTH
async def test_an_operation_that_cannot_be_awaited_is_an_error_and_no_number(model: Model) -> None:
    def operation() -> Any:
        return 5

    with pytest.raises(MeasurementError, match="can't be used in 'await' expression"):
        await run_async(operation, model)


async def test_a_type_error_of_the_operation_itself_is_its_failure() -> None:
    async def operation() -> None:
        value: Any = 5
        await value

    result = await run_async(operation, Closed(operations=3))
    assert result.failures[Outcome.EXCEPTION].details == {"TypeError": 3}


async def test_an_operation_that_blocks_the_loop_is_noticed() -> None:
    async def operation() -> None:
        await anyio.sleep(0.02)
        time.sleep(0.05)  # noqa: ASYNC251 - the mistake that is to be noticed

    result = await run_async(operation, Closed(concurrency=2, operations=4))
    assert 0.03 <= result.longest_stall_s <= (result.times.max_s or 0)


async def test_a_long_block_makes_the_times_of_all_doubtful() -> None:
    calls = 0

    async def operation() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            time.sleep(0.3)  # noqa: ASYNC251 - the mistake that is to be noticed
        await anyio.sleep(0.01)

    result = await run_async(operation, Closed(concurrency=3, operations=30))
    assert any("kept all others waiting for" in doubt for doubt in result.doubts)


async def test_operations_that_never_wait_let_others_run_now_and_then() -> None:
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async def computes() -> None:
        time.sleep(0.002)  # noqa: ASYNC251 - as a computation would

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bystander)
        await run_async(computes, Closed(concurrency=5, operations=100))
        tasks.cancel_scope.cancel()
    assert turns >= 3


def test_what_watches_every_line_is_a_doubt() -> None:
    before = sys.getprofile()
    sys.setprofile(lambda *_: None)
    try:
        result = anyio.run(run_async, _nothing, Closed(operations=10))
    finally:
        sys.setprofile(before)
    assert result.doubts[-1].endswith(" was active and slows everything")


async def test_operations_that_never_wait_do_not_keep_a_deadline_from_others() -> None:
    calls = 0

    async def operation() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await anyio.sleep_forever()
        time.sleep(0.002)  # noqa: ASYNC251 - as a computation would

    result = await run_async(operation, Closed(concurrency=2, operations=40, deadline_s=0.03))
    assert result.count_of(Outcome.TIMEOUT) >= 1
    assert result.count == 40


async def test_concurrency_that_was_not_reached_is_a_doubt() -> None:
    async def computes() -> None:
        time.sleep(0.001)  # noqa: ASYNC251 - as a computation would

    result = await run_async(computes, Closed(concurrency=10, operations=30))
    assert result.doubts[0].startswith("only 1 of 10 operations were under way") or (
        result.concurrency < 2
    )
    assert result.doubts


async def test_an_answer_that_was_returned_with_the_status_of_an_error_is_a_failure() -> None:
    class Reply:
        status_code = 503

    async def operation() -> Reply:
        return Reply()

    result = await run_async(operation, Closed(operations=4))
    assert result.ok == 0
    assert result.failures[Outcome.HTTP_5XX].details == {"status 503": 4}


async def test_a_run_at_full_speed_publishes_what_the_harness_itself_takes() -> None:
    result = await run_async(_nothing, Closed(operations=10))
    assert result.harness_floor_s is not None
    assert 0 < result.harness_floor_s < 0.001


# --- asyncio alone -----------------------------------------------------------------------------


def _in_asyncio(main: Callable[[], Coroutine[Any, Any, LoadResult]]) -> LoadResult:
    async def checked() -> LoadResult:
        result = await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(checked())


@BOTH
def test_an_operation_that_is_cancelled_by_its_own_doing_is_counted(model: Model) -> None:
    async def operation() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    result = _in_asyncio(lambda: run_async(operation, model))
    assert result.count_of(Outcome.CANCELLED) == result.count == 50


@BOTH
def test_the_cancellation_of_the_task_around_a_run_is_raised(model: Model) -> None:
    async def main() -> LoadResult:
        task = asyncio.create_task(run_async(lambda: asyncio.sleep(60), model))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await run_async(_nothing, Closed(operations=1))

    assert _in_asyncio(main).ok == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_within_an_operation_is_raised_where_the_run_was_awaited(
    error: type[BaseException],
) -> None:
    async def operation() -> None:
        await asyncio.sleep(0)
        raise error

    async def main() -> LoadResult:
        try:
            return await run_async(operation, CLOSED)
        except error:
            return await run_async(_nothing, Closed(operations=1))

    assert _in_asyncio(main).ok == 1
