"""What the fixtures ``perf`` and ``aio_benchmark`` give to a test; imported when one asks."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from perfgate.load import Clock, Closed, LoadResult, Model, Open, run_threads
from perfgate.load.unawaited import refuse_unawaited
from perfgate.testing.measurement import Measurement
from perfgate.testing.memory import (
    MemoryGrowth,
    assert_no_leak,
    assert_no_leak_async,
    settled_rss_bytes,
)
from perfgate.testing.operations import (
    Operation,
    is_awaited,
    opened,
    run_load,
    warm_up,
    without_collector,
)
from perfgate.testing.performance import growth_bytes

__all__ = ["AioBenchmark", "Benchmark", "Perf"]

_T = TypeVar("_T")
_FLOOR_CALLS: Final = 300


class Benchmark(Protocol):
    """What is used of pytest-benchmark's fixture."""

    extra_info: dict[str, Any]

    def __call__(self, function: Callable[[], _T]) -> _T:
        """Measure a function."""

    def pedantic(self, target: Callable[[], _T], **options: Any) -> _T:
        """Measure a function as its author says."""


class Perf:
    """PerformanceTestBase for tests that are plain functions, and for the gate.

    The first measurement of a test is its benchmark: the time of the whole load is the round, and
    its numbers go into ``extra_info`` under their own names, so that ``p95 < 500ms`` in a suite's
    limits is about the operations. Those of further measurements are called ``name.p95``.
    """

    def __init__(self, benchmark: Benchmark, *, clock: Clock | None = None) -> None:
        self._benchmark = benchmark
        self._clock = clock
        self._measured = 0
        self._runner = asyncio.Runner()
        self._opened: list[contextlib.AbstractAsyncContextManager[Any]] = []

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, on the event loop of this test."""
        return self._runner.run(coroutine)

    def open(self, service: Any) -> Any:
        """Open a service on the event loop of this test; it is closed after it."""
        context = opened(service)
        entered = self.run(_enter(context))
        self._opened.append(context)
        return entered

    def measure_operation(
        self,
        name: str,
        operation: Operation,
        iterations: int = 10,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Measure an operation one at a time."""
        model = Closed(operations=iterations, deadline_s=timeout_s)
        return self._measure(name, operation, model, warmup)

    def measure_concurrent_operations(
        self,
        name: str,
        operation: Operation,
        concurrency: int = 5,
        iterations: int = 20,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
    ) -> Measurement:
        """Measure with so many under way at any moment."""
        model = Closed(concurrency=concurrency, operations=iterations, deadline_s=timeout_s)
        return self._measure(name, operation, model, warmup)

    def measure_arrival_rate(  # noqa: PLR0913 - four of them may only be named
        self,
        name: str,
        operation: Operation,
        rate_per_s: float,
        duration_s: float,
        *,
        warmup: int = 1,
        timeout_s: float | None = None,
        max_in_flight: int = 10_000,
        poisson_seed: int | None = None,
    ) -> Measurement:
        """Measure with so many arrivals per second, timed from when each was to start."""
        model = Open(
            rate_per_s=rate_per_s,
            duration_s=duration_s,
            deadline_s=timeout_s,
            max_in_flight=max_in_flight,
            poisson_seed=poisson_seed,
        )
        return self._measure(name, operation, model, warmup)

    def assert_no_leak(
        self, operation: Operation, *, batches: int = 16, operations: int = 200
    ) -> MemoryGrowth:
        """Raise if memory grows with each call of an operation of either kind."""
        if self.run(warm_up(operation, count=1, deadline_s=None)):
            return self.run(assert_no_leak_async(operation, batches=batches, operations=operations))
        return assert_no_leak(operation, batches=batches, operations=operations)

    def close(self) -> None:
        """Close the services, the last first, and the event loop."""
        with self._runner:
            while self._opened:
                self.run(_exit(self._opened.pop()))

    def _measure(self, name: str, operation: Operation, model: Model, warmup: int) -> Measurement:
        is_async = self.run(
            warm_up(operation, count=warmup, deadline_s=model.deadline_s, clock=self._clock)
        )

        def load() -> LoadResult:
            if is_async:
                running = run_load(operation, model, is_async=True, clock=self._clock)
                return self.run(running)
            return run_threads(operation, model, clock=self._clock)

        before_bytes = settled_rss_bytes()
        with without_collector():
            is_first = not self._measured
            result = self._benchmark.pedantic(load, rounds=1, iterations=1) if is_first else load()
        self._measured += 1
        growth = growth_bytes(before_bytes, settled_rss_bytes())
        measurement = Measurement(name=name, load=result, memory_growth_bytes=growth)
        self._benchmark.extra_info.update(measurement.numbers("" if is_first else f"{name}."))
        return measurement


class AioBenchmark:
    """pytest-benchmark for coroutine functions: one event loop, each call awaited to its end.

    What the loop itself takes for a call is in the times, is not subtracted, and is said:
    ``loop_overhead_s`` here, ``loop_overhead`` in ``extra_info`` and a line at the end of the run.
    """

    def __init__(self, benchmark: Benchmark, say: Callable[[str], None]) -> None:
        self._benchmark = benchmark
        self._say = say
        self._runner = asyncio.Runner()
        self.loop_overhead_s = self._measure_overhead_s()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the event loop of the benchmark, unmeasured."""
        return self._runner.run(coroutine)

    def __call__(
        self, function: Callable[..., Coroutine[Any, Any, _T]], *args: Any, **kwargs: Any
    ) -> _T:
        """Measure ``await function(*args, **kwargs)`` and return what it returned last.

        Raises:
            TypeError: what the function returns cannot be awaited.
            MeasurementError: it made a coroutine that nobody awaits.
        """
        with refuse_unawaited(function):
            result = self._benchmark(self._runnable(function, args, kwargs))
        self._report()
        return result

    def pedantic(
        self,
        target: Callable[..., Coroutine[Any, Any, _T]],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> _T:
        """Measure as ``benchmark.pedantic`` does; ``setup`` may return no arguments."""
        with refuse_unawaited(target):
            result = self._benchmark.pedantic(self._runnable(target, args, kwargs or {}), **options)
        self._report()
        return result

    def close(self) -> None:
        """Close the event loop."""
        self._runner.close()

    def _runnable(
        self,
        function: Callable[..., Coroutine[Any, Any, _T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Callable[[], _T]:
        run = self._runner.get_loop().run_until_complete
        if not is_awaited(function):
            function = _awaiting(function)
        return lambda: run(function(*args, **kwargs))

    def _report(self) -> None:
        self._benchmark.extra_info["loop_overhead"] = self.loop_overhead_s

    def _measure_overhead_s(self) -> float:
        run = self._runnable(_nothing, (), {})
        durations_s = []
        for _ in range(_FLOOR_CALLS):
            began_s = time.perf_counter()
            run()
            durations_s.append(time.perf_counter() - began_s)
        overhead_s = statistics.median(durations_s)
        self._say(f"the event loop takes {overhead_s * 1e6:.1f} us of each call (not subtracted)")
        return overhead_s


def _awaiting(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return awaited


async def _nothing() -> None:
    pass


async def _enter(context: contextlib.AbstractAsyncContextManager[_T]) -> _T:
    return await context.__aenter__()


async def _exit(context: contextlib.AbstractAsyncContextManager[Any]) -> None:
    await context.__aexit__(None, None, None)
