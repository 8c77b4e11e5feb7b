"""Does a circuit breaker open, keep shut what it opened on, probe with few, and close again?"""

import inspect
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from perfgate.load import Clock, Closed, LoadResult, Outcome, classify
from perfgate.load.clock import timing_of
from perfgate.load.outcomes import outcome_of_result
from perfgate.load.unawaited import refuse_unawaited
from perfgate.testing.operations import is_awaited, run_load
from perfgate.testing.trial import ServiceOperation
from perfgate.testing.verdict import Check, LoadVerdict

__all__ = ["CircuitBreakerResult", "CircuitBreakerTester", "Dependency", "Traffic"]

_CALLERS: Final = 20
_FAST_CALLS: Final = 400
"""Enough for a 99th percentile."""
_PATIENCE: Final = 4
"""Thresholds until a breaker that has not opened never will."""
_MARGIN: Final = 1.01
_SERIAL: Final = 0.5
"""Of the callers' times one after the other; a breaker that lets them run at once needs 1/20."""
_READABLE_S: Final = 0.001
"""Shorter calls may be one after the other for want of a wait, not for a lock."""
_NS: Final = 1e9


class Traffic(Protocol):
    """What reached the dependency; the statistics of perfgate.testing.upstream fit."""

    @property
    def hits(self) -> int:
        """Calls so far."""

    @property
    def max_in_flight(self) -> int:
        """The most at once so far."""


