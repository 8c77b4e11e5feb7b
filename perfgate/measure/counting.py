"""One benchmark counted in one process: how often it is called, and what its numbers come to.

How many rounds and calls are counted follows from what was counted before, never from a clock, so
that the same code is counted the same way on every machine, however busy it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from perfgate.measure.worker import Worker

__all__ = ["LONG_INSTRUCTIONS", "OUT_OF_BUDGET", "Conversation", "Count", "Left"]

_ROUND_INSTRUCTIONS: Final = 2_000_000
"""What a round should come to at most: a twentieth of a second under callgrind."""
_WARM_UP_INSTRUCTIONS: Final = 6_000_000
_MOST_WARM_UP_CALLS: Final = 64
"""After so many calls the interpreter has specialised what it will."""
_ROUNDS: Final = 3
"""The first of which is left out where another follows: it pays for what is kept from then on."""
_ONE_CALL_INSTRUCTIONS: Final = 50_000_000
"""From here on one call is enough in each hash seed."""
LONG_INSTRUCTIONS: Final = 300_000_000
"""From here on one hash seed is enough: more would take a minute of CPU time per second of plain
pytest-benchmark. Until there the mean of several is closer, for what two attribute names that share
a place of the interpreter's cache cost is drawn anew in each."""
_MOST_SPREAD: Final = 0.02
"""Rounds of one process that differ by more say nothing of a change of 1 %."""
_FEWEST_INSTRUCTIONS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Why a benchmark is left to time."""

    why: str


Count = float | Left
OUT_OF_BUDGET: Final = Left(why="the time budget ran out before it was counted")


class _Ended(Exception):  # noqa: N818 - an event in the conversation
    """The benchmark ended: with its number, or because it was told to or failed."""

    def __init__(self, failure: tuple[str, str] | None) -> None:
        self.failure = failure
        super().__init__()


class Conversation:
    """One benchmark in one process, from its fixture to its end."""

    def __init__(self, worker: Worker, timeout_s: float) -> None:
        self._worker = worker
        self._timeout_s = timeout_s

    def count(self, *, is_late: bool, is_settled: bool) -> Count | None:
        """Return instructions per call or why there are none; None: other seeds have settled it.

        Raises:
            WorkerLost: the process ended, or was ended for taking too long.
        """
        try:
            ready = self._hear()[0]
            if is_late:
                return self._abandon(OUT_OF_BUDGET)
            if is_settled:
                return self._abandon(None)
            counted = self._rounds(ready)
        except _Ended as ended:
            return Left(why=ended.failure[1] if ended.failure else "it was not counted")
        if isinstance(counted, Left):
            return self._abandon(counted)
        return self._end() or counted

    def _rounds(self, ready: Mapping[str, Any]) -> Count:
        """Count as many calls as can be told apart from noise, as the benchmark allows."""
        iterations, allowed = ready["iterations"], ready["rounds"]
        if iterations is not None:
            return self._as_written(iterations, allowed)
        waits = 0
        call = math.inf
        for _ in range(2):  # the first is the coldest
            message, (call,) = self._ask(do="count", iterations=1, rounds=1)
            waits += bool(message["waits"])
        if waits > 1:
            return _WAITS
        call = max(call, _FEWEST_INSTRUCTIONS)
        if call > _ONE_CALL_INSTRUCTIONS:
            return call
        warm = max(1, min(_MOST_WARM_UP_CALLS, int(_WARM_UP_INSTRUCTIONS / call)))
        self._ask(do="warm-up", iterations=warm, rounds=1)
        iterations = 1 << max(0, int(math.log2(_ROUND_INSTRUCTIONS / call)))
        message, counts = self._ask(do="count", iterations=iterations, rounds=_ROUNDS)
        return _typical(counts, iterations, message["waits"])

    def _as_written(self, iterations: int, allowed: int) -> Count:
        """Keep to the rounds that the author of a pedantic benchmark allows."""
        rounds = min(_ROUNDS, allowed)
        warm = min(allowed - rounds, _MOST_WARM_UP_CALLS)
        self._ask(do="warm-up", iterations=iterations, rounds=warm)
        message, counts = self._ask(do="count", iterations=iterations, rounds=rounds)
        return _typical(counts, iterations, message["waits"])

    def _ask(self, **message: Any) -> tuple[dict[str, Any], Sequence[float]]:
        self._worker.send(message)
        return self._hear()

    def _hear(self) -> tuple[dict[str, Any], Sequence[float]]:
        message, numbers = self._worker.receive(self._timeout_s)
        if message["event"] == "finished":
            raise _Ended(message["failure"])
        return message, numbers

    def _abandon(self, count: Left | None) -> Left | None:
        try:
            self._ask(do="abandon", why="it is not counted")
        except _Ended:
            return count
        raise AssertionError("a benchmark went on after it was told to end")

    def _end(self) -> Left | None:
        """Let the test come to its end; return why its number means nothing, if so."""
        try:
            self._ask(do="end")
        except _Ended as ended:
            return Left(why=ended.failure[1]) if ended.failure else None
        raise AssertionError("a benchmark went on after it was told to end")


_WAITS: Final = Left(why="it waits (for time, the network, a disk or another thread)")


def _typical(counts: Sequence[float], iterations: int, waits: int) -> Count:
    """Return the instructions of one call, unless rounds differ or the calls wait."""
    if waits >= max(2, len(counts) * iterations / 2):
        return _WAITS
    counts = counts[1:] or counts
    calls = [max(_FEWEST_INSTRUCTIONS, count / iterations) for count in counts]
    spread = (max(calls) - min(calls)) / median(calls)
    if spread > _MOST_SPREAD:
        return Left(why=f"its rounds differ by {spread:.1%} in one process")
    return median(calls)
