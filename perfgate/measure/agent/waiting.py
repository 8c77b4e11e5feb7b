"""Time that a round lost to other programs: waiting in the queue for its CPU."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["RunQueue"]

_SCHEDSTAT: Final = Path("/proc/thread-self/schedstat")


class RunQueue:
    """Times rounds without the time that a neighbour on the same CPU took (Linux).

    The kernel counts for each thread how long it was ready to run and another one ran instead.
    Under a busy neighbour that is most of the noise in a round of several milliseconds, and none
    of the benchmark's doing. What the process's own other threads ran meanwhile is its own doing
    and stays. Where the kernel does not tell, a round is what the timer says.
    """

    def __init__(self, schedstat: Path = _SCHEDSTAT) -> None:
        try:
            self._file: int | None = os.open(schedstat, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def without_waiting(self, time_round: Callable[[], float]) -> float:
        """Run one round and return its duration in seconds, less what it waited for others.

        The round does nothing else of length than what its wall clock times.
        """
        waited_s = self._waited_s()
        if waited_s is None:
            return time_round()
        process_s, thread_s = time.process_time(), time.thread_time()
        duration_s = time_round()
        ran_s = time.thread_time() - thread_s
        own_s = (time.process_time() - process_s) - ran_s
        after_s = self._waited_s()
        if after_s is None:
            return duration_s
        lost_s = max(0.0, after_s - waited_s - max(0.0, own_s))
        # It may have waited before the timer started, which no round can hold: not if that is more
        # than the round, and never so that less would be left than what this thread ran.
        return (
            max(duration_s - lost_s, min(ran_s, duration_s)) if lost_s < duration_s else duration_s
        )

    def _waited_s(self) -> float | None:
        if self._file is None:
            return None
        try:
            return int(os.pread(self._file, 128, 0).split()[1]) * 1e-9
        except (OSError, ValueError, IndexError):  # a benchmark may have closed all files
            self._file = None
            return None
