"""The counts of this process of Locust, shared by its users and the plugin that reports them."""

import time
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.local import local

from perfgate.load.distributed import Accumulator, WorkerReport
from perfgate.load.outcomes import Outcome, classify, outcome_of_result

__all__ = ["COUNTS", "Counts"]

_MS: Final = 1e3
_CPU_WINDOW_S: Final = 5.0
_CPU_LOOK_S: Final = 1.0
_NS: Final = 1e9
_SCHEDULED: Final = Path("/proc/self/schedstat")


class Counts:
    """Counts requests from the end of the warm-up to the end of the load."""

    def __init__(self) -> None:
        self.arrival = local()
        """What the greenlet of an arrival knows: how late it started."""
        self.warmup_s = 0.0
        self._accumulator = Accumulator()
        self._begin_s: float | None = None
        self._marks: list[tuple[float, float]] = []
        self._busiest: float | None = None

    def begin(self) -> None:
        """Count from the end of the warm-up on; the load begins."""
        now_s = time.perf_counter()
        self._begin_s = now_s + self.warmup_s
        self._marks = [(now_s, _busy_s())]

    @property
    def is_counting(self) -> bool:
        """Whether a load has begun, and its warm-up is over."""
        return self._begin_s is not None and time.perf_counter() >= self._begin_s

    def on_request(self, **request: Any) -> None:
        """Count a request that ended; Locust passes what it knows of it by name."""
        now_s = time.perf_counter()
        service_s = max(0.0, float(request["response_time"] or 0.0) / _MS)
        if self._begin_s is None or now_s - service_s < self._begin_s:
            return
        late_s = getattr(self.arrival, "late_s", None)
        self.arrival.late_s = None if late_s is None else 0.0  # the next one was not planned
        name = f"{request.get('request_type') or ''} {request.get('name') or ''}".strip()
        outcome = _outcome(request.get("exception"), request.get("response"))
        if late_s is None:
            self._accumulator.record(name or "?", outcome, service_s)
        else:
            self._accumulator.record(name or "?", outcome, service_s + late_s, service_s)

    def on_user_error(self, user_instance: Any, exception: BaseException, **_more: Any) -> None:
        """Count a task that raised: as a request it might never have ended."""
        if self.is_counting:
            kind = type(getattr(user_instance, "user", user_instance)).__name__
            self._accumulator.record(f"task of {kind}", classify(exception).value, None)

    def started_late(self, seconds: float) -> None:
        """Count a planned start, and how late it was."""
        if self.is_counting:
            self._accumulator.started_late(seconds)

    def dropped(self) -> None:
        """Count an arrival that found too many under way, warm-up or not."""
        self._accumulator.dropped += 1

    def unfinished(self, count: int) -> None:
        """Count what was under way when the load ended and did not end in time."""
        self._accumulator.unfinished += count

    def take(self, *, is_final: bool) -> WorkerReport:
        """Return what was counted since the last call."""
        return self._accumulator.take(is_final=is_final)

    def watch_processor(self) -> None:
        """Measure for ever how busy this process is, in its busiest seconds."""
        while True:
            gevent.sleep(_CPU_LOOK_S)
            marks = self._marks
            if not marks:
                continue
            marks.append((time.perf_counter(), _busy_s()))
            wall_s, busy_s = (last - first for first, last in zip(marks[0], marks[-1], strict=True))
            share = busy_s / wall_s
            if wall_s >= _CPU_WINDOW_S:
                marks.pop(0)
                self._busiest = max(self._busiest or 0.0, share)
            # Until a whole window has passed, what there is of it.
            self._accumulator.cpu_share = share if self._busiest is None else self._busiest


def _busy_s() -> float:
    """Return how long this process has run, or could have run and waited for a processor.

    The second only on Linux: a neighbour that takes the processor makes answers late as well. Of
    the main thread, in which everything of Locust happens.
    """
    try:
        ran_ns, waited_ns, _ = _SCHEDULED.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return time.process_time()
    return (int(ran_ns) + int(waited_ns)) / _NS


def _outcome(exception: BaseException | None, response: object) -> str:
    if exception is None:
        return Outcome.OK.value
    by_answer = outcome_of_result(response)
    return (classify(exception) if by_answer is Outcome.OK else by_answer).value


COUNTS: Final = Counts()
