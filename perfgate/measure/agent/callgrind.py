"""Valgrind's callgrind as a counter of instructions, for the process that runs under it.

Callgrind is told when to count through valgrind's own door: a sequence of instructions that does
nothing on a CPU and that valgrind takes for a request (valgrind.h, "client requests"). It is put
into a page of memory and called through ctypes, so that neither a compiler nor a second process is
needed, and counting costs what the region costs.
"""

import ctypes
import mmap
from functools import partial
from pathlib import Path
from typing import Final

__all__ = ["CallgrindCounter"]

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
_DUMP_STATS: Final = _CALLGRIND
_ZERO_STATS: Final = _CALLGRIND + 1
_START_INSTRUMENTATION: Final = _CALLGRIND + 4


class CallgrindCounter:
    """Counts every thread of this process, user space alone."""

    def __init__(self, output: str) -> None:
        """Prepare; ``output`` is what callgrind was told to call its file.

        Raises:
            OSError: this system forbids memory that is both written and executed.
            RuntimeError: this process does not run under valgrind.
        """
        self._output = output
        self._dumps = 0
        self._page = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._page.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)
        self._requests = {
            code: (ctypes.c_uint64 * (1 + _ARGUMENTS))(code)
            for code in (_RUNNING_ON_VALGRIND, _START_INSTRUMENTATION, _ZERO_STATS, _DUMP_STATS)
        }
        if not self._request(_RUNNING_ON_VALGRIND)():
            raise RuntimeError("this process does not run under valgrind")
        self.start = self._request(_START_INSTRUMENTATION)
        self.begin = self._request(_ZERO_STATS)
        self.end = self._request(_DUMP_STATS)

    def read(self) -> int:
        """Return the instructions between ``begin`` and ``end``, with those of the calls around.

        ``summary`` is what the threads took since the zero; ``totals`` adds up functions, among
        them those that were under way before, with up to a hundredth of all that they had done.
        Of the dumps only the last one stays.
        """
        self._dumps += 1
        last = self._last_dump.read_bytes().rpartition(b"summary:")[2]
        self._last_dump.with_suffix(f".{self._dumps - 1}").unlink(missing_ok=True)
        return int(last.split()[0])

    def keep_last(self) -> str:
        """Put the last dump, function by function, aside; return where it is until the next."""
        return str(self._last_dump.rename(self._last_dump.with_name("kept.out")))

    @property
    def _last_dump(self) -> Path:
        return Path(f"{self._output}.{self._dumps}")

    def _request(self, code: int) -> "partial[int]":
        return partial(self._call, ctypes.addressof(self._requests[code]))
