"""A measured process as its parent sees it: start, converse, time out, end with all it started."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from perfgate.measure.agent.channel import Channel

__all__ = ["CollectedBenchmark", "Collection", "Worker", "WorkerLost", "WorkerSettings"]

_AGENT: Final = Path(__file__).parent / "agent" / "start.py"
_TAIL_BYTES: Final = 8192
_LONGEST_LINE: Final = 200
_WATCH_INTERVAL_S: Final = 0.1
_EXIT_GRACE_S: Final = 10.0
_DRAIN_GRACE_S: Final = 1.0
_MARK: Final = "PERFGATE_WORKER"
"""Environment variable by which all that a measured process started is known again."""
_NOT_INHERITED: Final = frozenset({"PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"})
"""Set where perfgate itself is under test by pytest: pytest-benchmark would refuse to measure."""


class WorkerLost(Exception):  # noqa: N818 - an event in a worker's life, turned into a finding
    """The process ended, was ended for taking too long, or refused to measure."""

    def __init__(self, problem: str, *, is_timeout: bool = False, is_refusal: bool = False) -> None:
        self.problem = problem
        self.is_timeout = is_timeout
        self.is_refusal = is_refusal
        super().__init__(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a measured process is to be; equal for both sides of a pair but for tree and python."""

    python: Path
    root: Path
    """Where pytest runs; node ids are relative to it."""
    source_paths: tuple[Path, ...]
    """Put first on the module path, so that this tree's code is what is imported."""
    files: tuple[str, ...]
    """Benchmark files below the root."""
    environ: Mapping[str, str]
    hash_seed: int
    is_lockstep: bool
    cpu: int | None = None
    modules: tuple[str, ...] = ()
    """Names whose origin every benchmark reports."""
    measures_memory: bool = False
    """Count the blocks that each benchmark keeps, after its last round."""
    max_time_s: float | None = None
    """How long pytest-benchmark may time one benchmark; None: as the suite says."""
    pytest_configuration: Path | None = None
    """Given to pytest's ``-c``; None: as pytest finds it."""
    launcher: tuple[str, ...] = ()
    """Command that runs the interpreter; empty: it runs by itself."""
    callgrind_output: Path | None = None
    """Where the callgrind that is the launcher writes; None: it counts nothing."""
    counts_on_processor: bool = False
    """Count instructions with the processor's own counter."""
    profiles: bool = False
    """Whether rounds may be profiled, function by function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedBenchmark:
    """A benchmark that a process found."""

    id: str
    path: str
    """From the root where it lies below it."""
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a process found in its files."""

    benchmarks: tuple[CollectedBenchmark, ...]
    errors: tuple[tuple[str, str], ...]
    """Node id and message of what could not be collected."""
    pytest_benchmark: str
    is_pinned: bool


