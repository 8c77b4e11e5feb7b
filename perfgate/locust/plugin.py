"""The plugin: listeners by which Locust's own reports carry our counts to one file.

In a worker the counts travel in each report to the master (``report_to_master``), once more when
its users have stopped. The master adds them up (``worker_report``), and, before it ends, waits for
that last report of every worker: Locust itself gives it half a second.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

import gevent
import locust
import locust.runners
import msgspec
from locust import events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from perfgate.load.distributed import Merger, StateEnd, WorkerReport, encode_state
from perfgate.locust.counting import COUNTS

__all__ = ["install"]

_KEY: Final = "perfgate"
_STOP: Final = "perfgate_stop"
_REPORT_S: Final = 1.0
_MASTERLESS_S: Final = 15
"""Locust lets a worker go on for a minute when it hears no more of its master."""
_LAST_REPORTS_S: Final = 15.0
"""Beyond the time that requests under way are given: then a worker counts as lost."""
_LOCAL: Final = "this process"


def install() -> None:
    """Register everything; called when Locust reads our locustfile, in each of its processes."""
    locust.runners.WORKER_REPORT_INTERVAL = _REPORT_S
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = _MASTERLESS_S
    events.init_command_line_parser.add_listener(_add_options)
    events.init.add_listener(_start)


def _add_options(parser: Any) -> None:
    parser.add_argument(
        "--perfgate-state", default="", include_in_web_ui=False, help="File for the results."
    )
    parser.add_argument(
        "--perfgate-warmup",
        type=float,
        default=0.0,
        include_in_web_ui=False,
        help="Seconds that are not counted.",
    )


def _start(environment: Any, runner: Any, **_more: Any) -> None:
    gevent.spawn(_watch_parent)
    if isinstance(runner, MasterRunner):
        _Master(environment, runner).listen()
        return
    events.test_start.add_listener(_begin)
    events.request.add_listener(COUNTS.on_request)
    events.user_error.add_listener(COUNTS.on_user_error)
    gevent.spawn(COUNTS.watch_processor)
    if isinstance(runner, WorkerRunner):
        _Worker(runner).listen()
    elif isinstance(runner, LocalRunner):
        _Local(environment, runner).listen()


def _begin(environment: Any, **_more: Any) -> None:
    # Here, since a worker gets the master's options with the order to begin.
    COUNTS.warmup_s = environment.parsed_options.perfgate_warmup
    COUNTS.begin()


def _watch_parent() -> None:
    """End with whoever started this process, even where it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:
        gevent.sleep(_REPORT_S)
    os.kill(os.getpid(), signal.SIGTERM)
    gevent.sleep(_LAST_REPORTS_S)
    os.kill(os.getpid(), signal.SIGKILL)


class _Worker:
    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._is_final = False

    def listen(self) -> None:
        events.report_to_master.add_listener(self._report)
        events.test_start.add_listener(self._on_start)
        events.test_stop.add_listener(self._on_stop)
        self._runner.register_message(_STOP, self._on_order, concurrent=True)

    def _on_start(self, **_more: Any) -> None:
        self._is_final = False

    def _on_order(self, **_more: Any) -> None:
        self._runner.stop()

    def _on_stop(self, **_more: Any) -> None:
        """Report for the last time, in a report like any other."""
        self._is_final = True
        data: dict[str, Any] = {}
        events.report_to_master.fire(client_id=self._runner.client_id, data=data)
        self._runner.send_message("stats", data)

    def _report(self, data: dict[str, Any], **_more: Any) -> None:
        data[_KEY] = msgspec.json.encode(COUNTS.take(is_final=self._is_final))


