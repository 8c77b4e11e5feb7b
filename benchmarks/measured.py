"""Benchmarks of a service's operations, with a count of what went well."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

from perfgate.services.errors import ServiceError

__all__ = ["Measure"]

_T = TypeVar("_T")


class Measure:
    """Benchmarks operations of a service and reports which share of them succeeded.

    An operation that fails is counted and does not stop the benchmark, but one that fails each
    time does.
    """

    def __init__(self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop) -> None:
        self._benchmark = benchmark
        self._loop = loop

    def coroutine(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        """Benchmark an asynchronous operation, once to the end for each iteration."""

        async def call() -> _T:
            return await operation()

        return self.function(lambda: self._loop.run_until_complete(call()))

    def function(self, operation: Callable[[], _T]) -> _T:
        """Benchmark a function; return what it returned last."""
        results: list[_T] = []
        succeeded = failed = 0
        last: ServiceError | None = None

        def counted() -> None:
            nonlocal succeeded, failed, last
            try:
                results[:] = [operation()]
                succeeded += 1
            except ServiceError as error:
                failed += 1
                last = error

        self._benchmark(counted)
        if last is not None and not succeeded:
            raise last
        self._benchmark.extra_info["success_rate"] = succeeded / (succeeded + failed)
        return results[0]