class Worker:
    """One measured process; a context manager that leaves nothing of it behind."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self._mark = uuid.uuid4().hex
        self._process = _spawn(settings, self._mark)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
        self._channel = Channel(stdout, stdin)  # type: ignore[arg-type]  # binary pipes
        self._deadline_s: float | None = None
        self._timed_out_after_s: float | None = None
        self._tail = bytearray()
        self._is_over = threading.Event()
        self._threads = (
            threading.Thread(target=self._drain, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Of the process itself; of the launcher, where there is one that does not become it."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def configure(self) -> None:
        """Send the settings; the process then imports and collects by itself.

        Raises:
            WorkerLost: the process ended.
        """
        settings = self.settings
        self.send(
            {
                "root": str(settings.root),
                "cpu": settings.cpu,
                "hash_seed": settings.hash_seed,
                "lockstep": settings.is_lockstep,
                "memory": settings.measures_memory,
                "callgrind_output": settings.callgrind_output and str(settings.callgrind_output),
                "counts_on_processor": settings.counts_on_processor,
                "profiles": settings.profiles,
                "modules": settings.modules,
                "arguments": _pytest_arguments(settings),
                "benchmark_arguments": _benchmark_arguments(settings),
            }
        )

    def collect(self, timeout_s: float) -> Collection:
        """Wait for what the process found.

        Raises:
            WorkerLost: pytest could not start, took too long, or the measurement was refused.
        """
        message, _ = self.receive(timeout_s)
        root = self.settings.root
        return Collection(
            benchmarks=tuple(
                CollectedBenchmark(id=name, path=_below(root, path), line=line)
                for name, path, line in message["benchmarks"]
            ),
            errors=tuple((name, text) for name, text in message["errors"]),
            pytest_benchmark=message["versions"]["pytest_benchmark"],
            is_pinned=message["pinned"],
        )

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            WorkerLost: the process ended.
        """
        try:
            self._channel.send(message)
        except (OSError, ValueError) as error:
            raise self._lost() from error

    def receive(self, timeout_s: float) -> tuple[dict[str, Any], "array[float]"]:
        """Wait for one message with its numbers.

        Raises:
            WorkerLost: the process ended, was ended after ``timeout_s``, or refused to measure.
        """
        self._deadline_s = time.monotonic() + timeout_s
        self._timed_out_after_s = None
        try:
            message, numbers = self._channel.receive()
        except (EOFError, OSError, ValueError) as error:
            raise self._lost() from error
        finally:
            self._deadline_s = None
        if message["event"] == "refused":
            raise WorkerLost(message["why"], is_refusal=True)
        return message, numbers

    def finish(self) -> None:
        """Let the process end by itself (session fixtures, exit handlers), then make sure."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_GRACE_S)
        self.kill()

    def end_process(self) -> None:
        """End the process and everything it started; callable from any thread."""
        _kill_tree(self._process)
        _kill_marked(self._mark)

    def kill(self) -> None:
        """End the process and release what belongs to it; harmless when it ended already."""
        self.end_process()
        self._is_over.set()
        self._process.wait()
        drain, watch = self._threads
        watch.join()
        drain.join(_DRAIN_GRACE_S)
        self._channel.close()
        if self._process.stderr is not None and not drain.is_alive():
            self._process.stderr.close()

    # --- inner workings

    def _drain(self) -> None:
        stream = self._process.stderr
        assert stream is not None  # noqa: S101 - a pipe
        while data := stream.read1(65536):  # type: ignore[attr-defined]  # buffered binary pipe
            self._tail += data
            del self._tail[:-_TAIL_BYTES]

    def _watch(self) -> None:
        """End the process when its time is up, and what it left behind when it ended by itself.

        A grandchild that holds the pipe would otherwise keep the parent waiting for ever.
        """
        while not self._is_over.wait(_WATCH_INTERVAL_S):
            deadline_s = self._deadline_s
            if deadline_s is not None and time.monotonic() > deadline_s:
                self._timed_out_after_s = time.monotonic() - deadline_s
                self.end_process()
                return
            if self._process.poll() is not None:
                self.end_process()
                return

    def _lost(self) -> WorkerLost:
        if self._timed_out_after_s is not None:
            return WorkerLost("took too long and was ended", is_timeout=True)
        try:
            status = self._process.wait(_EXIT_GRACE_S)
        except subprocess.TimeoutExpired:
            return WorkerLost("closed its connection to perfgate")
        drain, _ = self._threads
        drain.join(_DRAIN_GRACE_S)  # its last words may still be in the pipe
        tail = self._tail.decode(errors="replace").strip().splitlines()[-8:]
        return WorkerLost("\n".join((_ended(status), *map(_shortened, tail))))


def _shortened(line: str) -> str:
    """Cut the middle out of a long line: it says first what is wrong, and last where."""
    if len(line) <= _LONGEST_LINE:
        return line
    head = _LONGEST_LINE // 2
    return f"{line[:head]}…{line[-(_LONGEST_LINE - 1 - head) :]}"


def _spawn(settings: WorkerSettings, mark: str) -> "subprocess.Popen[bytes]":
    environ = {
        name: value for name, value in settings.environ.items() if name not in _NOT_INHERITED
    }
    environ["PYTHONHASHSEED"] = str(settings.hash_seed)
    environ[_MARK] = mark
    paths = [str(path) for path in settings.source_paths]
    if environ.get("PYTHONPATH"):
        paths.append(environ["PYTHONPATH"])
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.Popen(
        [*settings.launcher, str(settings.python), "-P", str(_AGENT)],
        cwd=settings.root,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _pytest_arguments(settings: WorkerSettings) -> list[str]:
    arguments = [
        *settings.files,
        f"--rootdir={settings.root}",
        "--capture=no",  # a benchmark may print a gigabyte: it goes nowhere instead of into a file
        "--maxfail=0",
        f"--override-ini=cache_dir={os.devnull}",  # without the plugin, --ff would be unknown
        "-Wignore::pytest.PytestCacheWarning",
    ]
    if settings.pytest_configuration is not None:
        arguments += ["-c", str(settings.pytest_configuration)]
    return arguments


def _benchmark_arguments(settings: WorkerSettings) -> list[str]:
    nowhere = f"--benchmark-storage=file://{os.devnull}"  # it makes its folder when it starts
    arguments = ["--benchmark-enable", nowhere]
    if settings.max_time_s is not None:
        arguments.append(f"--benchmark-max-time={settings.max_time_s}")
    return arguments


def _below(root: Path, path: str) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return ""


def _ended(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    return f"its process was ended by signal {name}"


def _kill_tree(process: "subprocess.Popen[bytes]") -> None:
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()


def _kill_marked(mark: str) -> None:
    """End what left the process's session and outlived its parent: daemons, servers of fixtures.

    They would burn the CPU under later benchmarks, and whoever waits for the end of a pipe that
    they hold would wait for ever.
    """
    for member in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if member.environ().get(_MARK) == mark:
                member.kill()
