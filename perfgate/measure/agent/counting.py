"""Counting the instructions of the measured region alone, whatever counts them."""

import gc
from collections.abc import Callable
from typing import Protocol

from .heap import Heap

__all__ = ["CountingStopwatch", "InstructionCounter", "voluntary_waits"]


class InstructionCounter(Protocol):
    """What counts: callgrind around this process, or the processor.

    ``begin`` and ``end`` are attributes, not methods: looking a method up takes instructions that
    depend on where its name lies.
    """

    @property
    def begin(self) -> Callable[[], object]:
        """Count from here on."""

    @property
    def end(self) -> Callable[[], object]:
        """Count no further."""

    @property
    def start(self) -> Callable[[], object]:
        """Be ready; what ran before need not be watched."""

    def read(self) -> int:
        """Return the instructions from ``begin`` to ``end``."""

    def keep_last(self) -> str | None:
        """Return where the last count lies function by function, if it is known that finely."""


class CountingStopwatch:
    """Counts the instructions of a round where it was asked to; stands for ``Stopwatch``."""

    def __init__(self, counter: InstructionCounter) -> None:
        self._counter = counter
        self._heap = Heap()
        self._is_counting = False
        self._counted = 0

    def time(self, run: Callable[[], float]) -> float:
        """Run and return the duration that ``run`` returns."""
        return self._count(run) if self._is_counting else run()

    def count(self, time_round: Callable[[int], float], iterations: int) -> tuple[float, int]:
        """Run one round of a target that holds this stopwatch; return seconds and instructions."""
        self._is_counting = True
        try:
            return time_round(iterations), self._counted
        finally:
            self._is_counting = False

    def keep_last(self) -> str | None:
        """Return where the last count lies function by function, until the next benchmark."""
        return self._counter.keep_last()

    def start(self) -> None:
        """Settle the heap and get ready; what ran before is not watched, and so much faster."""
        self._heap.release()
        gc.collect()
        self._heap.settle()
        self._counter.start()

    def _count(self, run: Callable[[], float]) -> float:
        """Count a run with the calls around it.

        The garbage collector rests meanwhile: when it comes depends on what ran before.
        """
        gc.collect()
        self._heap.fill()
        was_enabled = gc.isenabled()
        gc.disable()
        begin, end = self._counter.begin, self._counter.end
        try:
            begin()
            result = run()
            end()
        finally:
            if was_enabled:
                gc.enable()
        self._counted = self._counter.read()
        return result


def voluntary_waits() -> int:
    """Return how often this process gave up its CPU by itself: it slept, or waited for others."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
