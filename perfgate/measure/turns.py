"""Passing the turn: one benchmark, run round by round in two or three living processes."""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from perfgate.measure.worker import Worker, WorkerLost

__all__ = ["Finish", "Schedule", "as_written", "round_order", "rounds_for", "take_turns"]

_ROUND_S: Final = 0.000_25
"""Shorter rounds were the more precise for the same time, down to the cost of passing the turn."""
_SIDE_S: Final = 0.010
"""Time that one side's counted rounds of one benchmark should take."""
_FEWEST_ROUNDS: Final = 8
_SLOW_ROUND_S: Final = 0.050
_SLOW_ROUNDS: Final = 4
_VERY_SLOW_ROUND_S: Final = 0.500
_VERY_SLOW_ROUNDS: Final = 2
_MOST_WARM_UP_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a benchmark ended in one process."""

    message: dict[str, Any]
    """The ``finished`` event."""
    rounds_s: Sequence[float]
    """Seconds per iteration, in the order of the rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one benchmark is to be run on every side."""

    iterations: int
    rounds: int
    warm_up_rounds: int


class _Ended(Exception):  # noqa: N818 - an event in the conversation
    """A process ended the benchmark (it raised or was skipped) while others wait for their turn."""


class _Player:
    """A process that takes part, with what it has answered so far."""

    def __init__(self, worker: Worker, timeout_s: float) -> None:
        self._worker = worker
        self._timeout_s = timeout_s
        self.is_ready = False
        self.finish: Finish | None = None
        self.lost: WorkerLost | None = None

    def ask(self, **message: Any) -> tuple[dict[str, Any], "array[float]"]:
        self._worker.send(message)
        return self.hear()

    def hear(self) -> tuple[dict[str, Any], "array[float]"]:
        try:
            message, numbers = self._worker.receive(self._timeout_s)
        except WorkerLost as lost:
            self.lost = lost
            raise
        if message["event"] == "finished":
            self.finish = Finish(message=message, rounds_s=numbers)
            raise _Ended
        self.is_ready = True
        return message, numbers

    def await_finish(self, **message: Any) -> None:
        if self.finish is not None or self.lost is not None:
            return
        try:
            self.ask(**message)
        except _Ended:
            return
        except WorkerLost as lost:
            self.lost = lost


def take_turns(
    workers: Sequence[Worker], timeout_s: float, most_rounds: int
) -> tuple[Finish | WorkerLost, ...]:
    """Run the benchmark that every worker is about to reach; return how it ended in each.

    When one process raises, skips or is lost, the others are told to skip the benchmark.
    """
    players = [_Player(worker, timeout_s) for worker in workers]
    try:
        _conduct(players, most_rounds)
    except (_Ended, WorkerLost):
        for player in players:
            _await_ready(player)
            player.await_finish(do="abandon", why="it ended on another side")
    else:
        for player in players:
            player.await_finish(do="end")
    return tuple(_result(player) for player in players)


def _result(player: _Player) -> Finish | WorkerLost:
    if player.lost is not None:
        return player.lost
    if player.finish is None:
        raise AssertionError("a process neither finished nor was lost")
    return player.finish


def _await_ready(player: _Player) -> None:
    """Let a process come to its benchmark fixture, where it can be told to skip."""
    if player.is_ready or player.finish is not None or player.lost is not None:
        return
    try:
        player.hear()
    except (_Ended, WorkerLost):
        return


def _conduct(players: Sequence[_Player], most_rounds: int) -> None:
    ready = [player.hear()[0] for player in players]
    is_pedantic = any(message["iterations"] is not None for message in ready)
    plan = as_written(ready, most_rounds) if is_pedantic else _calibrated(players, most_rounds)
    for player in _warm_up_order(players):
        player.ask(do="warm-up", iterations=plan.iterations, rounds=plan.warm_up_rounds)
    for number, rounds in round_order(len(players), plan.rounds):
        players[number].ask(do="go", rounds=rounds)


def _warm_up_order(players: Sequence[_Player]) -> Sequence[_Player]:
    """Let each side be as often warm in the first rotation as in any other.

    Of two sides the second of two rounds on end finds its data in the caches; the one that begins
    must too, so it warms up last. Of three, nobody ever has two rounds on end.
    """
    return players[::-1] if len(players) == 2 else players  # noqa: PLR2004 - two sides


def _calibrated(players: Sequence[_Player], most_rounds: int) -> Schedule:
    calls_s = [player.ask(do="calibrate", round_s=_ROUND_S)[1][0] for player in players]
    call_s = math.exp(fmean(math.log(seconds) for seconds in calls_s))
    iterations = max(1, round(_ROUND_S / call_s))
    return Schedule(
        iterations=iterations,
        rounds=rounds_for(call_s * iterations, len(players), most_rounds),
        warm_up_rounds=1 if call_s < _SLOW_ROUND_S else 0,
    )


def as_written(ready: Sequence[dict[str, Any]], most_rounds: int) -> Schedule:
    """Keep to what the author of a pedantic benchmark allows: whole rotations of the order.

    The very first rounds are coldest, so one at least warms up wherever a rotation remains. One
    round to a turn: turns of three, whose medians are warm, spread 1.1 to 5 times as far between
    pairs (14 benchmarks of 5 to 100 rounds). A tree in which the benchmark is not pedantic sets no
    limits.
    """
    sides = len(ready)
    limited = [message for message in ready if message["iterations"] is not None]
    allowed = min(message["rounds"] for message in limited)
    most = min(most_rounds, allowed)
    rotations = min(most, allowed - 1) // sides or most // sides
    rounds = rotations * sides or most
    return Schedule(
        iterations=min(message["iterations"] for message in limited),
        rounds=rounds,
        warm_up_rounds=min(allowed - rounds, _MOST_WARM_UP_ROUNDS),
    )


def rounds_for(round_s: float, sides: int, most_rounds: int) -> int:
    """Return how many rounds to count: fewer where each is long, whole rotations of the order."""
    if round_s >= _VERY_SLOW_ROUND_S:
        rounds = _VERY_SLOW_ROUNDS
    elif round_s >= _SLOW_ROUND_S:
        rounds = _SLOW_ROUNDS
    else:
        rounds = min(most_rounds, max(_FEWEST_ROUNDS, math.ceil(_SIDE_S / round_s)))
    return math.ceil(rounds / sides) * sides


def round_order(sides: int, rounds: int) -> Iterator[tuple[int, int]]:
    """Yield whose turn it is and for how many rounds, rotating who begins: A, B B, A A, B B, ...

    With three sides nobody has two turns on end: A B C, B C A, C A B.
    """
    turns = ((start + place) % sides for start in range(rounds) for place in range(sides))
    held = next(turns)
    count = 1
    for side in turns:
        if side == held:
            count += 1
        else:
            yield held, count
            held, count = side, 1
    yield held, count