class _Collector:
    """Where reports come together: writes the state, again and again and once complete."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self.environment = environment
        self.runner = runner
        self.merger = Merger()
        self.problems: list[str] = []
        options = environment.parsed_options
        self._path = Path(options.perfgate_state) if options.perfgate_state else None
        self._warmup_s: float = options.perfgate_warmup
        self._begun_s: float | None = None
        self._ended_s: float | None = None
        self._is_complete = False
        self.expected = 1

    def listen(self) -> None:
        events.test_start.add_listener(self.on_start)
        events.test_stopping.add_listener(self._on_stopping)
        events.quit.add_listener(self._on_quit)
        gevent.spawn(self._keep_writing)

    def on_start(self, **_more: Any) -> None:
        self._begun_s = time.perf_counter()
        self.merger.begin(self._begun_s)
        self._write(StateEnd.UNDER_WAY)

    def _on_stopping(self, **_more: Any) -> None:
        self._ended_s = self._ended_s or time.perf_counter()

    def _on_quit(self, **_more: Any) -> None:
        self._is_complete = True  # Locust waits for its processes yet, and other greenlets run on
        self.collect(is_final=True)
        self._write(StateEnd.COMPLETE)

    def collect(self, *, is_final: bool) -> None:
        """Merge what no report brings."""

    def lost(self) -> dict[str, bool]:
        """Say of each sender whether it is gone."""
        return {}

    def _keep_writing(self) -> None:
        while not self._is_complete:
            self.collect(is_final=False)
            self._write(StateEnd.UNDER_WAY)
            gevent.sleep(_REPORT_S)

    def _write(self, end: StateEnd) -> None:
        if self._path is None:
            return
        now_s = time.perf_counter()
        wall_s = None
        if self._begun_s is not None:
            wall_s = (self._ended_s or now_s) - self._begun_s - self._warmup_s
        state = self.merger.state(
            end=end,
            engine_version=locust.__version__,
            expected=self.expected,
            wall_s=wall_s,
            senders=self.merger.senders(now_s, self.lost()),
            problems=tuple(self.problems),
        )
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(encode_state(state))
        draft.replace(self._path)


class _Local(_Collector):
    def collect(self, *, is_final: bool) -> None:
        self.merger.merge(_LOCAL, COUNTS.take(is_final=is_final), time.perf_counter())


class _Master(_Collector):
    def __init__(self, environment: Any, runner: Any) -> None:
        super().__init__(environment, runner)
        self.expected = environment.parsed_options.expect_workers
        self._has_begun = False

    def listen(self) -> None:
        super().listen()
        events.worker_connect.add_listener(self._on_connect)
        events.worker_report.add_listener(self._on_report)
        events.test_stop.add_listener(self._on_stop)

    def on_start(self, **more: Any) -> None:
        self._has_begun = True
        super().on_start(**more)

    def _on_connect(self, client_id: str, **_more: Any) -> None:
        self.merger.expect(client_id, time.perf_counter(), is_late=self._has_begun)

    def _on_report(self, client_id: str, data: dict[str, Any], **_more: Any) -> None:
        if not self._has_begun:
            return
        try:
            report = msgspec.json.decode(data[_KEY], type=WorkerReport)
        except (KeyError, msgspec.MsgspecError) as error:
            problem = f"a worker reports without the plugin, or with another one: {error}"
            if problem not in self.problems:
                self.problems.append(problem)
            return
        self.merger.merge(client_id, report, time.perf_counter())

    def lost(self) -> dict[str, bool]:
        here = {client.id for client in self.runner.clients.all} - {
            client.id for client in self.runner.clients.missing
        }
        return {
            sender.name: sender.name not in here
            for sender in self.merger.senders(time.perf_counter(), {})
        }

    def _on_stop(self, **_more: Any) -> None:
        """Let the workers stop, and wait for the last report of each that is there."""
        for client in self.runner.clients.all:
            with contextlib.suppress(Exception):  # one that is gone gets no message
                self.runner.send_message(_STOP, client_id=client.id)
        patience_s = (self.environment.stop_timeout or 0.0) + _LAST_REPORTS_S
        until_s = time.perf_counter() + patience_s
        while time.perf_counter() < until_s:
            lost = self.lost()
            if all(lost[name] or self.merger.is_finished(name) for name in lost):
                break
            gevent.sleep(0.05)
