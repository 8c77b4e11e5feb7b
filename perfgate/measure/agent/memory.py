"""Peak resident memory of this process while something runs."""

import platform
from pathlib import Path
from typing import Final

__all__ = ["PeakMemory"]

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
        """Compare the peak since `start` with where the memory stood then."""
        peak = _peak_bytes()
        if peak is not None and self._before is not None:
            self.growth_bytes = max(0, peak - self._before)


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
