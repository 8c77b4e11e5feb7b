"""Where the engines put what they measure; turned into a frozen result at the end."""

import gc
import sys
import threading
import time
import traceback
import tracemalloc
from array import array
from collections import Counter

from perfgate.load.clock import Timing
from perfgate.load.models import Model, Open
from perfgate.load.outcomes import Outcome, classify, detail_of, outcome_of_result, status_of
from perfgate.load.result import FailureGroup, LoadResult, Times

__all__ = ["Recorder"]

_EXAMPLES = 3
_NS = 1e9


class _Failures:
    def __init__(self) -> None:
        self.durations_ns = array("q")
        self.details: Counter[str] = Counter()
        self.examples: list[str] = []


class Recorder:
    """The counts and times of one run.

    Successes are appended to ``ok_ns`` by the engines themselves: a method call would cost more
    than all the rest of their bookkeeping.
    """

    def __init__(self, model: Model, timing: Timing) -> None:
        self._model = model
        self.is_open = isinstance(model, Open)
        self._timing = timing
        self.ok_ns = array("q")
        self.response_ns = array("q")
        self.lateness_ns = array("q")
        self._failures: dict[Outcome, _Failures] = {}
        self._lock = threading.Lock()
        self.censored = 0
        self.dropped = 0
        self.unfinished = 0
        self.longest_stall_ns = 0
        self.is_aborted = False
        self.overhang_ns = 0
        """How much of the operations' time lies after the last start."""
        self.last_begun_ns = 0
        self._began_ns = timing.now_ns()
        self._cpu_began_s = time.process_time()
        self._collections_before = _collections()

    @property
    def elapsed_s(self) -> float:
        """Time since the begin."""
        return (self._timing.now_ns() - self._began_ns) / _NS

    @property
    def failed(self) -> int:
        """How many failed so far."""
        with self._lock:
            return sum(len(each.durations_ns) for each in self._failures.values())

    def raised(self, error: BaseException, took_ns: int, *, outcome: Outcome | None = None) -> None:
        """Count an operation that raised."""
        outcome = outcome or classify(error)
        with self._lock:
            failures = self._count(outcome, detail_of(error), took_ns)
            if len(failures.examples) < _EXAMPLES:
                failures.examples.append("".join(traceback.format_exception(error)))

    def timed_out(self, took_ns: int, *, is_censored: bool) -> None:
        """Count an operation that took too long, or was cancelled when it had."""
        with self._lock:
            self._count(Outcome.TIMEOUT, "deadline", took_ns)
            self.censored += is_censored

    def refused(self, result: object, took_ns: int) -> bool:
        """Count an operation whose result says that it failed; False if it does not."""
        outcome = outcome_of_result(result)
        if outcome is Outcome.OK:
            return False
        with self._lock:
            self._count(outcome, f"status {status_of(result)}", took_ns)
        return True

    def _count(self, outcome: Outcome, detail: str, took_ns: int) -> _Failures:
        failures = self._failures.setdefault(outcome, _Failures())
        failures.durations_ns.append(took_ns)
        failures.details[detail] += 1
        return failures

    def result(self, *, floor_s: float | None) -> LoadResult:
        """Return everything that was recorded, up to now."""
        wall_ns = self._timing.now_ns() - self._began_ns
        cpu_s = time.process_time() - self._cpu_began_s
        service = Times(self.ok_ns)
        loaded_ns = self.last_begun_ns - self._began_ns
        if loaded_ns <= 0:
            loaded_ns = max(1, wall_ns)
        busy_ns = sum(self.ok_ns) - self.overhang_ns
        busy_ns += sum(sum(each.durations_ns) for each in self._failures.values())
        return LoadResult(
            model=self._model,
            times=Times(self.response_ns) if self.response_ns else service,
            service=service,
            lateness=Times(self.lateness_ns),
            failures={
                outcome: FailureGroup(
                    count=len(each.durations_ns),
                    details=dict(each.details),
                    examples=tuple(each.examples),
                    times=Times(each.durations_ns),
                )
                for outcome, each in self._failures.items()
            },
            ok=len(self.ok_ns),
            censored=self.censored,
            dropped=self.dropped,
            unfinished=self.unfinished,
            wall_s=wall_ns / _NS,
            cpu_s=cpu_s,
            concurrency=busy_ns / loaded_ns,
            longest_stall_s=min(self.longest_stall_ns, self._longest_ns()) / _NS,
            collections=_collections() - self._collections_before,
            tracer=_active_tracer(),
            harness_floor_s=floor_s,
            is_aborted=self.is_aborted,
            is_real_time=self._timing.is_real,
        )

    def _longest_ns(self) -> int:
        """Return the time of the longest operation: none kept the event loop for longer."""
        failed = (each.durations_ns for each in self._failures.values())
        return max((max(times) for times in (self.ok_ns, *failed) if times), default=0)


def _collections() -> int:
    count: int = gc.get_stats()[-1]["collections"]
    return count


def _active_tracer() -> str:
    if sys.gettrace() is not None:
        return "a tracer (coverage, a debugger)"
    if sys.getprofile() is not None:
        return "a profiler"
    return "tracemalloc" if tracemalloc.is_tracing() else ""
