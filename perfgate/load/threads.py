"""The engine for operations that block, on threads of their own.

The threads are daemons, for an operation that never returns cannot be stopped: it is left behind
and must not keep the process alive.
"""

import contextlib
import functools
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from perfgate.load.arrivals import offsets_ns, shifts_ns
from perfgate.load.clock import Clock, Timing, timing_of
from perfgate.load.live import Observer
from perfgate.load.models import Closed, Model, Open
from perfgate.load.outcomes import Outcome, outcome_of_result
from perfgate.load.recorder import Recorder
from perfgate.load.result import LoadResult
from perfgate.load.unawaited import is_unawaited, misuse_of, refuse_unawaited

__all__ = ["run_threads"]

_NS: Final = 1_000_000_000
_FOREVER_NS: Final = 1 << 62
_IDLE_NS: Final = 1 << 62
_LOOK_S: Final = 0.01
_GRACE_S: Final = 0.2
"""For what is under way when the run is over; nobody waits for its result any more."""
_PATIENCE: Final = 2
"""Deadlines until an operation that has not returned is left behind."""
_FLOOR_OPERATIONS: Final = 2_000
_UNAWAITED = "the operation returned a coroutine that nobody awaits: measure it as asynchronous"


def run_threads(
    operation: Callable[[], Any],
    model: Model,
    *,
    clock: Clock | None = None,
    is_cancelled: threading.Event | None = None,
    observer: Observer | None = None,
) -> LoadResult:
    """Put a load on an operation that blocks, and return what was measured.

    One at a time and without a deadline it runs in the calling thread, else on its own threads.

    Args:
        operation: Called for each operation, from several threads at once.
        model: How much of it, and how long.
        clock: Replaces the real one for times and planned starts.
        is_cancelled: Ends the run once it is set.
        observer: Is shown what was recorded while the load runs, and may end it.

    Raises:
        MeasurementError: the operation returned a coroutine, or made one and forgot it.
        BaseException: what the operation raised, where that is no ``Exception``.
    """
    timing = timing_of(clock)
    floor_s = _harness_floor_s() if timing.is_real else None
    with refuse_unawaited(operation):
        recorder = _run(operation, model, timing, is_cancelled or threading.Event(), observer)
    return recorder.result(floor_s=floor_s)


def _run(
    operation: Callable[[], Any],
    model: Model,
    timing: Timing,
    is_cancelled: threading.Event,
    observer: Observer | None = None,
) -> Recorder:
    run = _Run(operation, model, timing, is_cancelled)
    with run.shown(observer):
        if isinstance(model, Open):
            _run_open(run, model)
        else:
            _run_closed(run, model)
    if run.fatal is not None:
        raise run.fatal
    return run.recorder


@functools.cache
def _harness_floor_s() -> float:
    model = Closed(operations=_FLOOR_OPERATIONS)
    recorder = _run(lambda: None, model, timing_of(None), threading.Event())
    return recorder.result(floor_s=None).service.quantile_s(50) or 0.0


