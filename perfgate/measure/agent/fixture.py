"""The one place that knows pytest-benchmark's internals (4.0 to 5.3).

Two methods of its fixture are replaced, ``_raw`` (behind ``benchmark(...)``, ``@benchmark`` and
``weave``) and ``_raw_pedantic``; both have had the same meaning in every version since 3.2.
Everything else (options, gc, timer, calibration, statistics that a test reads afterwards) stays
pytest-benchmark's own.
"""

import functools
import gc
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from pytest_benchmark import plugin
from pytest_benchmark.fixture import BenchmarkFixture

from .waiting import RunQueue

__all__ = [
    "Conductor",
    "Stopwatch",
    "Target",
    "Timing",
    "Unfit",
    "calibrate",
    "forget_results",
    "install",
    "is_enabled",
    "spare_the_repository",
]

_LARGEST_CALIBRATION: Final = 1 << 30
_WALL_CLOCKS: Final = (time.perf_counter, time.monotonic, time.time)  # noqa: TID251 - compared, never read


def spare_the_repository() -> None:
    """Keep pytest-benchmark from asking git what a saved file would be called.

    It does so whenever pytest starts: six processes, 60 ms, and ``git describe --dirty`` rewrites
    the user's index, whatever GIT_OPTIONAL_LOCKS says. Nothing is saved here.
    """
    if hasattr(plugin, "get_tag"):
        plugin.get_tag = _no_tag


def _no_tag(*_project: Any) -> str:
    return "perfgate"


class Unfit(Exception):  # noqa: N818 - a finding about the benchmark, shown by its message alone
    """Measuring this benchmark would give a number that misleads."""


class Target(Protocol):
    """A benchmarked operation, ready to be timed."""

    mode: str
    call: Callable[[], Any] | None
    """One call that may be made as often as wanted; None: its author counts them."""
    fixed_rounds: int | None
    """Most rounds that its author allows; None: as many as wanted."""
    fixed_iterations: int | None

    def warm_up(self) -> None:
        """Do what the author asked for before the first counted round."""

    def time_round(self, iterations: int) -> float:
        """Run one round and return its duration in seconds (all iterations together)."""

    def empty(self) -> "Target":
        """Return the same without an operation: what measuring itself costs."""

    def finish(self) -> Any:
        """Return what the benchmark fixture returns to the test."""


class Conductor(Protocol):
    """Decides what happens when a test calls its benchmark fixture."""

    def conduct(self, name: str, target: Target) -> tuple[Sequence[float], int]:
        """Time a target; return the rounds' durations and the iterations of each."""

    def recorded(self, name: str, rounds: Sequence[float], iterations: int) -> None:
        """Take the rounds that pytest-benchmark measured itself (seconds per iteration)."""

    def count_memory(self, call: Callable[[], Any] | None) -> None:
        """Count what a call keeps, after the last round and outside of any time."""

    def watch(self, name: str, extra_info: dict[str, Any]) -> None:
        """Keep the dictionary that the test fills with numbers of its own, now or later."""


class Timing(Protocol):
    """What stands around each measured region."""

    def time(self, run: Callable[[], float]) -> float:
        """Run and return a duration in seconds."""


class Stopwatch:
    """Takes the time that a round waited for others out of it, if its timer counts that at all."""

    def __init__(self, timer: Callable[[], float], queue: RunQueue) -> None:
        self._queue = queue if timer in _WALL_CLOCKS else None

    def time(self, run: Callable[[], float]) -> float:
        """Run and return the duration that ``run`` returns, less what it waited for others."""
        return run() if self._queue is None else self._queue.without_waiting(run)


class Call:
    """The operation of ``benchmark(function, *args, **kwargs)``."""

    mode = "call"
    fixed_rounds: int | None = None
    fixed_iterations: int | None = None

    def __init__(
        self,
        fixture: Any,
        stopwatch: Timing,
        function: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
    ) -> None:
        self._fixture = fixture
        self._stopwatch = stopwatch
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self.call: Callable[[], Any] | None = functools.partial(function, *args, **kwargs)
        self._runner = fixture._make_runner(function, args, kwargs)  # noqa: SLF001 - see module

    def warm_up(self) -> None:
        """Do nothing: calibrating has warmed it up."""

    def time_round(self, iterations: int) -> float:
        """Time ``iterations`` calls."""
        return self._stopwatch.time(lambda: float(self._runner(range(iterations))))

    def empty(self) -> "Call":
        """Return a call of the cheapest there is."""
        return Call(self._fixture, self._stopwatch, gc.isenabled, (), {})

    def finish(self) -> Any:
        """Call once more, for the answer."""
        return self._function(*self._args, **self._kwargs)


