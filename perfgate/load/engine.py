"""The engine for asynchronous operations, on asyncio and trio.

Closed load: as many workers as operations at once, all taking from one iterator. A worker that is
done goes on at once, where a batch waits for its slowest. Measured with an exponential latency
and 50 at once, a batch keeps 22 % of what it claims to keep under way.

An operation that never really waits runs one at a time however many workers there are: that is
the nature of an event loop. The result then says that the concurrency was not reached.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel

from perfgate.load.arrivals import offsets_ns, shifts_ns
from perfgate.load.clock import Clock, Timing, timing_of
from perfgate.load.live import Observer
from perfgate.load.models import Closed, Model, Open
from perfgate.load.outcomes import Outcome
from perfgate.load.recorder import Recorder
from perfgate.load.result import LoadResult
from perfgate.load.unawaited import is_unawaited, misuse_of, refuse_unawaited
from perfgate.load.watch import IDLE_NS, Watch

__all__ = ["AsyncOperation", "run_async"]

AsyncOperation = Callable[[], Awaitable[Any]]

_NS: Final = 1_000_000_000
_FOREVER_NS: Final = 1 << 62
_SLICE_NS: Final = 1_000_000
_FLOOR_OPERATIONS: Final = 2_000
_FLOORS_S: Final[dict[str, float]] = {}
"""What the harness itself takes, by event loop; measured when one is used first."""
_UNAWAITED = "the operation returned a coroutine that nobody awaits: await it inside"


async def run_async(
    operation: AsyncOperation,
    model: Model,
    *,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> LoadResult:
    """Put a load on an operation and return what was measured.

    Exceptions of the operation are counted. What is no ``Exception`` (KeyboardInterrupt,
    SystemExit, a cancellation from outside) ends the run and is raised as it is, once nothing of
    the run is under way any more.

    Args:
        operation: Called for each operation; its result is awaited.
        model: How much of it, and how long.
        clock: Replaces the real one for times and planned starts, not for deadlines.
        observer: Is shown what was recorded while the load runs, and may end it.

    Raises:
        MeasurementError: the operation cannot be awaited, or left a coroutine that nobody awaits.
    """
    timing = timing_of(clock)
    floor_s = await _harness_floor_s() if timing.is_real else None
    with refuse_unawaited(operation):
        return await _run(operation, model, timing, floor_s, observer)


async def _run(
    operation: AsyncOperation,
    model: Model,
    timing: Timing,
    floor_s: float | None,
    observer: Observer | None = None,
) -> LoadResult:
    run = (
        _ClosedRun(operation, model, timing)
        if isinstance(model, Closed)
        else _OpenRun(operation, model, timing)
    )
    with anyio.move_on_after(model.limit_s) as limit:
        async with anyio.create_task_group() as tasks:
            run.tasks = tasks
            tasks.start_soon(run.watch.look)
            if observer is not None:
                tasks.start_soon(run.show, observer)
            await run.load()
            tasks.cancel_scope.cancel()
    if run.fatal is not None:
        raise run.fatal
    run.recorder.is_aborted |= limit.cancelled_caught
    run.recorder.longest_stall_ns = run.watch.longest_stall_ns
    return run.recorder.result(floor_s=floor_s)


async def _harness_floor_s() -> float:
    """Return what this engine reads for an operation that does nothing."""
    backend = anyio.get_cancelled_exc_class().__module__.partition(".")[0]
    if backend not in _FLOORS_S:
        model = Closed(operations=_FLOOR_OPERATIONS, deadline_s=60.0)
        result = await _run(_nothing, model, timing_of(None), None)
        _FLOORS_S[backend] = result.service.quantile_s(50) or 0.0
    return _FLOORS_S[backend]


async def _nothing() -> None:
    pass


class _Run:
    """What both kinds of load share."""

    tasks: anyio.abc.TaskGroup

    def __init__(self, operation: AsyncOperation, model: Model, timing: Timing) -> None:
        self._operation = operation
        self._timing = timing
        deadline_s = model.deadline_s
        self._deadline_ns = _FOREVER_NS if deadline_s is None else round(deadline_s * _NS)
        self.watch = Watch(self._deadline_ns, timing.now_ns)
        self.recorder = Recorder(model, timing)
        self.fatal: BaseException | None = None

    def _counts(self, error: BaseException, took_ns: int) -> bool:
        """Count what an operation raised; False where it ends the run instead.

        Raises:
            BaseException: the error, where the engine itself is being cancelled.
        """
        if isinstance(error, Exception):
            if took_ns > self._deadline_ns:
                self.recorder.timed_out(took_ns, is_censored=False)
            elif isinstance(error, TypeError) and _is_not_awaitable(error):
                self._end(misuse_of(self._operation, str(error)))
                return False
            else:
                self.recorder.raised(error, took_ns)
            return True
        if isinstance(error, asyncio.CancelledError) and not _is_cancelled_from_outside():
            self.recorder.raised(error, took_ns, outcome=Outcome.CANCELLED)
            return True
        if isinstance(error, (anyio.get_cancelled_exc_class(), GeneratorExit)):
            # One that is overdue was cancelled for that, and is counted by whoever has its scope.
            self.recorder.unfinished += took_ns <= self._deadline_ns
            raise error
        self._end(error)
        return False

    def _settle(self, result: object, took_ns: int) -> bool:
        """Count an operation that returned; say whether it succeeded."""
        if took_ns > self._deadline_ns:
            self.recorder.timed_out(took_ns, is_censored=False)
            return False
        if result is not None:
            if is_unawaited(result):
                self._end(misuse_of(self._operation, _UNAWAITED))
                return False
            if self.recorder.refused(result, took_ns):
                return False
        self.recorder.ok_ns.append(took_ns)
        return True

    async def show(self, observer: Observer) -> None:
        """Show what was recorded again and again, until the observer ends the load."""
        while True:
            await anyio.sleep(observer.period_s)
            if observer.look(self.recorder):
                self.recorder.is_aborted = True
                self.tasks.cancel_scope.cancel()

    def _end(self, error: BaseException) -> None:
        if self.fatal is None:
            self.fatal = error
        self.tasks.cancel_scope.cancel()


class _ClosedRun(_Run):
    def __init__(self, operation: AsyncOperation, model: Closed, timing: Timing) -> None:
        super().__init__(operation, model, timing)
        self._shared: Iterator[None] = (
            itertools.repeat(None)
            if model.operations is None
            else itertools.repeat(None, model.operations)
        )
        self._begun_ns = timing.now_ns()
        duration_s = model.duration_s
        whole = (0, _FOREVER_NS if duration_s is None else round(duration_s * _NS))
        self._shifts = shifts_ns(model.stages, model.concurrency) or (whole,) * model.concurrency
        self._last_ends_ns: list[int] = []
        self._left = len(self._shifts)
        self._all_done = anyio.Event()

    async def load(self) -> None:
        """Run until the iterator is used up or the time is."""
        for from_ns, until_ns in self._shifts:
            early_ns = self._begun_ns + from_ns - self._timing.now_ns()
            if from_ns and early_ns > 0:
                await self._timing.sleep_async(early_ns / _NS)
            self.tasks.start_soon(self._work, self._begun_ns + until_ns)
        await self._all_done.wait()
        recorder = self.recorder
        recorder.overhang_ns = sum(
            max(0, ended_ns - recorder.last_begun_ns) for ended_ns in self._last_ends_ns
        )

    async def _work(self, end_ns: int) -> None:
        slot = self.watch.add()
        try:
            while await self._stretch(slot, end_ns):
                pass
        finally:
            self.watch.begun_ns[slot] = IDLE_NS
            self._left -= 1
            if not self._left:
                self._all_done.set()

    async def _stretch(self, slot: int, end_ns: int) -> bool:
        """Run operations in one cancel scope: until one is cancelled, or none is left (False).

        A scope for each operation would cost ten times what the loop does.
        """
        begun_ns = 0
        watch, recorder = self.watch, self.recorder
        with anyio.CancelScope() as scope:
            watch.scopes[slot] = scope
            begun_ns, ended_ns, is_late = await self._loop(slot, end_ns)
            recorder.last_begun_ns = max(recorder.last_begun_ns, begun_ns)
            self._last_ends_ns.append(ended_ns)
            return is_late
        begun_ns = watch.cancelled_ns[slot]
        recorder.last_begun_ns = max(recorder.last_begun_ns, begun_ns)
        recorder.timed_out(self._deadline_ns, is_censored=True)
        return True

    async def _loop(  # noqa: C901, PLR0915 - calls would cost what is measured
        self, slot: int, end_ns: int
    ) -> tuple[int, int, bool]:
        """Run operations one after the other: the loop whose cost is the harness's.

        Returns:
            When the last began and ended, and whether it was late, so that its scope may have
            been cancelled and must not be used again.
        """
        operation = self._operation
        now_ns = self._timing.now_ns
        keep = self.recorder.ok_ns.append
        begun_at = self.watch.begun_ns
        deadline_ns = self._deadline_ns
        slice_ns = min(_SLICE_NS, deadline_ns)
        began = ended = now_ns()
        # Before it nothing can be late and nobody starve, so one comparison is enough.
        pause_ns = min(end_ns, ended + slice_ns)
        for _ in self._shared:
            began = begun_at[slot] = now_ns()
            try:
                result = await operation()
            except BaseException as error:  # noqa: BLE001 - counted, or raised by whoever runs this
                ended = now_ns()
                if not self._counts(error, ended - began):
                    break
                is_late = ended - began > deadline_ns
            else:
                ended = now_ns()
                if result is None and ended < pause_ns:
                    keep(ended - began)
                    continue
                is_late = ended - began > deadline_ns
                self._settle(result, ended - began)
            if is_late:
                return began, ended, True
            if ended >= pause_ns:
                if ended >= end_ns:
                    break
                begun_at[slot] = IDLE_NS
                await self.watch.let_others_run()
                pause_ns = min(end_ns, now_ns() + slice_ns)
        return began, ended, False


class _OpenRun(_Run):
    def __init__(self, operation: AsyncOperation, model: Open, timing: Timing) -> None:
        super().__init__(operation, model, timing)
        self._model = model
        self._in_flight = 0
        self._is_over = False
        self._all_done = anyio.Event()

    async def load(self) -> None:
        """Start what is planned, each at its time or late, and wait for the last."""
        model, recorder = self._model, self.recorder
        now_ns, sleep = self._timing.now_ns, self._timing.sleep_async
        began_ns = now_ns()
        for offset_ns in offsets_ns(model):
            due_ns = began_ns + offset_ns
            early_ns = due_ns - now_ns()
            if early_ns > 0:
                await sleep(early_ns / _NS)
            else:
                await anyio.lowlevel.checkpoint()
            if self._in_flight >= model.max_in_flight:
                recorder.dropped += 1
                continue
            self._in_flight += 1
            self.tasks.start_soon(self._one, due_ns)
        # Tasks that were started and have not run yet count as under way, so this waits for them.
        await self._drain()

    async def _drain(self) -> None:
        self._is_over = True
        await anyio.lowlevel.checkpoint()
        if self._in_flight:
            with anyio.move_on_after(self._model.drain_s):
                await self._all_done.wait()

    async def _one(self, due_ns: int) -> None:
        recorder, watch = self.recorder, self.watch
        slot = watch.add()
        try:
            with anyio.CancelScope() as scope:
                watch.scopes[slot] = scope
                began_ns = watch.begun_ns[slot] = self._timing.now_ns()
                recorder.last_begun_ns = max(recorder.last_begun_ns, began_ns)
                recorder.lateness_ns.append(max(0, began_ns - due_ns))
                await self._call(began_ns, due_ns)
            if scope.cancelled_caught:
                recorder.timed_out(self._deadline_ns, is_censored=True)
        finally:
            watch.remove(slot)
            self._in_flight -= 1
            if self._is_over and not self._in_flight:
                self._all_done.set()

    async def _call(self, began_ns: int, due_ns: int) -> None:
        recorder = self.recorder
        try:
            result = await self._operation()
        except BaseException as error:  # noqa: BLE001 - counted, or raised by whoever runs this
            self._counts(error, self._timing.now_ns() - began_ns)
            return
        ended_ns = self._timing.now_ns()
        if self._settle(result, ended_ns - began_ns):
            recorder.response_ns.append(ended_ns - due_ns)


def _is_cancelled_from_outside() -> bool:
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return False  # trio cancels with an exception of its own
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _is_not_awaitable(error: TypeError) -> bool:
    """Say whether this is what Python says to the engine's own ``await``, not one further down."""
    trace = error.__traceback__
    return (
        trace is not None
        and trace.tb_next is None
        and "can't be used in 'await' expression" in str(error)
    )