class _Run:
    """One run: what its threads share."""

    def __init__(
        self,
        operation: Callable[[], Any],
        model: Model,
        timing: Timing,
        is_over: threading.Event,
    ) -> None:
        self._operation = operation
        self.timing = timing
        self.is_over = is_over
        self.recorder = Recorder(model, timing)
        self.fatal: BaseException | None = None
        self.deadline_ns = (
            _FOREVER_NS if model.deadline_s is None else round(model.deadline_s * _NS)
        )
        self._limit_ns = _FOREVER_NS
        if model.limit_s is not None:
            self._limit_ns = time.perf_counter_ns() + round(model.limit_s * _NS)
        self.begun_ns: list[int] = []
        self.threads: list[threading.Thread] = []
        self.last_ends_ns: list[int] = []
        self.left_behind: set[int] = set()
        self._lock = threading.Lock()

    def is_over_before(self, due_ns: int) -> bool:
        """Wait for a planned time, and say whether the run ended before."""
        early_s = (due_ns - self.timing.now_ns()) / _NS
        if early_s > 0:
            if self.timing.is_real:
                self.is_over.wait(early_s)
            else:
                self.timing.sleep(early_s)
        return not self.watch()

    def start(self, work: Callable[[int], None]) -> None:
        """Start a thread with a slot of its own."""
        slot = len(self.begun_ns)
        self.begun_ns.append(_IDLE_NS)
        thread = threading.Thread(target=work, args=(slot,), name="perfgate-load", daemon=True)
        self.threads.append(thread)
        thread.start()

    def one(self, slot: int, due_ns: int | None = None) -> None:
        """Call the operation once and count how it ended."""
        recorder, now_ns = self.recorder, self.timing.now_ns
        began_ns = self.begun_ns[slot] = now_ns()
        try:
            result = self._operation()
        except Exception as error:  # noqa: BLE001 - counted with its kind and traceback
            self._settle(slot, functools.partial(recorder.raised, error))
            return
        except BaseException as error:  # noqa: BLE001 - raised by the caller's thread
            self.end(error)
            return
        took_ns = now_ns() - began_ns
        if took_ns > self.deadline_ns or (result is not None and not self._is_good(result)):
            self._settle(slot, functools.partial(recorder.refused, result))
        elif slot not in self.left_behind:
            recorder.ok_ns.append(took_ns)
            if due_ns is not None:
                recorder.response_ns.append(began_ns + took_ns - due_ns)

    def _is_good(self, result: object) -> bool:
        if is_unawaited(result):
            self.end(misuse_of(self._operation, _UNAWAITED))
            return False
        return outcome_of_result(result) is Outcome.OK

    def _settle(self, slot: int, count: Callable[[int], object]) -> None:
        """Count what did not go well: as a timeout where it also came late."""
        if slot in self.left_behind:
            return
        took_ns = self.timing.now_ns() - self.begun_ns[slot]
        if took_ns > self.deadline_ns:
            self.recorder.timed_out(took_ns, is_censored=False)
        else:
            count(took_ns)

    def end(self, error: BaseException) -> None:
        """End the run with an error that is none of the operation's."""
        with self._lock:
            if self.fatal is None:
                self.fatal = error
        self.is_over.set()

    def watch(self) -> bool:
        """Leave behind what does not return, end what takes too long; False when it is over."""
        if time.perf_counter_ns() > self._limit_ns:
            self.recorder.is_aborted = True
            self.is_over.set()
        if self.deadline_ns < _FOREVER_NS:
            now_ns = self.timing.now_ns()
            for slot, begun_ns in enumerate(self.begun_ns):
                overdue = now_ns - begun_ns > _PATIENCE * self.deadline_ns
                if overdue and slot not in self.left_behind:
                    self.left_behind.add(slot)
                    self.recorder.timed_out(self.deadline_ns, is_censored=True)
                    self.recorder.is_aborted = True
                    self.is_over.set()
        return not self.is_over.is_set()

    @contextlib.contextmanager
    def shown(self, observer: Observer | None) -> Iterator[None]:
        """Show what is recorded again and again, until the run or the observer ends it."""
        if observer is None:
            yield
            return
        is_done = threading.Event()

        def show() -> None:
            while not is_done.wait(observer.period_s):
                if observer.look(self.recorder):
                    self.recorder.is_aborted = True
                    self.is_over.set()
                    return

        thread = threading.Thread(target=show, name="perfgate-live", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()

    def join(self) -> None:
        """Wait for the threads that still work, and leave those behind that do not return."""
        over_s: float | None = None
        for slot, thread in enumerate(self.threads):
            while thread.is_alive() and slot not in self.left_behind:
                thread.join(_LOOK_S)
                if self.watch():
                    continue
                over_s = over_s or time.monotonic()
                if time.monotonic() - over_s > _GRACE_S:
                    self.left_behind.add(slot)


def _run_closed(run: _Run, model: Closed) -> None:
    shared: Iterator[None] = (
        itertools.repeat(None)
        if model.operations is None
        else itertools.repeat(None, model.operations)
    )
    begun_ns = run.timing.now_ns()
    whole = (0, _FOREVER_NS if model.duration_s is None else round(model.duration_s * _NS))
    shifts = shifts_ns(model.stages, model.concurrency) or (whole,) * model.concurrency

    def work(slot: int) -> None:
        began_ns, end_ns = 0, begun_ns + shifts[slot][1]
        for _ in shared:
            if run.is_over.is_set():
                break
            run.one(slot)
            began_ns = run.begun_ns[slot]
            if run.timing.now_ns() >= end_ns:
                break
        run.begun_ns[slot] = _IDLE_NS
        run.last_ends_ns.append(run.timing.now_ns())
        run.recorder.last_begun_ns = max(run.recorder.last_begun_ns, began_ns)

    if model.concurrency == 1 and model.deadline_s is None and model.limit_s is None:
        run.begun_ns.append(_IDLE_NS)
        work(0)
    else:
        for from_ns, _ in shifts:
            if run.is_over_before(begun_ns + from_ns):
                break
            run.start(work)
        run.join()
    last_ns = run.recorder.last_begun_ns
    run.recorder.overhang_ns = sum(max(0, ended - last_ns) for ended in run.last_ends_ns)


def _run_open(run: _Run, model: Open) -> None:
    crew = _Crew(run, model)
    began_ns = run.timing.now_ns()
    for offset_ns in offsets_ns(model):
        due_ns = began_ns + offset_ns
        if run.is_over_before(due_ns):
            break
        if not crew.send(due_ns):
            run.recorder.dropped += 1
    crew.dismiss(model.drain_s)


class _Crew:
    """Threads that wait for arrivals; more are hired while none is idle."""

    def __init__(self, run: _Run, model: Open) -> None:
        self._run = run
        self._most = model.max_in_flight
        self._arrivals: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._under_way = 0
        self._lock = threading.Lock()

    def send(self, due_ns: int) -> bool:
        """Give an arrival to an idle thread or a new one; False where all are busy."""
        with self._lock:
            if self._under_way >= self._most:
                return False
            self._under_way += 1
            is_short = self._under_way > len(self._run.threads)
        if is_short:
            self._run.start(self._work)
        self._arrivals.put(due_ns)
        return True

    def _work(self, slot: int) -> None:
        run = self._run
        while (due_ns := self._arrivals.get()) is not None:
            began_ns = run.timing.now_ns()
            with self._lock:
                run.recorder.lateness_ns.append(max(0, began_ns - due_ns))
                run.recorder.last_begun_ns = max(run.recorder.last_begun_ns, began_ns)
            run.one(slot, due_ns)
            run.begun_ns[slot] = _IDLE_NS
            with self._lock:
                self._under_way -= 1

    def dismiss(self, drain_s: float | None) -> None:
        """Wait for those under way, at most so long, and end the threads."""
        until_s = None if drain_s is None else time.monotonic() + drain_s
        while self._under_way and self._run.watch():
            if until_s is not None and time.monotonic() >= until_s:
                break
            time.sleep(_LOOK_S / 10)
        self._run.recorder.unfinished = self._under_way
        self._run.left_behind.update(range(len(self._run.threads)))
        for _ in self._run.threads:
            self._arrivals.put(None)