class Dependency(Protocol):
    """What the breaker protects, or protects from; perfgate.testing.upstream.Upstream fits."""

    def statistics(self) -> Traffic:
        """Return the counts since the last ``forget``."""

    def forget(self) -> None:
        """Begin to count anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreakerResult:
    """What a breaker did on its way closed, open, half-open, open, half-open, closed."""

    failure_threshold: int
    failures_until_open: int | None
    """None where it never opened."""
    opened: bool
    calls_while_open: int
    rejected_while_open: int
    upstream_hits_while_open: int | None
    """None where the dependency was not given."""
    fail_fast_p99_s: float
    probes: int
    """Calls of 20 concurrent ones that were let through half-open."""
    reopened: bool
    """Whether a probe that failed opened it again."""
    closed_again: bool
    concurrent_calls: int | None
    """The most calls under way at once, of 20, when closed; None where it cannot be told."""
    check: Check

    @property
    def verdict(self) -> LoadVerdict:
        """Passed, failed or inconclusive; ``check`` says why."""
        return self.check.verdict

    @property
    def circuit_breaker_working(self) -> bool:
        """Whether it does all that a breaker must."""
        return self.verdict is LoadVerdict.PASSED

    def require(self) -> None:
        """Do nothing if the breaker is right.

        Raises:
            AssertionError: it is wrong, or nobody can say.
        """
        self.check.require()


class CircuitBreakerTester:
    """Leads a breaker through all its states.

    Args:
        clock: The breaker's own virtual clock; the real one where it is None, which is waited
            on twice for ``open_s``.
        dependency: Counts what gets past the breaker. Without it nobody sees calls that are
            let through and reported as refused.
        open_s: How long the breaker stays open.
        probes: How many calls it may let through half-open.
        max_fail_fast_s: How long a refusal may take, for 99 % of them.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        dependency: Dependency | None = None,
        open_s: float = 30.0,
        probes: int = 1,
        max_fail_fast_s: float = 0.01,
    ) -> None:
        self._clock = clock
        self._timing = timing_of(clock)
        self._dependency = dependency
        self._open_s = open_s
        self._probes = probes
        self._max_fail_fast_s = max_fail_fast_s

    async def validate_circuit_breaker(
        self,
        service: Any,
        failing_operation: ServiceOperation,
        success_operation: ServiceOperation,
        failure_threshold: int = 5,
    ) -> CircuitBreakerResult:
        """Lead a breaker that is closed and has counted nothing through all its states.

        Both operations take the service and must go through the breaker. An operation that is
        refused raises an error that says so by its name (``CircuitOpenError``) or in its text.
        The operations should wait for something, for what never waits is never concurrent.
        """
        failing = _Caller(service, failing_operation, self._clock)
        succeeding = _Caller(service, success_operation, self._clock)
        story = _Story(
            threshold=failure_threshold,
            allowed_probes=self._probes,
            max_fail_fast_s=self._max_fail_fast_s,
        )
        await self._open_it(failing, story)
        if story.failures_until_open is not None:
            await self._knock(succeeding, story)
            await self._fail_probes(failing, succeeding, story)
            await self._close_it(succeeding, story)
        if story.closed_again or story.failures_until_open is None:
            await self._crowd(succeeding, story)
        return story.told(sees_dependency=self._dependency is not None)

    async def _open_it(self, failing: "_Caller", story: "_Story") -> None:
        self._forget()
        for count in range(_PATIENCE * story.threshold + 1):
            outcome = await failing.once()
            if outcome is Outcome.CIRCUIT_OPEN:
                story.failures_until_open = count
                story.hits_until_open = self._hits()
                return
            story.unexpected += outcome is Outcome.OK

    async def _knock(self, succeeding: "_Caller", story: "_Story") -> None:
        """Call while it is open: one at a time, so that each shows how fast it is refused."""
        await succeeding.once()  # tells whether it must be awaited
        self._forget()
        # On a slow machine in real time it must not come to its probes meanwhile.
        duration_s = self._open_s / 2 if self._clock is None else None
        model = Closed(operations=_FAST_CALLS, duration_s=duration_s)
        load = await succeeding.load(model, is_real=True)
        story.calls_while_open = load.count
        story.rejected_while_open = load.count_of(Outcome.CIRCUIT_OPEN)
        story.hits_while_open = self._hits()
        if story.rejected_while_open:
            times = load.failures[Outcome.CIRCUIT_OPEN].times
            story.fail_fast_p99_s = times.quantile_s(99) or 0.0

    async def _fail_probes(
        self, failing: "_Caller", succeeding: "_Caller", story: "_Story"
    ) -> None:
        """Let the wait pass and call with many at once, all of which fail."""
        await self._timing.sleep_async(self._open_s * _MARGIN)
        self._forget()
        load = await failing.crowd()
        let_through = load.count - load.count_of(Outcome.CIRCUIT_OPEN)
        # One that wants several probes may take them one after the other.
        for _ in range(let_through, self._probes):
            let_through += await failing.once() is not Outcome.CIRCUIT_OPEN
        hits = self._hits()
        story.probes = let_through if hits is None else hits
        story.reopened = await succeeding.once() is Outcome.CIRCUIT_OPEN

    async def _close_it(self, succeeding: "_Caller", story: "_Story") -> None:
        """Let the wait pass and call until it is closed, which shows when many go through."""
        await self._timing.sleep_async(self._open_s * _MARGIN)
        for _ in range(self._probes):
            await succeeding.once()
        outcomes = [await succeeding.once() for _ in range(story.threshold)]
        story.closed_again = all(outcome is Outcome.OK for outcome in outcomes)

    async def _crowd(self, succeeding: "_Caller", story: "_Story") -> None:
        """Call with many at once when it is closed: a lock held during calls shows."""
        alone_s = statistics.median([await succeeding.duration_s() for _ in range(3)])
        self._forget()
        begun_ns = self._timing.now_ns()
        load = await succeeding.crowd()
        took_s = (self._timing.now_ns() - begun_ns) / _NS
        refused = load.count_of(Outcome.CIRCUIT_OPEN)
        story.closed_again = story.closed_again and not refused
        if refused:
            return
        if self._dependency is not None and alone_s >= _READABLE_S:
            story.concurrent_calls = self._dependency.statistics().max_in_flight
        elif alone_s >= _READABLE_S:
            is_serial = took_s > _SERIAL * _CALLERS * alone_s
            story.concurrent_calls = 1 if is_serial else _CALLERS

    def _forget(self) -> None:
        if self._dependency is not None:
            self._dependency.forget()

    def _hits(self) -> int | None:
        return None if self._dependency is None else self._dependency.statistics().hits


