"""Operations of any kind under a load: awaited, or blocking on threads of their own."""

import contextlib
import functools
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import anyio
import anyio.to_thread

from perfgate.load import Clock, Closed, LoadResult, Model, Observer, run_async, run_threads
from perfgate.load.unawaited import refuse_unawaited

__all__ = [
    "Operation",
    "as_they_are",
    "is_awaited",
    "opened",
    "run_load",
    "warm_up",
    "without_collector",
]

Operation = Callable[[], Any]
"""Called for each operation; what it returns is awaited if it can be."""


async def warm_up(
    operation: Operation, *, count: int, deadline_s: float | None, clock: Clock | None = None
) -> bool:
    """Run an operation before it is measured, and say whether it must be awaited.

    What it raises is ignored, for the measurement will show it. Only calling a plain function
    tells whether it returns something to await, so that is called at least once.

    Raises:
        MeasurementError: it made a coroutine that nobody awaits.
    """
    if is_awaited(operation):
        is_async = True
    else:
        with refuse_unawaited(operation):
            is_async = await _called_once(operation, deadline_s)
        count -= 1
    if count > 0:
        model = Closed(operations=count, deadline_s=deadline_s)
        await run_load(operation, model, is_async=is_async, clock=clock)
    return is_async


async def _called_once(operation: Operation, deadline_s: float | None) -> bool:
    try:
        result = operation()
    except Exception:  # noqa: BLE001 - measured right after
        return False
    is_async = inspect.isawaitable(result)
    if is_async:
        with contextlib.suppress(Exception), _bounded(deadline_s):
            await result
    return is_async


def is_awaited(operation: Callable[..., Any]) -> bool:
    """Say whether an operation is declared as asynchronous."""
    plain = inspect.unwrap(operation)
    while isinstance(plain, functools.partial):
        plain = plain.func
    call = getattr(plain, "__call__", None)  # noqa: B004 - its own may be a coroutine function
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(call)


async def run_load(
    operation: Operation,
    model: Model,
    *,
    is_async: bool,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> LoadResult:
    """Put a load on an operation; one that blocks does not block the event loop."""
    if is_async:
        return await run_async(operation, model, clock=clock, observer=observer)
    is_cancelled = threading.Event()
    run = functools.partial(
        run_threads,
        operation,
        model,
        clock=clock,
        is_cancelled=is_cancelled,
        observer=observer,
    )
    try:
        return await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
    finally:
        is_cancelled.set()


@contextlib.contextmanager
def as_they_are() -> Iterator[None]:
    """Raise what one of several tasks raised, not the group that their end makes of it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None  # it has its own traceback; the group says no more


@contextlib.contextmanager
def without_collector() -> Any:
    """Keep the collector from looking at what is there already; new garbage is collected."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.asynccontextmanager
async def opened(service: Any) -> AsyncIterator[Any]:
    """Open a service in the way that it has, and close it.

    As a context manager, or with ``initialize`` and ``close``; of either kind, sync or async.
    One that has neither is used as it is.
    """
    if hasattr(service, "__aenter__"):
        async with service as entered:
            yield entered
    elif hasattr(service, "__enter__"):
        with service as entered:
            yield entered
    else:
        await _called(service, "initialize")
        try:
            yield service
        finally:
            await _called(service, "close")


async def _called(service: Any, method: str) -> None:
    function = getattr(service, method, None)
    result = None if function is None else function()
    if inspect.isawaitable(result):
        await result


def _bounded(seconds: float | None) -> contextlib.AbstractContextManager[Any]:
    return cast("contextlib.AbstractContextManager[Any]", anyio.move_on_after(seconds))
