"""The handle of an upstream in another process: start it, give it orders, stop it."""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import msgspec

from perfgate.errors import PerfgateError
from perfgate.testing.upstream.control import CONTROL_PREFIX, Order
from perfgate.testing.upstream.engine import Hit, Settings, Statistics
from perfgate.testing.upstream.faults import Fault, Latency
from perfgate.testing.upstream.limits import RateLimit
from perfgate.testing.upstream.process import Ready, Start

__all__ = ["Upstream", "UpstreamError", "start_upstream"]

_T = TypeVar("_T")
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from perfgate.testing.upstream.process import main; main()"
)
_NO_DETAILS = Order()
_PLAIN = "perfgate.testing.upstream.application:plain"


class UpstreamError(PerfgateError):
    """An upstream could not start, does not answer, or its application crashed."""

    def __init__(self, upstream: str, problem: str) -> None:
        self.upstream = upstream
        self.problem = problem
        super().__init__(f"upstream {upstream}: {problem}")


class Upstream:
    """A server on 127.0.0.1 in a process of its own; a context manager that stops it.

    Orders are blocking calls of a fraction of a millisecond over a connection of their own; they
    are neither counted nor limited nor spoilt. They may come from any thread.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, name: str) -> None:
        self._process = process
        self._name = name
        self._lock = threading.Lock()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        """Where it listens, without a slash at the end."""

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    # --- orders --------------------------------------------------------------------------------

    def inject(self, *faults: Fault) -> None:
        """Order faults, behind those that are left."""
        self._order("faults", Order(faults=faults))

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self._order("clear-faults")

    def set_latency(self, latency: Latency | None) -> None:
        """Change how long answers take from now on; None for no time at all."""
        self._order("latency", Order(latency=latency))

    def set_limits(self, limits: Sequence[RateLimit] | None) -> None:
        """Replace the limits and forget what was counted; None for those of the application."""
        self._order("limits", Order(limits=None if limits is None else tuple(limits)))

    def stall(self, seconds: float) -> None:
        """Hold every answer to what arrives from now on until the seconds are over."""
        self._order("stall", Order(seconds=seconds))

    def advance(self, seconds: float) -> None:
        """Let time pass on the upstream's clock at once: windows end, keys expire."""
        self._order("advance", Order(seconds=seconds))

    def forget(self) -> None:
        """Empty the hit log, the counts and what the limits have counted; keep the data."""
        self._order("forget")

    # --- what it saw ---------------------------------------------------------------------------

    def hits(self) -> tuple[Hit, ...]:
        """Return the arrivals, oldest first; at most as many as the log was made for."""
        return self._ask("hits", tuple[Hit, ...])

    def statistics(self) -> Statistics:
        """Return the counts since the start or since ``forget``."""
        return self._ask("statistics", Statistics)

    def inspect(self) -> Any:
        """Return what the application tells of its state."""
        return json.loads(self._order("inspect"))

    def _ask(self, name: str, answer: type[_T]) -> _T:
        return msgspec.json.decode(self._order(name), type=answer)

    def _order(self, name: str, order: Order = _NO_DETAILS) -> bytes:
        body = msgspec.json.encode(order)
        with self._lock:
            try:
                self._connection.request("POST", f"{CONTROL_PREFIX}{name}", body)
                response = self._connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise UpstreamError(self._name, f"does not answer: {error}") from error
        if response.status != http.client.OK:
            raise UpstreamError(self._name, json.loads(content)["error"])
        return content

    # --- its end -------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the process at once, as a crash would; ``stop`` is still due."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the process; a second call does nothing.

        Raises:
            UpstreamError: the application raised an exception while it served.
        """
        try:
            crash = self.statistics().crash if self.is_alive else ""
        finally:
            self._end()
        if crash:
            raise UpstreamError(self._name, f"its application crashed:\n{crash}")

    def _end(self) -> None:
        self._connection.close()
        _end_process(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.stop()
        else:
            self._end()


def start_upstream(  # noqa: PLR0913 - all keywords, none of them belongs to another
    application: str = _PLAIN,
    *,
    options: Mapping[str, Any] | None = None,
    latency: Latency | None = None,
    faults: Sequence[Fault] = (),
    limits: Sequence[RateLimit] | None = None,
    hit_log_size: int = 100_000,
    seed: int = 0,
    port: int = 0,
    cpu: int | None = None,
) -> Upstream:
    """Start an upstream in a process of its own and wait until it listens.

    Use it as a context manager, or call ``stop``; it also ends when this process does::

        with start_upstream(limits=[RateLimit(name="global", limit=100)]) as upstream:
            client.get(f"{upstream.url}/anything")        # {"ok": true}
            upstream.inject(Fault(kind=FaultKind.RESET))  # the next request
            arrivals_s = [hit.at_s for hit in upstream.hits()]

    Args:
        application: ``module:factory``; the factory takes the upstream's clock and the options
            and returns an ``Application``. Left out, every request gets ``{"ok": true}``.
        options: JSON values for the factory.
        latency: How long answers take; nothing where it is None.
        faults: What goes wrong from the start; more can be ordered later.
        limits: Enforced on arrivals instead of those that the application documents; empty
            for none at all.
        hit_log_size: How many arrivals the log keeps; older ones are forgotten, counts are not.
        seed: Repeats the latencies and the chances of faults.
        port: 0 for any free one; a fixed one lets an upstream come back after ``kill``.
        cpu: Pins the server to one CPU (Linux).

    Raises:
        UpstreamError: it could not start; says why.
    """
    settings = Settings(
        latency=latency,
        faults=tuple(faults),
        limits=None if limits is None else tuple(limits),
        hit_log_size=hit_log_size,
        seed=seed,
    )
    start = Start(
        application=application, options=dict(options or {}), settings=settings, port=port, cpu=cpu
    )
    # A session of its own: Ctrl-C in the terminal is for the test, which then ends the server.
    process = subprocess.Popen(
        [sys.executable, "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        ready = _await_ready(process, start)
    except BaseException:
        _end_process(process)
        raise
    return Upstream(process, ready.port, application)


def _await_ready(process: subprocess.Popen[bytes], start: Start) -> Ready:
    stdin, stdout = _pipes(process)
    stdin.write(json.dumps(sys.path).encode() + b"\n" + msgspec.json.encode(start) + b"\n")
    stdin.flush()
    line = stdout.readline()
    if not line:
        status = process.wait()
        raise UpstreamError(start.application, f"ended with status {status} before it listened")
    ready = msgspec.json.decode(line, type=Ready)
    if ready.error:
        raise UpstreamError(start.application, ready.error)
    return ready


def _end_process(process: subprocess.Popen[bytes]) -> None:
    stdin, stdout = _pipes(process)
    with contextlib.suppress(BrokenPipeError):
        stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    stdout.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    return process.stdin, process.stdout
