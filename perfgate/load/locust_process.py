"""Locust as a process of its own: started with our plugin, watched, and ended with all it started.

Locust is never imported here: it replaces sockets, threads and sleep in the process that does.
"""

import contextlib
import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfgate.errors import MeasurementError, UndecidedError
from perfgate.load.distributed import LoadState, StateEnd, decode_state

__all__ = ["LocustPlan", "MasterPlan", "run_locust", "run_worker"]

_PLUGIN: Final = Path(__file__).parents[1] / "locust" / "locustfile" / "perfgate_plugin.py"
_LOOK_S: Final = 0.1
_SHOW_S: Final = 1.0
_GRACE_S: Final = 5.0
"""For an end that was asked for, before it is forced."""
_MARGIN_S: Final = 45.0
"""For the start of the processes and for their last reports."""
_LOG_LINES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterPlan:
    """Where the reports of workers come together."""

    bind_host: str
    port: int
    expected: int
    patience_s: float
    """How long to wait for the workers to join."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocustPlan:
    """A load that Locust is to make."""

    locustfile: Path
    users: int
    spawn_rate_per_s: float
    duration_s: float
    """With the start of the users and the warm-up."""
    warmup_s: float
    stop_s: float
    """What requests under way are given when the time is over."""
    host: str | None
    processes: int | None
    """Workers on this host; None: this process alone, or those of others."""
    master: MasterPlan | None

    def command(self, python: Path, state: Path) -> list[str]:
        """Return the command that runs it."""
        command = [str(python), "-m", "locust", "-f", f"{self.locustfile},{_PLUGIN}"]
        command += ["--headless", "--users", str(self.users)]
        command += ["--spawn-rate", f"{self.spawn_rate_per_s:g}"]
        command += ["--run-time", f"{math.ceil(self.duration_s)}s"]
        command += ["--stop-timeout", f"{math.ceil(self.stop_s)}s"]
        # A failed request is no failed run: limits decide what may fail.
        command += ["--only-summary", "--exit-code-on-error", "0"]
        command += ["--perfgate-state", str(state), "--perfgate-warmup", f"{self.warmup_s:g}"]
        if self.host is not None:
            command += ["--host", self.host]
        if self.master is not None:
            port = str(self.master.port)
            command += ["--master-bind-host", self.master.bind_host, "--master-bind-port", port]
            command += ["--expect-workers-max-wait", str(math.ceil(self.master.patience_s))]
            if self.processes is None:
                command += ["--master", "--expect-workers", str(self.master.expected)]
            else:
                command += ["--processes", str(self.processes), "--master-port", port]
        return command

    @property
    def longest_s(self) -> float:
        """How long it may take with everything; then something hangs."""
        patience_s = self.master.patience_s if self.master is not None else 0.0
        return self.duration_s + 2 * self.stop_s + patience_s + _MARGIN_S


def run_locust(
    plan: LocustPlan,
    *,
    python: Path,
    environ: Mapping[str, str],
    on_state: Callable[[LoadState], bool],
) -> LoadState:
    """Run a load to its end and return what it showed.

    Nothing that was started is left running, however this ends.

    Args:
        plan: What to run.
        python: An interpreter with Locust and perfgate.
        environ: For the processes.
        on_state: Is shown every second what is known; True ends the load.

    Raises:
        UndecidedError: workers did not join, or the result is not whole.
        MeasurementError: Locust ended before there was any load.
    """
    with tempfile.TemporaryDirectory(prefix="perfgate-locust-") as folder:
        state_path, log_path = Path(folder, "state.json"), Path(folder, "log")
        command = plan.command(python, state_path)
        with _running(command, environ, log_path) as process:
            is_in_time = _watch(process, state_path, plan.longest_s, on_state)
        state = _read(state_path)
        if state is not None and state.end is StateEnd.COMPLETE and state.has_begun:
            return state
        raise _incomplete(plan, state, is_in_time=is_in_time, status=process, log=log_path)


def run_worker(
    *, host: str, port: int, processes: int | None, python: Path, environ: Mapping[str, str]
) -> None:
    """Make load for a master until it says that it is over; the scenario comes from there.

    Raises:
        MeasurementError: the master was not found, or the worker broke off.
    """
    command = [str(python), "-m", "locust", "-f", "-", "--worker"]
    command += ["--master-host", host, "--master-port", str(port)]
    if processes is not None:
        command += ["--processes", str(processes)]
    with tempfile.TemporaryDirectory(prefix="perfgate-locust-") as folder:
        log_path = Path(folder, "log")
        with _running(command, environ, log_path) as process:
            while not _has_ended(process):
                time.sleep(_LOOK_S)
        if process.returncode:
            raise MeasurementError(
                f"master {host}:{port}",
                f"the worker ended with status {process.returncode}",
                _tail(log_path),
            )


@contextlib.contextmanager
def _running(
    command: Sequence[str], environ: Mapping[str, str], log_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own: Ctrl-C is for us, who then end all of it."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; gently first, where it still runs."""
    if not _has_ended(process):
        os.kill(process.pid, signal.SIGTERM)
        until_s = time.monotonic() + _GRACE_S
        while not _has_ended(process) and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
    # It was not waited for yet, so its number still means its group, whoever of that is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Say whether a process has ended, and leave it to be waited for: its number stays its own."""
    if process.returncode is not None:
        return True
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _watch(
    process: subprocess.Popen[bytes],
    state_path: Path,
    longest_s: float,
    on_state: Callable[[LoadState], bool],
) -> bool:
    """Show the state until the process ends; False where it took too long."""
    begun_s = shown_s = time.monotonic()
    is_asked_to_end = False
    while not _has_ended(process):
        time.sleep(_LOOK_S)
        now_s = time.monotonic()
        if now_s - begun_s > longest_s:
            return False
        if now_s - shown_s >= _SHOW_S:
            shown_s = now_s
            state = _read(state_path)
            if state is not None and on_state(state) and not is_asked_to_end:
                is_asked_to_end = True
                os.kill(process.pid, signal.SIGTERM)
    return True


def _read(path: Path) -> LoadState | None:
    """Return the state; None where there is none yet."""
    try:
        return decode_state(path.read_bytes())
    except FileNotFoundError:
        return None


def _incomplete(
    plan: LocustPlan,
    state: LoadState | None,
    *,
    is_in_time: bool,
    status: subprocess.Popen[bytes],
    log: Path,
) -> MeasurementError | UndecidedError:
    name = str(plan.locustfile)
    if state is not None and not state.has_begun and len(state.senders) < state.expected:
        waited_s = plan.master.patience_s if plan.master is not None else 0.0
        return UndecidedError(
            f"{name}: inconclusive: {len(state.senders)} of {state.expected} workers joined "
            f"within {waited_s:.0f} s"
        )
    was_killed = status.returncode < 0  # by us where it hung, else by somebody else
    if state is not None and (state.has_begun or was_killed):
        what = f"ended with status {status.returncode}" if is_in_time else "did not end"
        return UndecidedError(f"{name}: inconclusive: Locust {what} before its result was whole")
    what = f"Locust ended with status {status.returncode}" if is_in_time else "Locust hung"
    return MeasurementError(name, f"{what} before there was any load", _tail(log))


def _tail(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip()][-_LOG_LINES:]
