"""The process of an upstream: reads its orders from stdin, serves until stdin ends.

Started by the handle alone. That stdin ends when the starting process dies, however it dies, is
what keeps upstreams from being left behind.
"""

import asyncio
import gc
import importlib
import os
import sys
import threading
import traceback
from typing import Any, BinaryIO

import msgspec

from perfgate.testing.upstream.application import ApplicationFactory, UpstreamClock
from perfgate.testing.upstream.engine import Engine, Settings
from perfgate.testing.upstream.server import BACKLOG, Connection

__all__ = ["Ready", "Start", "main"]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The first line on stdin: what to serve."""

    application: str
    """``module:factory``."""
    options: dict[str, Any] = {}
    settings: Settings = Settings()
    port: int = 0
    cpu: int | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The first line on stdout: where it is served, or why not."""

    port: int = 0
    pid: int = 0
    error: str = ""


def main() -> None:
    """Serve what the first line of stdin orders until stdin ends."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    start = msgspec.json.decode(stdin.readline(), type=Start)
    try:
        if start.cpu is not None:
            os.sched_setaffinity(0, {start.cpu})
        clock = UpstreamClock()
        application = _factory(start.application)(clock, start.options)
        engine = Engine(application, clock, start.settings)
    except Exception:  # noqa: BLE001 - the handle raises it in the test's own process
        _tell(stdout, Ready(error=traceback.format_exc()))
        return
    asyncio.run(_serve(engine, start.port, stdin, stdout))


def _factory(spec: str) -> ApplicationFactory:
    module, _, name = spec.partition(":")
    factory: ApplicationFactory = getattr(importlib.import_module(module), name)
    return factory


def _tell(stdout: BinaryIO, ready: Ready) -> None:
    stdout.write(msgspec.json.encode(ready) + b"\n")
    stdout.flush()


async def _serve(engine: Engine, port: int, stdin: BinaryIO, stdout: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def wait_for_the_end() -> None:
        stdin.read()
        loop.call_soon_threadsafe(stopped.set)

    try:
        server = await loop.create_server(
            lambda: Connection(engine, loop), "127.0.0.1", port, backlog=BACKLOG
        )
    except OSError as error:
        _tell(stdout, Ready(error=f"cannot listen on 127.0.0.1:{port}: {error}"))
        return
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    gc.freeze()
    _tell(stdout, Ready(port=server.sockets[0].getsockname()[1], pid=os.getpid()))
    await stopped.wait()
    server.close()
