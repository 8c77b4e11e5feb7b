"""Coroutines that an operation makes and forgets: an error of the run, never a number."""

import threading
import warnings

import anyio
import anyio.lowlevel
import pytest

from perfgate.errors import MeasurementError
from perfgate.load import Closed, Model, Open, run_async, run_threads
from perfgate.load.unawaited import is_unawaited
from tests.services.fake_clock import FakeClock

MODELS = pytest.mark.parametrize(
    "model",
    [
        pytest.param(Closed(operations=40), id="alone"),
        pytest.param(Closed(concurrency=4, operations=40), id="closed"),
        pytest.param(Open(rate_per_s=2000, duration_s=0.02), id="open"),
    ],
)
FORGOTTEN = r"forgetful: never awaited the coroutine .*inner \(40 times\)"


async def inner() -> None:
    raise AssertionError("nothing of it runs")


async def forgetful() -> None:
    inner()  # type: ignore[unused-coroutine]  # the mistake that is to be noticed
    await anyio.lowlevel.checkpoint()


@MODELS
@pytest.mark.anyio
async def test_a_coroutine_that_an_operation_forgets_inside_is_an_error(model: Model) -> None:
    with pytest.raises(MeasurementError, match=FORGOTTEN):
        await run_async(forgetful, model)


@MODELS
def test_a_coroutine_that_a_blocking_operation_forgets_inside_is_an_error(model: Model) -> None:
    def forgetful() -> None:
        inner()  # type: ignore[unused-coroutine]  # the mistake that is to be noticed

    with pytest.raises(MeasurementError, match=FORGOTTEN):
        run_threads(forgetful, model)


@pytest.mark.anyio
async def test_other_warnings_come_through_and_the_filters_are_as_before() -> None:
    async def deprecated() -> None:
        warnings.warn("use another one", DeprecationWarning, stacklevel=1)

    before = list(warnings.filters)
    with pytest.warns(DeprecationWarning, match="use another one"):
        await run_async(deprecated, Closed(operations=1))
    with pytest.raises(MeasurementError):
        await run_async(forgetful, Closed(operations=1))
    assert list(warnings.filters) == before


@pytest.mark.anyio
async def test_what_an_operation_raises_beside_a_forgotten_coroutine_is_raised() -> None:
    class StopEverythingError(BaseException):
        pass

    async def operation() -> None:
        await forgetful()
        raise StopEverythingError

    with pytest.raises(StopEverythingError):
        await run_async(operation, Closed(operations=5))


@pytest.mark.anyio
async def test_runs_that_overlap_each_hear_of_their_forgotten_coroutines() -> None:
    clock = FakeClock()
    heard = []

    async def operation() -> None:
        await clock.sleep_async(1)
        await forgetful()

    async def run(operations: int) -> None:
        with pytest.raises(MeasurementError, match="never awaited the coroutine"):
            await run_async(operation, Closed(operations=operations), clock=clock)
        heard.append(operations)

    before = warnings.showwarning
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, 5)
        tasks.start_soon(run, 1)
    assert heard == [1, 5]
    assert warnings.showwarning is before


def test_runs_in_several_threads_leave_the_filters_as_before() -> None:
    before = list(warnings.filters)
    barrier = threading.Barrier(4, timeout=30)
    heard = []

    def run() -> None:
        barrier.wait()
        try:
            run_threads(lambda: inner().close(), Closed(concurrency=2, operations=20))
        except MeasurementError as error:
            heard.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == []
    assert list(warnings.filters) == before


def test_a_coroutine_is_unawaited_and_is_closed() -> None:
    assert is_unawaited(inner())
    assert not is_unawaited(5)
