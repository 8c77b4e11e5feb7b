"""The pytest session inside a measured process: collect, follow the parent's plan, answer.

The parent speaks first (``configure``), then sends a plan of node ids; every benchmark ends in one
``finished`` event whatever happened to it.
"""

import gc
import math
import os
import sys
from collections.abc import Callable, Generator, Sequence
from itertools import zip_longest
from typing import Any, Final

import pytest

from .callgrind import CallgrindCounter
from .channel import Channel
from .counting import CountingStopwatch, voluntary_waits
from .fixture import (
    Target,
    Unfit,
    calibrate,
    forget_results,
    install,
    is_enabled,
    spare_the_repository,
)
from .memory import PeakMemory, kept_blocks
from .processor import ProcessorCounter
from .profiling import ProfilingStopwatch
from .randomness import seed_random

__all__ = ["run"]

_MESSAGE_LENGTH: Final = 2_000
_FIXTURES: Final = frozenset({"benchmark", "benchmark_weave"})


def run() -> int:
    """Take the standard streams for the conversation, then run pytest as the parent configured."""
    channel = Channel(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    settings, _ = channel.receive()
    _end_with_parent()
    is_pinned = _pin(settings["cpu"])
    os.chdir(settings["root"])
    spare_the_repository()
    agent = Agent(channel, settings, is_pinned=is_pinned)
    return int(pytest.main(list(settings["arguments"]), plugins=[agent]))


def _pin(cpu: int | None) -> bool:
    if cpu is None or not hasattr(os, "sched_setaffinity"):
        return False
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError:  # a container may forbid it
        return False
    return True


def _end_with_parent() -> None:
    """Ask Linux to end this process with its parent; elsewhere the closed channel does, later."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


class Agent:
    """A pytest plugin that lets the parent decide what runs when."""

    def __init__(self, channel: Channel, settings: dict[str, Any], *, is_pinned: bool) -> None:
        self._channel = channel
        self._root = settings["root"]
        self._seed = int(settings["hash_seed"])
        self._in_lockstep = bool(settings["lockstep"])
        self._benchmark_arguments: Sequence[str] = settings["benchmark_arguments"]
        self._module_names: Sequence[str] = settings["modules"]
        self._is_pinned = is_pinned
        self._callgrind_output: str | None = settings["callgrind_output"]
        self._counts_on_processor = bool(settings["counts_on_processor"])
        self._counting: CountingStopwatch | None = None
        self._profiling = ProfilingStopwatch() if settings["profiles"] else None
        self._process = os.getpid()
        self._collection_errors: list[tuple[str, str]] = []
        self._failure: tuple[str, str] | None = None
        self._is_abandoned = False
        self._is_measured = False
        self._rounds: Sequence[float] = ()
        self._iterations = 0
        self._extra_info: dict[str, Any] = {}
        self._memory = PeakMemory()
        self._measures_memory = bool(settings["memory"])
        self._kept_blocks: float | None = None

    # --- hooks of pytest

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(
        self, early_config: Any, args: list[str]
    ) -> Generator[None, Any, Any]:
        """Switch measuring on, and off what would spoil it, where the plugin for it is loaded.

        A wrapper runs before every plugin's own part: pytest-cov starts its tracer in this hook.
        """
        if _has_benchmark_plugin(early_config):
            args.extend(self._benchmark_arguments)
        if early_config.pluginmanager.hasplugin("xdist"):
            args.append("-n0")
        if early_config.pluginmanager.hasplugin("pytest_cov"):
            args.append("--no-cov")
            early_config.known_args_namespace.no_cov = True
        if early_config.pluginmanager.hasplugin("randomly"):
            args.append(f"--randomly-seed={self._seed}")
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        """Take over the benchmark fixture, or refuse where pytest-benchmark will not measure."""
        config = session.config
        if not _has_benchmark_plugin(config):
            self._refuse(
                "pytest-benchmark is not loaded: see -p and PYTEST_DISABLE_PLUGIN_AUTOLOAD"
            )
        if not is_enabled(config):
            self._refuse(
                "pytest-benchmark is switched off (xdist, --benchmark-disable or --benchmark-skip)"
            )
        try:
            self._counting = self._counter()
        except (OSError, RuntimeError) as error:
            self._refuse(f"instructions cannot be counted here: {error}")
        self._hold_chance()  # for what the modules of benchmarks draw as they are imported
        install(self, in_lockstep=self._in_lockstep, timing=self._counting or self._profiling)

    def pytest_collectreport(self, report: Any) -> None:
        """Remember a file that could not be collected."""
        if report.failed:
            self._collection_errors.append((report.nodeid, _last_lines(report.longreprtext)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Announce what there is, then run what the parent plans."""
        items = {
            item.nodeid: item
            for item in session.items
            if _FIXTURES & set(getattr(item, "fixturenames", ()))
        }
        self._channel.send(
            {
                "event": "collected",
                "benchmarks": [_place(item) for item in items.values()],
                "errors": self._collection_errors,
                "versions": _versions(),
                "pinned": self._is_pinned,
            }
        )
        gc.collect()
        gc.freeze()  # the session's own objects are then no part of any benchmark's collections
        message, _ = self._channel.receive()
        plan = [items[name] for name in message["plan"]]
        # The plan is empty where a reference has nothing that could be measured.
        for item, following in zip_longest(plan, plan[1:]):
            self._run(item, following)
        forget_results(session.config)
        self._channel.send({"event": "done"})
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """Watch the peak of the resident memory while a test runs."""
        self._memory.start()
        try:
            return (yield)
        finally:
            self._memory.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: Any) -> Generator[None, Any, Any]:
        """Keep the first thing that went wrong."""
        report = yield
        if self._failure is None and report.outcome != "passed":
            self._failure = _failure(report, call)
        return report

    # --- what the benchmark fixture asks for

    def watch(self, name: str, extra_info: dict[str, Any]) -> None:
        """Keep the numbers that the running test reports of itself."""
        del name
        self._extra_info = extra_info

    def count_memory(self, call: Callable[[], Any] | None) -> None:
        """Count what a call keeps, if that was asked for; its peak of memory ends before."""
        if self._measures_memory and call is not None and self._rounds:
            self._memory.stop()
            self._kept_blocks = kept_blocks(call, min(self._rounds))

    def recorded(self, name: str, rounds: Sequence[float], iterations: int) -> None:
        """Keep the rounds that pytest-benchmark measured."""
        del name
        self._measure_once()
        self._rounds = tuple(rounds)
        self._iterations = iterations

    def conduct(self, name: str, target: Target) -> tuple[Sequence[float], int]:
        """Run rounds as the parent passes the turn."""
        self._leave_fork()
        self._measure_once()
        self._announce(name, target)
        durations: list[float] = []
        iterations = 1
        while True:
            message, _ = self._channel.receive()
            match message["do"]:
                case "calibrate":
                    seconds = calibrate(target, message["round_s"])
                    self._send({"event": "calibrated"}, (seconds,))
                case "warm-up":
                    iterations = message["iterations"]
                    self._warm_up(target, iterations, message["rounds"])
                case "go":
                    durations += self._take_turn(target, iterations, message["rounds"])
                case "count" | "profile" as what:
                    iterations = message["iterations"]
                    look = self._count if what == "count" else self._profile
                    durations += look(target, iterations, message["rounds"])
                case "end":
                    self._rounds = [duration / iterations for duration in durations]
                    self._iterations = iterations
                    return durations, iterations
                case _:
                    self._is_abandoned = True
                    pytest.skip(message["why"])

    # --- inner workings

    def _counter(self) -> CountingStopwatch | None:
        if self._callgrind_output is not None:
            return CountingStopwatch(CallgrindCounter(self._callgrind_output))
        return CountingStopwatch(ProcessorCounter()) if self._counts_on_processor else None

    def _announce(self, name: str, target: Target) -> None:
        if self._counting is not None:
            self._counting.start()
        self._send(
            {
                "event": "ready",
                "id": name,
                "mode": target.mode,
                "rounds": target.fixed_rounds,
                "iterations": target.fixed_iterations,
            }
        )

    def _warm_up(self, target: Target, iterations: int, rounds: int) -> None:
        target.warm_up()
        for _ in range(rounds):
            target.time_round(iterations)
        self._send({"event": "warm"})

    def _take_turn(self, target: Target, iterations: int, rounds: int) -> list[float]:
        turn = [target.time_round(iterations) for _ in range(rounds)]
        self._send({"event": "rounds"}, turn)
        return turn

    def _count(self, target: Target, iterations: int, rounds: int) -> list[float]:
        """Count rounds, and as many empty ones; return the durations of the rounds.

        What counting itself takes is the least of the empty ones: here and there one pays for what
        ran before it.
        """
        counting = self._counting
        assert counting is not None  # noqa: S101 - the parent asks those alone that it told to count
        waits = voluntary_waits()
        counted = [counting.count(target.time_round, iterations) for _ in range(rounds)]
        waits = voluntary_waits() - waits
        dump = counting.keep_last()
        empty = target.empty()
        cost = min(counting.count(empty.time_round, 1)[1] for _ in range(rounds))
        self._send(
            {"event": "counted", "waits": waits, "dump": dump},
            [float(instructions - cost) for _, instructions in counted],
        )
        return [duration_s for duration_s, _ in counted]

    def _profile(self, target: Target, iterations: int, rounds: int) -> list[float]:
        """Profile rounds, each by itself; return their durations."""
        profiling = self._profiling
        assert profiling is not None  # noqa: S101 - the parent asks those alone that it told to
        found = [profiling.profile(target.time_round, iterations) for _ in range(rounds)]
        self._send({"event": "profiled", "rounds": [functions for _, functions in found]})
        return [duration_s for duration_s, _ in found]

    def _run(self, item: Any, following: Any) -> None:
        self._failure = None
        self._is_abandoned = False
        self._is_measured = False
        self._rounds = ()
        self._iterations = 0
        self._extra_info = {}
        self._kept_blocks = None
        self._hold_chance()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        self._leave_fork()
        os.chdir(self._root)  # a benchmark may have gone elsewhere
        failure = self._what_failed()
        self._send(
            {
                "event": "finished",
                "id": item.nodeid,
                "failure": failure,
                "abandoned": self._is_abandoned,
                "iterations": self._iterations,
                "metrics": self._metrics(),
                "rss": self._memory.growth_bytes,
                "modules": self._modules(),
            },
            () if failure else self._rounds,
        )

    def _hold_chance(self) -> None:
        """Have the same data drawn in each process, where work is counted and not timed."""
        if self._counting is not None or self._profiling is not None:
            seed_random(self._seed)

    def _measure_once(self) -> None:
        """Fail a test that is run again by a plugin, or evades pytest-benchmark's own check."""
        if self._is_measured:
            raise RuntimeError("the test measured more than once: a benchmark has one number")
        self._is_measured = True

    def _what_failed(self) -> tuple[str, str] | None:
        if self._failure is None and not self._rounds:
            return "raised", "the test never called its benchmark fixture"
        return self._failure

    def _metrics(self) -> dict[str, float]:
        """Return what the benchmark says of itself, which wins, and what it keeps."""
        counted = {} if self._kept_blocks is None else {"blocks_per_op": self._kept_blocks}
        return counted | _numbers(self._extra_info)

    def _modules(self) -> dict[str, str]:
        loaded = ((name, sys.modules.get(name)) for name in self._module_names)
        return {name: _origin(module) for name, module in loaded if module is not None}

    def _send(self, message: dict[str, Any], numbers: Sequence[float] = ()) -> None:
        try:
            self._channel.send(message, numbers)
        except OSError:  # the parent is gone: nobody is left to measure for
            os._exit(1)

    def _leave_fork(self) -> None:
        if os.getpid() != self._process:  # a benchmark forked and its child came back as a test
            os._exit(0)

    def _refuse(self, why: str) -> None:
        self._channel.send({"event": "refused", "why": why})
        os._exit(1)