class _Caller:
    """Calls one operation, alone or with many at once."""

    def __init__(self, service: Any, operation: ServiceOperation, clock: Clock | None) -> None:
        self._operation = operation
        self._call: Callable[[], Any] = lambda: operation(service)
        self._clock = clock
        self._timing = timing_of(clock)
        self._is_async = True if is_awaited(operation) else None

    async def once(self) -> Outcome:
        """Call once and say how it ended."""
        with refuse_unawaited(self._operation):
            return await self._once()

    async def _once(self) -> Outcome:
        try:
            result = self._call()
            self._is_async = inspect.isawaitable(result)
            if self._is_async:
                result = await result
        except Exception as error:  # noqa: BLE001 - its kind is the answer
            self._is_async = bool(self._is_async)
            return classify(error)
        return outcome_of_result(result)

    async def duration_s(self) -> float:
        """Return how long a single call takes."""
        begun_ns = self._timing.now_ns()
        await self.once()
        return (self._timing.now_ns() - begun_ns) / _NS

    async def crowd(self) -> LoadResult:
        """Call with all callers at once."""
        return await self.load(Closed(concurrency=_CALLERS, operations=_CALLERS))

    async def load(self, model: Closed, *, is_real: bool = False) -> LoadResult:
        """Call as often as the model says."""
        if self._is_async is None:
            await self.once()
        clock = None if is_real else self._clock
        return await run_load(self._call, model, is_async=bool(self._is_async), clock=clock)


@dataclass(slots=True, kw_only=True)
class _Story:
    """What was seen so far."""

    threshold: int
    allowed_probes: int
    max_fail_fast_s: float
    failures_until_open: int | None = None
    hits_until_open: int | None = None
    unexpected: int = 0
    calls_while_open: int = 0
    rejected_while_open: int = 0
    hits_while_open: int | None = None
    fail_fast_p99_s: float = 0.0
    probes: int = 0
    reopened: bool = False
    closed_again: bool = False
    concurrent_calls: int | None = None
    failures: list[str] = field(default_factory=list)

    def told(self, *, sees_dependency: bool) -> CircuitBreakerResult:
        if self.failures_until_open is None:
            self.failures.append(
                f"never opened: {_PATIENCE * self.threshold + 1} failures went through"
            )
        else:
            self._judge_opening()
            self._judge_open()
            self._judge_half_open()
        self._judge_closed()
        return CircuitBreakerResult(
            failure_threshold=self.threshold,
            failures_until_open=self.failures_until_open,
            opened=self.failures_until_open is not None,
            calls_while_open=self.calls_while_open,
            rejected_while_open=self.rejected_while_open,
            upstream_hits_while_open=self.hits_while_open,
            fail_fast_p99_s=self.fail_fast_p99_s,
            probes=self.probes,
            reopened=self.reopened,
            closed_again=self.closed_again,
            concurrent_calls=self.concurrent_calls,
            check=Check(
                subject="circuit breaker",
                failures=tuple(self.failures),
                doubts=self._doubts(sees_dependency=sees_dependency),
            ),
        )

    def _judge_opening(self) -> None:
        # A call may be several attempts, each of which the breaker counts.
        counted = self.failures_until_open if not self.hits_until_open else self.hits_until_open
        if counted != self.threshold:
            self.failures.append(f"opened after {counted} failures, not {self.threshold}")

    def _judge_open(self) -> None:
        let_through = self.calls_while_open - self.rejected_while_open
        if let_through:
            self.failures.append(f"let {let_through} of {self.calls_while_open} through while open")
        if self.hits_while_open:
            self.failures.append(f"{self.hits_while_open} calls reached upstream while open")
        if self.fail_fast_p99_s > self.max_fail_fast_s:
            self.failures.append(f"took {self.fail_fast_p99_s * 1e3:.3g} ms to refuse (p99)")

    def _judge_half_open(self) -> None:
        if not self.probes:
            self.failures.append("let no probe through after its wait")
        if self.probes > self.allowed_probes:
            self.failures.append(
                f"let {self.probes} of {_CALLERS} callers through half-open, "
                f"not {self.allowed_probes}"
            )
        if not self.reopened:
            self.failures.append("did not open again when a probe failed")
        if not self.closed_again:
            self.failures.append("did not close when probes succeeded")

    def _judge_closed(self) -> None:
        if self.concurrent_calls == 1:
            self.failures.append(f"let only one of {_CALLERS} callers in at a time when closed")

    def _doubts(self, *, sees_dependency: bool) -> tuple[str, ...]:
        doubts: Sequence[tuple[bool, str]] = (
            (self.unexpected > 0, f"{self.unexpected} calls that should fail succeeded"),
            (
                self.concurrent_calls is None and self.closed_again,
                "calls were too short to tell whether it lets them in one at a time",
            ),
            (not sees_dependency, "nobody counted what reached upstream"),
        )
        return tuple(text for is_so, text in doubts if is_so)
