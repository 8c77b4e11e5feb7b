"""The monitor: records operations for almost nothing, and knows when one goes wrong."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Final, ParamSpec, TypeVar

from perfgate.model import Environment, Revision
from perfgate.monitor.alerts import AlertBook
from perfgate.monitor.events import Listener, Listeners
from perfgate.monitor.report import PerformanceReport, here, summarised
from perfgate.monitor.rules import Rule, Settings, Threshold
from perfgate.monitor.series import OK, OTHER, Cell, Series
from perfgate.monitor.timing import UNTIMED, Timed, measured
from perfgate.operations import Alert, OperationSummary

__all__ = ["PerformanceMonitor"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

MAX_OPERATIONS: Final = 64
_BATCH: Final = 256
"""Records of one outcome that are counted together."""


class PerformanceMonitor:
    """Records what operations took and whether they succeeded; may be used by any thread.

    Up to 64 operations with 8 outcomes each are kept apart; what is beyond is counted together
    and as overflow. Nothing runs in the background: thresholds are held against the windows when
    something is recorded or read, or by ``evaluate``, which a program calls on its own timer where
    operations may cease.

    Args:
        thresholds: What operations must keep to, by ``service:operation``; see ``set_thresholds``.
        settings: Of windows and alerts.
        clock: Seconds from an arbitrary start, that never go back.
        started: The date at which the clock stands now; None for the real one.
        environment: Where it runs, for reports; None for what the interpreter knows of that.
        revision: What code runs, for reports.
        is_on: If not, for good, nothing is recorded, and decorated functions stay as they are.
    """

    def __init__(  # noqa: PLR0913 - all of them optional
        self,
        thresholds: Mapping[str, Sequence[str | Rule]] | None = None,
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.perf_counter,
        started: dt.datetime | None = None,
        environment: Environment | None = None,
        revision: Revision | None = None,
        is_on: bool = True,
    ) -> None:
        self.is_on: Final = is_on
        self.settings = settings or Settings()
        self._clock = clock
        self._began_s = clock()
        self._started = started or dt.datetime.now(dt.UTC)
        self._environment = environment or here()
        self._revision = revision or Revision()
        self._cells: dict[tuple[str, str, str | bool], Cell] = {}
        self._series: dict[tuple[str, str], Series] = {}
        self._lock = threading.RLock()
        self._book = AlertBook(settings=self.settings, moment=self._moment)
        self._listeners = Listeners()
        self._overflowed = 0
        for target, rules in (thresholds or {}).items():
            self.set_thresholds(target, *rules)
        if not is_on:  # put in place here, so that being able to be off costs nothing
            self.record_operation = _ignore  # type: ignore[method-assign]
            self.timed = _untimed  # type: ignore[method-assign]

    # --- recording

    def record_operation(  # noqa: PLR0913, PLR0917 - the last three are optional
        self,
        service_name: str,
        operation: str,
        duration_ms: float,
        success: bool = True,  # noqa: FBT001, FBT002 - reads well in its place
        error_type: str = "",
        at_s: float | None = None,  # not keyword-only: that would cost every call
        trace_id: str = "",
    ) -> None:
        """Record one operation.

        Args:
            service_name: Who was asked.
            operation: For what; of low cardinality, ``GET /v1/customers/:id`` and never an id.
            duration_ms: How long it took, in milliseconds; NaN and infinities are only counted.
            success: Whether it did what it should.
            error_type: What kind of failure, of low cardinality: a class or a status.
            at_s: When it ended, by the monitor's clock; None for now.
            trace_id: Passed on with an alert that this operation sets off.
        """
        try:
            cell = self._cells[service_name, operation, success or error_type]
        except KeyError:
            cell = self._open(service_name, operation, error_type, success=success)
        now_s = self._clock() if at_s is None else at_s
        seconds = duration_ms / 1000.0
        if now_s >= cell.ends_s or seconds >= cell.limit_s:
            self._look(cell, now_s, seconds, trace_id)
        pending = cell.pending
        pending.append(seconds)
        if len(pending) >= _BATCH:
            self._flush(cell)

    def timed(self, service_name: str, operation: str) -> Timed:
        """Return a block to put an operation in: ``with monitor.timed("stripe", "refund"):``.

        An exception makes it a failure, and passes on.
        """
        return Timed(self.record_operation, self._clock, service_name, operation)

    def measured(
        self, service_name: str, operation: str = ""
    ) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
        """Return a decorator that times a function or coroutine function, named after it.

        Raises:
            TypeError: for a generator function.
        """

        def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
            if not self.is_on:
                return function
            name = operation or getattr(function, "__name__", type(function).__name__)
            return measured(lambda: self.timed(service_name, name), function)

        return decorate

    def _open(self, service: str, operation: str, error_type: str, *, success: bool) -> Cell:
        with self._lock:
            series = self._series_of(service, operation)
            cell, is_own = series.cell(OK if success else _failure(error_type))
            if is_own and series.operation == operation:
                self._cells[service, operation, success or error_type] = cell
            else:
                self._overflowed += 1
            return cell

    def _series_of(self, service: str, operation: str) -> Series:
        series = self._series.get((service, operation))
        if series is None:
            if len(self._series) >= MAX_OPERATIONS - 1:
                service = operation = OTHER
            series = self._series.setdefault(
                (service, operation), Series(service, operation, self.settings)
            )
        return series

    def _look(self, cell: Cell, now_s: float, seconds: float, trace_id: str) -> None:
        with self._lock:
            # A time from another clock must not carry the windows away into the future.
            now_s = min(now_s, self._clock())
            cell.series.turn(now_s, self._book)
            if cell.limit_s <= seconds < inf:
                cell.series.exceeded(seconds, now_s, trace_id, self._book)
            news = self._book.take()
        self._tell(news)

    def _flush(self, cell: Cell) -> None:
        with self._lock:
            cell.series.flush_cell(cell)

    # --- thresholds and events

    def set_thresholds(self, target: str, *rules: str | Rule) -> None:
        """Hold ``service:operation`` to these rules, and to no others, from now on.

        Args:
            target: The part before the first colon is the service.
            rules: Thresholds, as text or with a severity, and burn rates.

        Raises:
            ValueError: a rule cannot be read, or there is no room for another operation.
        """
        service, colon, operation = target.partition(":")
        if not (service and colon and operation):
            raise ValueError(f'{target!r} is not "service:operation"')
        read = tuple(
            Threshold(expression=rule) if isinstance(rule, str) else rule for rule in rules
        )
        with self._lock:
            series = self._series_of(service, operation)
            if series.operation != operation:
                raise ValueError(f"{target}: there are {MAX_OPERATIONS} operations already")
            series.set_rules(read, now_s=self._clock(), book=self._book)
            news = self._book.take()
        self._tell(news)

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call a listener with every alert; returns what ends that.

        The events are ``performance:threshold-exceeded``, once for each alert, and
        ``performance:threshold-resolved``. A coroutine function is started on asyncio's running
        event loop, or on the one that ran when it was subscribed, and not waited for.

        Raises:
            ValueError: there is no such event.
        """
        return self._listeners.on(event, listener)

    def evaluate(self) -> tuple[Alert, ...]:
        """Hold all operations against their rules, and return the alerts that fire."""
        with self._lock:
            now_s = self._clock()
            for series in self._series.values():
                series.turn(now_s, self._book)
            news, firing = self._book.take(), self._book.firing
        self._tell(news)
        return firing

    def _tell(self, news: Sequence[tuple[str, Alert]]) -> None:
        for event, alert in news:
            self._listeners.emit(event, alert)

    def _moment(self, now_s: float) -> dt.datetime:
        return self._started + dt.timedelta(seconds=now_s - self._began_s)

    # --- reading

    def generate_performance_report(self) -> PerformanceReport:
        """Return what has been seen since the start, with all alerts."""
        self.evaluate()
        with self._lock:
            now_s = self._clock()
            duration_s = max(0.0, now_s - self._began_s)
            return PerformanceReport(
                timestamp=self._moment(now_s),
                duration_s=duration_s,
                operations=tuple(self._summaries(duration_s)),
                alerts=self._book.known,
                overflowed=self._overflowed,
                rejected=sum(series.rejected for series in self._series.values()),
                suppressed_alerts=self._book.suppressed,
                listener_failures=self._listeners.failures,
                environment=self._environment,
                revision=self._revision,
            )

    def _summaries(self, duration_s: float) -> Iterator[OperationSummary]:
        for (service, operation), series in sorted(self._series.items()):
            series.flush()
            times = {outcome: series.times(outcome) for outcome in sorted(series.cells)}
            yield summarised(service, operation, times, duration_s)


def _failure(error_type: str) -> str:
    return "error" if error_type in {"", OK} else error_type


def _ignore(  # noqa: PLR0913, PLR0917 - as record_operation
    service_name: str,
    operation: str,
    duration_ms: float,
    success: bool = True,  # noqa: FBT001, FBT002 - as record_operation
    error_type: str = "",
    at_s: float | None = None,
    trace_id: str = "",
) -> None:
    """Record nothing."""


def _untimed(service_name: str, operation: str) -> Timed:
    del service_name, operation
    return UNTIMED