class Pedantic:
    """The operation of ``benchmark.pedantic``: its author's rounds, setup and teardown hold."""

    mode = "pedantic"
    call: Callable[[], Any] | None = None

    def __init__(self, fixture: Any, stopwatch: Timing, options: "_PedanticOptions") -> None:
        self._fixture = fixture
        self._stopwatch = stopwatch
        self._options = options
        self.fixed_rounds: int | None = options.rounds
        self.fixed_iterations: int | None = options.iterations
        self._result: Any = None

    def warm_up(self) -> None:
        """Run the warm-up rounds that the author asked for."""
        for _ in range(self._options.warmup_rounds):
            self.time_round(self._options.iterations)

    def time_round(self, iterations: int) -> float:
        """Time one round between its setup and its teardown."""
        options = self._options
        args, kwargs = options.arguments()
        runner = self._fixture._make_runner(options.target, args, kwargs)  # noqa: SLF001 - see module

        def run() -> float:
            if iterations > 1:
                return float(runner(range(iterations)))
            duration, self._result = runner(None)
            return float(duration)

        duration_s = self._stopwatch.time(run)
        if options.teardown is not None:
            options.teardown(*args, **kwargs)
        return duration_s

    def empty(self) -> Call:
        """Return a call of the cheapest there is, without a setup."""
        return Call(self._fixture, self._stopwatch, gc.isenabled, (), {})

    def finish(self) -> Any:
        """Return the last round's answer, or call once more where rounds keep none."""
        options = self._options
        if options.iterations == 1:
            return self._result
        args, kwargs = options.arguments()
        result = options.target(*args, **kwargs)
        if options.teardown is not None:
            options.teardown(*args, **kwargs)
        return result


class _PedanticOptions:
    """What a test passed to ``benchmark.pedantic``, checked as pytest-benchmark checks it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the signature is pytest-benchmark's
        self,
        target: Callable[..., Any],
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> None:
        for name, value, least in (
            ("iterations", iterations, 1),
            ("rounds", rounds, 1),
            ("warmup_rounds", warmup_rounds, 0),
        ):
            if not _is_count(value) or value < least:
                raise ValueError(f"Must have positive int for `{name}`.")
        if iterations > 1 and setup:
            raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")
        self.target = target
        self.args = args
        self.kwargs = {} if kwargs is None else kwargs
        self.setup = setup
        self.teardown = teardown
        self.rounds = rounds
        self.warmup_rounds = warmup_rounds
        self.iterations = iterations

    def arguments(self) -> tuple[Any, dict[str, Any]]:
        """Return the arguments of one round: the setup's where it gives some."""
        prepared = self.setup() if self.setup else None
        if not prepared:
            return self.args, self.kwargs
        if self.args or self.kwargs:
            raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
        args, kwargs = prepared
        return args, kwargs


def _is_count(value: object) -> bool:
    return isinstance(value, int)


def calibrate(target: Target, round_s: float) -> float:
    """Return the seconds of one call, from a round of at least a quarter of ``round_s``."""
    iterations = 1
    while True:
        duration = target.time_round(iterations)
        if duration >= round_s / 4 or iterations >= _LARGEST_CALIBRATION:
            return max(duration, 1e-9) / iterations
        growth = round_s / 2 / duration if duration > 0 else 10
        iterations *= max(2, min(10, int(growth)))


def install(conductor: Conductor, *, in_lockstep: bool, timing: Timing | None = None) -> None:
    """Replace what happens inside the benchmark fixture, for the rest of this process.

    ``timing`` stands around each measured region in lockstep; None: a stopwatch.
    """
    if in_lockstep:
        _install_lockstep(conductor, timing)
    else:
        _install_recording(conductor)


