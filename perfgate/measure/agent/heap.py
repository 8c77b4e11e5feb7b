"""The C library's heap in the same state before every count, whatever ran before.

What a block costs depends on what lies free around it: whether a freed one joins its neighbours,
and how long the search for the next one takes. That differs from process to process, down to the
length of the checkout's path, and comes to a hundred instructions for each block of more than a
kilobyte. So every hole is taken before a count, and smaller blocks lie ready: what a call takes and
gives back then follows from the call alone (malloc.c of the GNU C library: bins, top and tcache).
"""

import ctypes
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Final

__all__ = ["Heap"]

_LARGEST_BYTES: Final = 2 << 20
"""Below the size from which on glibc is told to map each block by itself."""
_SMALLEST_BYTES: Final = 1040
"""The smallest block that is not kept for the next taker in the thread's cache."""
_CACHED_BYTES: Final = range(24, 1033, 16)
"""Largest block of each size that the thread's cache keeps."""
_READY_BLOCKS: Final = 32


class _Info(ctypes.Structure):
    """``struct mallinfo`` of malloc.h."""

    _fields_ = tuple(  # type: ignore[mutable-override]  # it is how ctypes wants it
        (name, ctypes.c_int)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    )


class Heap:
    """Keeps the holes of the heap taken from ``settle`` to ``release``."""

    def __init__(self) -> None:
        """Find the functions of the C library; one without ``mallinfo`` (musl) is left alone."""
        library = ctypes.CDLL(None)
        self._info = getattr(library, "mallinfo", None)
        self._malloc, self._free = library.malloc, library.free
        self._malloc.argtypes, self._malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
        self._free.argtypes, self._free.restype = (ctypes.c_void_p,), None
        if self._info is not None:
            self._info.argtypes, self._info.restype = (), _Info
        self._held: int | None = None

    def settle(self) -> None:
        """Take every hole, and have blocks of all small sizes ready."""
        if not self.fill():
            return
        for size_bytes in _CACHED_BYTES:
            blocks = [*map(self._malloc, repeat(size_bytes, _READY_BLOCKS))]
            for block in blocks:
                self._free(block)

    def fill(self) -> bool:
        """Take every hole that has come up; say whether this heap is one that can be filled."""
        if self._info is None:
            return False
        top = self._top(self._info)
        if top is None:
            return False
        # Whatever other threads do to the heap meanwhile, no more than this is taken.
        left_bytes = _holes_bytes(self._info())
        for size_bytes in _sizes_bytes():
            while left_bytes >= size_bytes:
                block = self._malloc(size_bytes)
                if top <= block < top + _LARGEST_BYTES:  # no hole of this size is left
                    self._free(block)
                    break
                self._held = self._chained(block, self._held)
                left_bytes -= size_bytes
        return True

    def release(self) -> None:
        """Give back what was taken."""
        self._free_chain(self._held)
        self._held = None

    def _top(self, info: Callable[[], _Info]) -> int | None:
        """Take the largest holes; return where the memory begins that was never handed out.

        None where blocks come from elsewhere, be it from another allocator.
        """
        while True:
            before = info()
            block: int = self._malloc(_LARGEST_BYTES)
            after = info()
            is_hole = _holes_bytes(after) < _holes_bytes(before)
            if is_hole:
                self._held = self._chained(block, self._held)
                continue
            is_top = after.keepcost != before.keepcost
            self._free(block)
            return block if is_top else None

    def _chained(self, block: int, chain: int | None) -> int:
        """Note in a block which one was taken before it: a list would itself need the heap."""
        ctypes.c_void_p.from_address(block).value = chain
        return block

    def _free_chain(self, chain: int | None) -> None:
        while chain is not None:
            following = ctypes.c_void_p.from_address(chain).value
            self._free(chain)
            chain = following


def _holes_bytes(info: _Info) -> int:
    """Return what is free below the top; the counters are of 32 bits, and turn over."""
    return int(info.fordblks - info.keepcost) % (1 << 32)


def _sizes_bytes() -> Iterator[int]:
    size_bytes = _LARGEST_BYTES
    while size_bytes > _SMALLEST_BYTES:
        yield size_bytes
        size_bytes //= 2
    yield _SMALLEST_BYTES
