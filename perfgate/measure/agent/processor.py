"""The processor's own counter of instructions, through the kernel (perf_event_open(2))."""

import ctypes
import fcntl
import os
import platform
import struct
import sys
from functools import partial
from typing import Final

__all__ = ["INSTRUCTIONS", "ProcessorCounter"]

INSTRUCTIONS: Final = (0, 1)
"""``PERF_TYPE_HARDWARE`` and ``PERF_COUNT_HW_INSTRUCTIONS``, retired ones."""
_SYSTEM_CALL: Final = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES: Final = struct.Struct("=IIQQQQQ64x")
"""The first fields of ``struct perf_event_attr`` as far as they are set, 112 bytes of it."""
_FLAGS: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6
"""Disabled until asked, inherited by threads, always on the counter, no kernel, no hypervisor."""
_CLOSE_ON_EXEC: Final = 1 << 3
_ENABLE: Final = 0x2400
_DISABLE: Final = 0x2401


class ProcessorCounter:
    """Counts this thread and what it starts from now on (threads, processes), user space alone."""

    def __init__(self, event: tuple[int, int] = INSTRUCTIONS) -> None:
        """Prepare; ``event`` is a type and a number of linux/perf_event.h.

        Raises:
            OSError: this machine has no such counter, or the kernel does not let this user count.
        """
        kind, number = event
        attributes = _ATTRIBUTES.pack(kind, _ATTRIBUTES.size, number, 0, 0, 0, _FLAGS)
        self._file = _opened(attributes)
        self._total = 0
        self.begin = partial(fcntl.ioctl, self._file, _ENABLE)
        self.end = partial(fcntl.ioctl, self._file, _DISABLE)

    def start(self) -> None:
        """Forget a region that began and was never ended, for the benchmark failed in it."""
        self.end()
        self.read()

    def read(self) -> int:
        """Return the instructions between ``begin`` and ``end``, with those of the calls around.

        The difference of two totals: setting the counter to zero would leave what threads took
        that have ended.

        Raises:
            OSError: the counter was taken away by another user of it.
        """
        found = os.read(self._file, 8)
        if not found:
            raise OSError("the processor's counter was given to somebody else meanwhile")
        before, self._total = self._total, int.from_bytes(found, sys.byteorder)
        return self._total - before

    def keep_last(self) -> None:
        """A processor knows no functions."""

    def close(self) -> None:
        """Give the counter back."""
        os.close(self._file)


def _opened(attributes: bytes) -> int:
    number = _SYSTEM_CALL.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        raise OSError(f"no way to the counters of {platform.system()} on {platform.machine()}")
    library = ctypes.CDLL(None, use_errno=True)
    # This process, on whatever CPU, in no group.
    file: int = library.syscall(number, attributes, 0, -1, -1, _CLOSE_ON_EXEC)
    if file < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return file
