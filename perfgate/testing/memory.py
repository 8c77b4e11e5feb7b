"""Does an operation leak? Memory is settled before each look, and an alarm must be confirmed.

The rule looks at the second half of 16 batches and wants a slope (Theil-Sen, 1968, so that single
jumps count for nothing) with steps that nearly all rise: of allocated blocks, which find small
objects, or of resident memory, which finds what extensions allocate. A filling cache and a
fragmented heap look the same at first, so the same must be seen in twice as many batches.
"""

import contextlib
import ctypes
import functools
import gc
import itertools
import mmap
import statistics
import sys
import tracemalloc
from array import array
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from perfgate.load.unawaited import is_unawaited, misuse_of, refuse_unawaited

__all__ = [
    "MemoryGrowth",
    "Sample",
    "assert_no_leak",
    "assert_no_leak_async",
    "judge_growth",
    "measure_memory_growth",
    "measure_memory_growth_async",
    "settled_rss_bytes",
]

MIN_BLOCKS_PER_OPERATION: Final = 0.05
MIN_BYTES_PER_OPERATION: Final = 256
MIN_RISING: Final = 0.8
_FULL_BATCH: Final = 200
"""Operations of a batch that the slopes were chosen for. What caches and pages add at random is
added per batch, so smaller ones must grow as much as these."""
_PAGE_BYTES: Final = mmap.PAGESIZE
_TRACED_OPERATIONS: Final = 500
_SHOWN_LINES: Final = 5
_ASYNCHRONOUS: Final = "the operation is asynchronous: use measure_memory_growth_async"
_UNKNOWN: Final = -1
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Memory of this process, settled."""

    blocks: int
    """Objects and buffers of Python's allocator."""
    rss_bytes: int | None
    """Resident memory; None where it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGrowth:
    """What an operation leaves behind."""

    blocks_per_operation: float
    bytes_per_operation: float | None
    """Slope of the resident memory; None where it cannot be read."""
    is_leaking: bool
    operations: int
    suspects: tuple[str, ...] = ()
    """For a leak: where Python memory that stayed was allocated. Empty for a native leak."""

    def __str__(self) -> str:
        rss = "unknown" if self.bytes_per_operation is None else f"{self.bytes_per_operation:.0f}"
        where = "".join(f"\n  {line}" for line in self.suspects)
        return (
            f"{self.blocks_per_operation:.2f} blocks and {rss} bytes of resident memory "
            f"per operation over {self.operations} operations{where}"
        )


def settled_rss_bytes() -> int | None:
    """Return the resident memory without garbage and freed pages; None where unknown.

    Without giving freed pages back, 54 to 195 MB of nothing were measured (glibc).
    """
    gc.collect()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
    return _rss_bytes()


def measure_memory_growth(
    operation: Callable[[], Any], *, batches: int = 16, operations: int = 200
) -> MemoryGrowth:
    """Run an operation that blocks in batches and judge what it leaves behind.

    Takes ``batches * operations`` calls, and as many again to confirm an alarm.

    Raises:
        MeasurementError: the operation left a coroutine that nobody awaits.
    """
    with refuse_unawaited(operation), contextlib.closing(_steps(batches, operations)) as steps:
        while isinstance(step := _advance(steps), int):
            for _ in range(step):
                if is_unawaited(operation()):
                    raise misuse_of(operation, _ASYNCHRONOUS)
    return step


async def measure_memory_growth_async(
    operation: Callable[[], Awaitable[Any]], *, batches: int = 16, operations: int = 200
) -> MemoryGrowth:
    """Await an operation in batches, one at a time, and judge what it leaves behind.

    Raises:
        MeasurementError: the operation made a coroutine that nobody awaits.
    """
    with refuse_unawaited(operation), contextlib.closing(_steps(batches, operations)) as steps:
        while isinstance(step := _advance(steps), int):
            for _ in range(step):
                await operation()
    return step


def assert_no_leak(
    operation: Callable[[], Any], *, batches: int = 16, operations: int = 200
) -> MemoryGrowth:
    """Measure, and raise if memory grows with each operation.

    Raises:
        AssertionError: it leaks; names the lines that allocated what stayed.
    """
    return _assert(measure_memory_growth(operation, batches=batches, operations=operations))


async def assert_no_leak_async(
    operation: Callable[[], Awaitable[Any]], *, batches: int = 16, operations: int = 200
) -> MemoryGrowth:
    """Measure, and raise if memory grows with each operation.

    Raises:
        AssertionError: it leaks; names the lines that allocated what stayed.
    """
    growth = await measure_memory_growth_async(operation, batches=batches, operations=operations)
    return _assert(growth)


def judge_growth(samples: Sequence[Sample], operations: int) -> MemoryGrowth:
    """Judge the second half of the samples, taken ``operations`` apart."""
    late = samples[(len(samples) - 1) // 2 :]
    blocks = [float(sample.blocks) for sample in late]
    rss = [float(sample.rss_bytes) for sample in late if sample.rss_bytes is not None]
    blocks_slope = _slope(blocks) / operations
    rss_slope = _slope(rss) / operations if len(rss) == len(late) else None
    scale = max(1.0, _FULL_BATCH / operations)
    min_blocks, min_bytes = scale * MIN_BLOCKS_PER_OPERATION, scale * MIN_BYTES_PER_OPERATION
    is_leaking = (blocks_slope > min_blocks and _rising(blocks) >= MIN_RISING) or (
        rss_slope is not None and rss_slope > min_bytes and _rising(rss) >= MIN_RISING
    )
    return MemoryGrowth(
        blocks_per_operation=blocks_slope,
        bytes_per_operation=rss_slope,
        is_leaking=is_leaking,
        operations=(len(samples) - 1) * operations,
    )


# --- how it goes on: a generator that says how many operations to run next ----------------------


_Steps = Generator[int, None, MemoryGrowth]


def _advance(steps: _Steps) -> int | MemoryGrowth:
    try:
        return next(steps)
    except StopIteration as end:
        verdict: MemoryGrowth = end.value
        return verdict


def _steps(batches: int, operations: int) -> _Steps:
    if batches < 4 or operations < 1:  # noqa: PLR2004 - two halves with a slope each
        raise ValueError("batches must be at least 4 and operations at least 1")
    series = _Series(2 * batches + 1)
    for _ in range(batches):
        yield operations
        series.add()
    growth = judge_growth(series.samples(), operations)
    if not growth.is_leaking:
        return growth
    for _ in range(batches):
        yield operations
        series.add()
    growth = judge_growth(series.samples(), operations)
    if not growth.is_leaking or tracemalloc.is_tracing():
        return growth
    suspects = yield from _trace()
    return MemoryGrowth(
        blocks_per_operation=growth.blocks_per_operation,
        bytes_per_operation=growth.bytes_per_operation,
        is_leaking=True,
        operations=growth.operations,
        suspects=suspects,
    )


def _trace() -> Generator[int, None, tuple[str, ...]]:
    """Find where memory that stays is allocated: in a pass of its own, ten times as slow."""
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.take_snapshot()
        yield _TRACED_OPERATIONS
        gc.collect()
        differences = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        tracemalloc.stop()
    own = tracemalloc.__file__
    grown = [
        difference
        for difference in differences
        if difference.count_diff >= _TRACED_OPERATIONS * MIN_BLOCKS_PER_OPERATION
        and difference.traceback[0].filename != own
    ]
    return tuple(
        f"{each.traceback[0].filename}:{each.traceback[0].lineno}: "
        f"{each.size_diff / _TRACED_OPERATIONS:.0f} B per operation"
        for each in grown[:_SHOWN_LINES]
    )


def _assert(growth: MemoryGrowth) -> MemoryGrowth:
    if growth.is_leaking:
        raise AssertionError(f"memory grows: {growth}")
    return growth


class _Series:
    """Samples in places that were allocated ahead: new ones would look like a leak."""

    def __init__(self, capacity: int) -> None:
        self._blocks = array("q", bytes(8 * capacity))
        self._rss_bytes = array("q", bytes(8 * capacity))
        self._count = 0
        self.add()

    def add(self) -> None:
        rss_bytes = settled_rss_bytes()
        self._rss_bytes[self._count] = _UNKNOWN if rss_bytes is None else rss_bytes
        self._blocks[self._count] = sys.getallocatedblocks()
        self._count += 1

    def samples(self) -> list[Sample]:
        return [
            Sample(blocks=blocks, rss_bytes=None if rss_bytes == _UNKNOWN else rss_bytes)
            for blocks, rss_bytes in zip(
                self._blocks[: self._count], self._rss_bytes[: self._count], strict=True
            )
        ]


def _slope(values: Sequence[float]) -> float:
    pairs = itertools.combinations(enumerate(values), 2)
    slopes = [(later - earlier) / (j - i) for (i, earlier), (j, later) in pairs]
    return statistics.median(slopes) if slopes else 0.0


def _rising(values: Sequence[float]) -> float:
    steps = [later > earlier for earlier, later in itertools.pairwise(values)]
    return sum(steps) / len(steps) if steps else 0.0


def _rss_bytes() -> int | None:
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return None


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # glibc only
        return None
