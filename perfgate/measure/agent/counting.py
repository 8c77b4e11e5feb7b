"""Counting instructions under valgrind's callgrind, around the measured region alone.

Callgrind is told when to count through valgrind's own door: a sequence of instructions that does
nothing on a CPU and that valgrind takes for a request (valgrind.h, "client requests"). It is put
into a page of memory and called through ctypes, so that neither a compiler nor a second process is
needed, and counting costs what the region costs.
"""

import ctypes
import gc
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .heap import Heap

__all__ = ["CountingStopwatch", "InstructionCounter", "voluntary_waits"]

_REQUEST: Final = bytes.fromhex(
    "4889f8"  # mov rax, rdi: where the request and its five arguments lie
    "31d2"  # xor edx, edx: the answer outside valgrind
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61 and 51: by 128, so by nothing
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)
"""For x86-64 on System V; each architecture has a sequence of its own."""
_ARGUMENTS: Final = 5
_RUNNING_ON_VALGRIND: Final = 0x1001
_CALLGRIND: Final = ord("C") << 24 | ord("T") << 16
_ZERO_STATS: Final = _CALLGRIND + 1
_DUMP_STATS: Final = _CALLGRIND
_START_INSTRUMENTATION: Final = _CALLGRIND + 4
_STOP_INSTRUMENTATION: Final = _CALLGRIND + 5


class InstructionCounter:
    """Callgrind as a stopwatch; counts every thread of this process, user space alone."""

    def __init__(self, output: str) -> None:
        """Prepare; ``output`` is what callgrind was told to call its file.

        Raises:
            OSError: this system forbids memory that is both written and executed.
            RuntimeError: this process does not run under valgrind.
        """
        self._output = output
        self._dumps = 0
        self._heap = Heap()
        self._page = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._page.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)
        self._requests = {
            code: (ctypes.c_uint64 * (1 + _ARGUMENTS))(code)
            for code in (_ZERO_STATS, _DUMP_STATS, _START_INSTRUMENTATION, _STOP_INSTRUMENTATION)
        }
        running = (ctypes.c_uint64 * (1 + _ARGUMENTS))(_RUNNING_ON_VALGRIND)
        if not self._call(ctypes.addressof(running)):
            raise RuntimeError("this process does not run under valgrind")
        self._zero = ctypes.addressof(self._requests[_ZERO_STATS])
        self._dump = ctypes.addressof(self._requests[_DUMP_STATS])

    def start(self) -> None:
        """Settle the heap and let callgrind watch; what ran before was emulated much faster."""
        self._heap.release()
        gc.collect()
        self._heap.settle()
        self._call(ctypes.addressof(self._requests[_START_INSTRUMENTATION]))

    def stop(self) -> None:
        """Let callgrind look away."""
        self._call(ctypes.addressof(self._requests[_STOP_INSTRUMENTATION]))

    def count(self, run: Callable[[], float]) -> tuple[float, int]:
        """Return what ``run`` returns and its instructions, with those of the calls around it.

        The garbage collector rests meanwhile: when it comes depends on what ran before.
        """
        gc.collect()
        self._heap.fill()
        was_enabled = gc.isenabled()
        gc.disable()
        call, zero, dump = self._call, self._zero, self._dump
        try:
            call(zero)
            result = run()
            call(dump)
        finally:
            if was_enabled:
                gc.enable()
        self._dumps += 1
        return result, self._total(self.last_dump)

    @property
    def last_dump(self) -> Path:
        """Where callgrind wrote what the last count found, function by function."""
        return Path(f"{self._output}.{self._dumps}")

    def _total(self, file: Path) -> int:
        """Read the sum of a dump; the one before it goes, so that only the last one stays.

        ``summary`` is what the threads took since the zero; ``totals`` adds up functions, among
        them those that were under way before, with up to a hundredth of all that they had done.
        """
        last = file.read_bytes().rpartition(b"summary:")[2]
        file.with_suffix(f".{self._dumps - 1}").unlink(missing_ok=True)
        return int(last.split()[0])


class CountingStopwatch:
    """Counts the instructions of a round where it was asked to; stands for ``Stopwatch``."""

    def __init__(self, counter: InstructionCounter) -> None:
        self._counter = counter
        self._is_counting = False
        self.counted = 0

    def time(self, run: Callable[[], float]) -> float:
        """Run and return the duration that ``run`` returns."""
        if not self._is_counting:
            return run()
        duration_s, self.counted = self._counter.count(run)
        return duration_s

    def count(self, time_round: Callable[[int], float], iterations: int) -> tuple[float, int]:
        """Run one round of a target that holds this stopwatch; return seconds and instructions."""
        self._is_counting = True
        try:
            return time_round(iterations), self.counted
        finally:
            self._is_counting = False

    def keep_last(self) -> str:
        """Put the dump of the last count aside; return where it is until the next benchmark."""
        dump = self._counter.last_dump
        return str(dump.rename(dump.with_name("kept.out")))

    def start(self) -> None:
        """Let callgrind watch from here on."""
        self._counter.start()

    def stop(self) -> None:
        """Let callgrind look away until ``start``."""
        self._counter.stop()


def voluntary_waits() -> int:
    """Return how often this process gave up its CPU by itself: it slept, or waited for others."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