def _has_benchmark_plugin(config: Any) -> bool:
    """Say whether it is there, loaded by its entry point or by ``-p``."""
    return any(map(config.pluginmanager.hasplugin, ("benchmark", "pytest_benchmark.plugin")))


def _failure(report: Any, call: Any) -> tuple[str, str]:
    if hasattr(report, "wasxfail"):
        return "skipped", f"expected to fail: {report.wasxfail}"[:_MESSAGE_LENGTH]
    if report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        return "skipped", str(reason)[:_MESSAGE_LENGTH]
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, Unfit):
        return "unfit", str(error)
    text = "" if error is None else f"{type(error).__name__}: {error}"
    return "raised", (text or _last_lines(report.longreprtext))[:_MESSAGE_LENGTH]


def _last_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return "\n".join(errors or lines[-3:])[:_MESSAGE_LENGTH]


def _place(item: Any) -> tuple[str, str, int | None]:
    path, line, _ = item.reportinfo()
    return item.nodeid, str(path), None if line is None else line + 1


def _numbers(extra_info: dict[str, Any]) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in extra_info.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    }


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every double
        return False


def _origin(module: Any) -> str:
    file = getattr(module, "__file__", None)
    if file:
        return str(file)
    places = list(getattr(module, "__path__", ()))
    return str(places[0]) if places else ""


def _versions() -> dict[str, str]:
    import pytest_benchmark

    return {"pytest_benchmark": pytest_benchmark.__version__, "python": sys.version.split()[0]}