def _install_lockstep(conductor: Conductor, timing: Timing | None) -> None:
    queue = RunQueue()

    def stopwatch(fixture: Any) -> Timing:
        return timing or Stopwatch(fixture._timer, queue)  # noqa: SLF001 - see module

    def measure(fixture: Any, target: Target) -> Any:
        _refuse_instrumentation()
        conductor.watch(fixture.fullname, fixture.extra_info)
        durations, iterations = conductor.conduct(fixture.fullname, target)
        stats = fixture._make_stats(iterations)  # noqa: SLF001 - see module
        for duration in durations:
            stats.update(duration)
        conductor.count_memory(target.call)
        return _refuse_coroutine(target.finish())

    def raw(fixture: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        _refuse_async(function)
        _refuse_coroutine(function(*args, **kwargs))
        return measure(fixture, Call(fixture, stopwatch(fixture), function, args, kwargs))

    def raw_pedantic(fixture: Any, target: Callable[..., Any], *args: Any, **options: Any) -> Any:
        _refuse_async(target)
        return measure(
            fixture,
            Pedantic(
                fixture,
                stopwatch(fixture),
                _PedanticOptions(target, *args, **options),
            ),
        )

    fixture_class: Any = BenchmarkFixture
    fixture_class._raw = raw  # noqa: SLF001 - see module
    fixture_class._raw_pedantic = raw_pedantic  # noqa: SLF001 - see module


def _install_recording(conductor: Conductor) -> None:
    def recording(original: Callable[..., Any], *, is_free: bool) -> Callable[..., Any]:
        def measure(fixture: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            _refuse_async(function)
            _refuse_instrumentation()
            conductor.watch(fixture.fullname, fixture.extra_info)
            result = _refuse_coroutine(original(fixture, function, *args, **kwargs))
            if fixture.stats is not None:
                stats = fixture.stats
                conductor.recorded(fixture.fullname, stats.stats.data, stats.iterations)
                call = functools.partial(function, *args, **kwargs)
                conductor.count_memory(call if is_free else None)
            return result

        return measure

    fixture_class: Any = BenchmarkFixture
    fixture_class._raw = recording(fixture_class._raw, is_free=True)  # noqa: SLF001 - see module
    pedantic = recording(fixture_class._raw_pedantic, is_free=False)  # noqa: SLF001 - see module
    fixture_class._raw_pedantic = pedantic  # noqa: SLF001 - see module


def is_enabled(config: Any) -> bool:
    """Say whether pytest-benchmark will measure in this session."""
    session = getattr(config, "_benchmarksession", None)
    return session is not None and not session.disabled and not session.skip


def forget_results(config: Any) -> None:
    """Spare the session pytest-benchmark's own tables and files: the parent has the rounds."""
    config._benchmarksession.benchmarks.clear()  # noqa: SLF001 - see module


def _refuse_async(function: Callable[..., Any]) -> None:
    plain = inspect.unwrap(function)
    plain = getattr(plain, "func", plain)
    targets = [plain]
    if not inspect.isclass(plain):  # to call a class is to make an object, which never waits
        targets.append(getattr(plain, "__call__", None))  # noqa: B004 - it may be a coroutine function
    if any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in targets):
        raise Unfit(_ASYNC_ADVICE)


def _refuse_coroutine(result: Any) -> Any:
    if inspect.iscoroutine(result):
        result.close()  # or Python warns that it was never awaited
        raise Unfit(_ASYNC_ADVICE)
    if inspect.isasyncgen(result):
        raise Unfit(_ASYNC_ADVICE)
    return result


_ASYNC_ADVICE = (
    "the target is async: timing it would time the creation of a coroutine that never runs; "
    "benchmark a plain function that runs it, e.g. benchmark(lambda: asyncio.run(target()))"
)


def _refuse_instrumentation() -> None:
    if sys.gettrace() is not None:
        raise Unfit("a tracer is active (coverage or a debugger): run without it")
    if sys.getprofile() is not None:
        raise Unfit("a profiler is active: run without it")
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None:
        tools = [name for tool in range(6) if (name := monitoring.get_tool(tool))]
        if tools:
            raise Unfit(f"sys.monitoring is in use by {', '.join(tools)}: run without it")
