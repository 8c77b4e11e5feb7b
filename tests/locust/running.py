"""Loads of Locust as users make them: processes of perfgate against a server on this host."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.command_line import environ_for

NEEDS_LOCUST = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None, reason="Locust is not installed: nox -s locust"
)
LONGEST_S = 90.0
USERS = """
import os
from locust import FastHttpUser, constant, events, task
from perfgate.locust import OpenUser

FOLDER = os.environ["RAW_SAMPLES"]


@events.request.add_listener
def keep(name, response_time, exception, **_more):
    with open(f"{FOLDER}/{os.getpid()}", "a") as file:
        file.write(f"{name} {response_time!r} {int(exception is None)}\\n")


"""
CLOSED = (
    USERS
    + """
class Shopper(FastHttpUser):
    wait_time = constant(0.01)

    @task(5)
    def look(self):
        self.client.get("/look")

    @task
    def buy(self):
        self.client.get("/buy")
"""
)


def pause() -> None:
    threading.Event().wait(0.05)


def eventually(condition: Callable[[], Any], what: str) -> None:
    until_s = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < until_s, f"waited in vain: {what}"
        pause()


@contextmanager
def target(
    *, stall_s: float = 0.0, every_s: float = 1.0, port: int = 0, prefix: tuple[str, ...] = ()
) -> Iterator[str]:
    """Run the server, and yield its address; ``prefix`` says on which host."""
    program = Path(__file__).with_name("target.py")
    command = [*prefix, sys.executable, *map(str, (program, stall_s, every_s, port))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a load ended."""

    status: int
    out: str
    err: str


class Load:
    """A load under way; remembers every process that it was ever seen to have."""

    def __init__(self, folder: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        self.raw = folder / "raw"
        self.raw.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "perfgate", "load", *arguments],
            cwd=folder,
            env=environ_for(folder, RAW_SAMPLES=str(self.raw)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._own = psutil.Process(self._process.pid)
        self._seen: set[psutil.Process] = set()

    def look(self) -> list[psutil.Process]:
        """Return the processes that it started and that run, the master first."""
        try:
            found = self._own.children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self._seen |= set(found)
        return found

    def workers(self) -> list[psutil.Process]:
        """Return the workers that have made load."""
        pids = {file.name for file in self.raw.iterdir()}
        return [process for process in self.look() if str(process.pid) in pids]

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> Ended:
        """Wait for its end, and see that nothing of it is left."""
        while True:
            self.look()
            try:
                out, err = self._process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            break
        _, alive = psutil.wait_procs(self._seen, timeout=20)
        assert not alive, f"left running: {alive}"
        return Ended(status=self._process.returncode, out=out, err=err)


def run_load(folder: Path, *arguments: str) -> Ended:
    return Load(folder, *arguments).end()


def raw_samples(folder: Path) -> list[tuple[str, float, bool]]:
    """Return name, seconds and success of every request, as the workers kept them."""
    files = (folder / "raw").iterdir()
    lines = [line.split() for file in files for line in file.read_text().splitlines()]
    return [(name, float(ms) / 1e3, good == "1") for name, ms, good in lines]


def read_run(path: Path) -> dict[str, Any]:
    assert path.exists(), path
    run: dict[str, Any] = json.loads(path.read_bytes())
    return run
