"""What a benchmark does, function by function, in one tree: a Python profile, and callgrind's."""

import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from perfgate.errors import MeasurementError
from perfgate.measure.callgrind import NativeFunction, read_callgrind
from perfgate.measure.instruments import Callgrind, counting_environ
from perfgate.measure.lockstep import Side
from perfgate.measure.worker import Worker, WorkerLost, WorkerSettings

__all__ = ["Edge", "Function", "NativeProfile", "profile_native", "profile_python"]

_COLLECT_TIMEOUT_S: Final = 600.0
_ROUND_S: Final = 0.02
_ROUNDS: Final = 9
_SLOW_ROUND_S: Final = 0.5
_SLOW_ROUNDS: Final = 3
_WARM_UP_CALLS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Python function, or one in C that Python called: then it has no file."""

    file: str
    line: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What a function took itself per call of the benchmark, on behalf of one caller."""

    caller: Function | None
    """None: of the measuring itself."""
    function: Function
    calls: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeProfile:
    """What C functions took of one call of the benchmark."""

    functions: tuple[NativeFunction, ...]
    calls: int
    """How many calls of the benchmark the numbers are of."""
    file: Path
    """Callgrind's own, as it is."""


def profile_python(
    side: Side,
    benchmark: str,
    environ: Mapping[str, str],
    timeout_s: float,
    *,
    deadline_s: float = math.inf,
) -> tuple[Edge, ...]:
    """Profile a benchmark in a fresh process: of each edge the round in which it took least.

    A neighbour can only add time, so the least is nearest to what the code takes. ``deadline_s``
    is a time of the monotonic clock.

    Raises:
        MeasurementError: the benchmark is not there, or did not run until the deadline.
    """
    settings = replace(_settings(side, benchmark, environ), profiles=True)
    with _Session(settings, benchmark, timeout_s, deadline_s) as session:
        iterations, rounds = session.fixed()
        if iterations is None:
            call_s = session.ask(do="calibrate", round_s=_ROUND_S)[1][0]
            iterations = max(1, round(_ROUND_S / call_s))
            rounds = _SLOW_ROUNDS if call_s > _SLOW_ROUND_S else _ROUNDS
        message, _ = session.ask(do="profile", iterations=iterations, rounds=min(rounds, _ROUNDS))
    return _least([_edges(functions, iterations) for functions in message["rounds"]])


def profile_native(
    side: Side,
    benchmark: str,
    environ: Mapping[str, str],
    timeout_s: float,
    *,
    valgrind: Path,
    output: Path,
) -> NativeProfile:
    """Count the C functions of a benchmark under callgrind; its file is copied to ``output``.

    Raises:
        MeasurementError: the benchmark is not there or did not run.
    """
    with tempfile.TemporaryDirectory(prefix="perfgate-explain-") as folder:
        dump = Path(folder) / "callgrind"
        settings = replace(
            _settings(side, benchmark, counting_environ(environ)),
            launcher=Callgrind(valgrind).command(dump),
            callgrind_output=dump,
        )
        with _Session(settings, benchmark, timeout_s) as session:
            iterations, rounds = session.fixed()
            if iterations is None:
                iterations = 1
                session.ask(do="warm-up", iterations=_WARM_UP_CALLS, rounds=1)
            message, _ = session.ask(do="count", iterations=iterations, rounds=min(2, rounds))
            shutil.copyfile(message["dump"], output)
    return NativeProfile(functions=read_callgrind(output), calls=iterations, file=output)


def _settings(side: Side, benchmark: str, environ: Mapping[str, str]) -> WorkerSettings:
    return WorkerSettings(
        python=side.python,
        root=side.root,
        source_paths=side.source_paths,
        files=(benchmark.partition("::")[0],),
        environ=environ,
        hash_seed=1,
        is_lockstep=True,
        pytest_configuration=side.pytest_configuration,
    )


class _Session:
    """One benchmark in one process, from its fixture to its end."""

    def __init__(
        self,
        settings: WorkerSettings,
        benchmark: str,
        timeout_s: float,
        deadline_s: float = math.inf,
    ) -> None:
        self._benchmark = benchmark
        self._deadline_s = deadline_s
        self._timeout_s = timeout_s
        self._worker = Worker(settings)
        self._ready: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._worker.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.kill()

    def _start(self) -> None:
        try:
            self._worker.configure()
            collection = self._worker.collect(self._within(_COLLECT_TIMEOUT_S))
            names = [one.id for one in collection.benchmarks]
            if self._benchmark not in names:
                why = next((text for _, text in collection.errors), "it is not there")
                raise MeasurementError(self._benchmark, *why.splitlines()[:1])
            self._worker.send({"plan": [self._benchmark]})
        except WorkerLost as lost:
            raise MeasurementError(self._benchmark, lost.problem) from lost
        self._ready = self._hear()[0]

    def _within(self, timeout_s: float) -> float:
        return max(0.0, min(timeout_s, self._deadline_s - time.monotonic()))

    def fixed(self) -> tuple[int | None, int]:
        """Return the iterations and rounds that a pedantic benchmark allows; None: any."""
        rounds = self._ready["rounds"]
        return self._ready["iterations"], _ROUNDS if rounds is None else rounds

    def ask(self, **message: Any) -> tuple[dict[str, Any], Sequence[float]]:
        """Let the process do something; return its answer."""
        try:
            self._worker.send(message)
        except WorkerLost as lost:
            raise MeasurementError(self._benchmark, lost.problem) from lost
        return self._hear()

    def _hear(self) -> tuple[dict[str, Any], Sequence[float]]:
        try:
            message, numbers = self._worker.receive(self._within(self._timeout_s))
        except WorkerLost as lost:
            raise MeasurementError(self._benchmark, lost.problem) from lost
        if message["event"] == "finished":
            _, text = message["failure"] or ("", "it ended before it was profiled")
            raise MeasurementError(self._benchmark, text)
        return message, numbers


_Key = tuple[Function | None, Function]


def _edges(functions: Sequence[Sequence[Any]], iterations: int) -> dict[_Key, Edge]:
    """Give each function's own time to its callers; what no caller has is of the measuring."""
    edges: dict[_Key, Edge] = {}
    left: dict[Function, list[float]] = {}
    for file, line, name, calls, seconds, _ in functions:
        known = left.setdefault(Function(file=file, line=line, name=name), [0, 0.0])
        known[0] += calls
        known[1] += seconds
    for file, line, name, _, _, called in functions:
        caller = Function(file=file, line=line, name=name)
        for to_file, to_line, to_name, calls, seconds in called:
            function = Function(file=to_file, line=to_line, name=to_name)
            edges[caller, function] = Edge(
                caller=caller,
                function=function,
                calls=calls / iterations,
                seconds=seconds / iterations,
            )
            left[function][0] -= calls
            left[function][1] -= seconds
    for function, (calls, seconds) in left.items():
        if calls > 0:
            edges[None, function] = Edge(
                caller=None,
                function=function,
                calls=calls / iterations,
                seconds=max(0.0, seconds) / iterations,
            )
    return edges


def _least(rounds: Sequence[Mapping[_Key, Edge]]) -> tuple[Edge, ...]:
    """Return each edge that every round has, from the one in which it took the least."""
    shared = [key for key in rounds[0] if all(key in edges for edges in rounds)] if rounds else []
    return tuple(
        min((edges[key] for edges in rounds), key=lambda edge: edge.seconds) for key in shared
    )
