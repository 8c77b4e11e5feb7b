"""Memory of this process: its peak while something runs, and what a call keeps."""

import gc
import platform
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

__all__ = ["PeakMemory", "kept_blocks"]

_MOST_CALLS: Final = 9
_FEWEST_CALLS: Final = 3
_BUDGET_S: Final = 0.05
_LONGEST_CALL_S: Final = 0.25
"""Above it counting would cost as much as timing does, and is left out."""

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")


class PeakMemory:
    """How far the resident memory rose above where it stood, at its highest.

    Linux resets the high-water mark ("5" to ``clear_refs``), so that one hungry benchmark does not
    hide those after it; elsewhere only growth above the process's former peak is seen.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self.growth_bytes: int | None = None
        """None where the platform does not tell."""

    def start(self) -> None:
        """Remember where the resident memory stands now."""
        self.growth_bytes = None
        try:
            _CLEAR.write_text("5")
        except OSError:  # not Linux, or forbidden: the former peak stays
            self._before = _peak_bytes()
        else:
            self._before = _linux_bytes("VmRSS:")

    def stop(self) -> None:
        """Compare the peak since `start` with where the memory stood then; only the first time."""
        peak = _peak_bytes()
        if peak is not None and self._before is not None:
            self.growth_bytes = max(0, peak - self._before)
        self._before = None


def kept_blocks(call: Callable[[], Any], call_s: float) -> float | None:
    """Return how many blocks of Python's allocator a call leaves in use, its result among them.

    Garbage in cycles counts, since it stays until a collection; what a call frees before it returns
    does not. The same code gives the same number on any machine, unless it depends on time, threads
    or chance: then a call in the middle is taken. None: a call takes too long, or this
    implementation does not count blocks.

    Args:
        call: The operation, warm from its rounds.
        call_s: How long it takes; tells how many calls there may be, 9 at most.
    """
    if call_s > _LONGEST_CALL_S or not hasattr(sys, "getallocatedblocks"):
        return None
    calls = min(_MOST_CALLS, max(_FEWEST_CALLS, int(_BUDGET_S / call_s) if call_s > 0 else 0))
    blocks = array("q", bytes(8 * (calls + 1)))  # room made ahead: nothing here allocates below
    kept: list[Any] = [None] * calls
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(calls):
            blocks[number] = sys.getallocatedblocks()
            kept[number] = call()
        blocks[calls] = sys.getallocatedblocks()
    finally:
        if was_enabled:
            gc.enable()
    # The first call fills free lists that the collection emptied, and says nothing.
    return float(median(blocks[number + 1] - blocks[number] for number in range(1, calls)))


def _peak_bytes() -> int | None:
    if platform.system() == "Linux":
        return _linux_bytes("VmHWM:")
    try:
        import psutil
    except ImportError:
        return None
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def _linux_bytes(field: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(field))
    kilobytes = next(found, None)
    return None if kilobytes is None else int(kilobytes) * 1024
