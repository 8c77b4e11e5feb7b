"""Ways to run many operations: ours, and those that one finds in test suites."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable

from perfgate.load import Closed, run_async

__all__ = ["PATTERNS", "Operation", "batches", "engine", "semaphore_and_gather"]

Operation = Callable[[], Awaitable[None]]
Pattern = Callable[[Operation, int, int], Awaitable[float]]
"""Takes the operation, the concurrency and how often; returns the seconds of processor it took:
on a machine with neighbours they say more than those of the clock."""


async def engine(operation: Operation, concurrency: int, operations: int) -> float:
    model = Closed(concurrency=concurrency, operations=operations, deadline_s=5.0)
    return (await run_async(operation, model)).cpu_s


async def semaphore_and_gather(operation: Operation, concurrency: int, operations: int) -> float:
    places = asyncio.Semaphore(concurrency)
    times = array("q")

    async def one() -> None:
        async with places:
            await _timed(operation, times)

    began_s = time.process_time()
    await asyncio.gather(*(one() for _ in range(operations)))
    return time.process_time() - began_s


async def batches(operation: Operation, concurrency: int, operations: int) -> float:
    times = array("q")
    began_s = time.process_time()
    for first in range(0, operations, concurrency):
        count = min(concurrency, operations - first)
        await asyncio.gather(*(_timed(operation, times) for _ in range(count)))
    return time.process_time() - began_s


async def bare(operation: Operation, concurrency: int, operations: int) -> float:
    del concurrency
    began_s = time.process_time()
    for _ in range(operations):
        await operation()
    return time.process_time() - began_s


async def _timed(operation: Operation, times: "array[int]") -> None:
    began_ns = time.perf_counter_ns()
    await operation()
    times.append(time.perf_counter_ns() - began_ns)


PATTERNS: dict[str, Pattern] = {
    "bare loop, no timing": bare,
    "perfgate, with a deadline": engine,
    "batches of 50": batches,
    "Semaphore + gather": semaphore_and_gather,
}
