"""Listeners: called one after another, whatever becomes of those before."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from perfgate.operations import Alert

__all__ = ["EXCEEDED", "RESOLVED", "Listener", "Listeners"]

EXCEEDED: Final = "performance:threshold-exceeded"
RESOLVED: Final = "performance:threshold-resolved"

Listener = Callable[[Alert], object]
"""May be a coroutine function, which needs a running event loop of asyncio."""

_LOG: Final = logging.getLogger("perfgate.monitor")


class Listeners:
    """Who wants to know of which event.

    A listener that fails hinders neither the others nor the operation that is being recorded: the
    failure is counted, and the first of each listener logged.
    """

    def __init__(self) -> None:
        # Replaced, never changed: an event goes to those who were there when it began.
        self._listeners: dict[str, tuple[_Registration, ...]] = {EXCEEDED: (), RESOLVED: ()}
        self._running: set[asyncio.Task[object]] = set()
        self.failures = 0

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call a listener at each event of this name; returns what ends that.

        Raises:
            ValueError: there is no such event.
        """
        if event not in self._listeners:
            known = " and ".join(self._listeners)
            raise ValueError(f"there is no event {event!r}; there are {known}")
        registration = _Registration(listener)
        self._listeners[event] = (*self._listeners[event], registration)

        def unsubscribe() -> None:
            kept = (each for each in self._listeners[event] if each is not registration)
            self._listeners[event] = tuple(kept)

        return unsubscribe

    def emit(self, event: str, alert: Alert) -> None:
        """Tell all who listen; coroutines are started here, and awaited by nobody."""
        for registration in self._listeners[event]:
            try:
                result = registration.listener(alert)
                if inspect.iscoroutine(result):
                    self._start(registration, result)
            except Exception as error:  # noqa: BLE001 - whatever a listener raises is contained
                self._failed(registration, error)

    def _start(self, registration: "_Registration", call: Coroutine[Any, Any, object]) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            home = registration.loop  # the event comes from another thread
            if home is None or not home.is_running():
                call.close()
                raise
            home.call_soon_threadsafe(self._schedule, registration, call)
        else:
            self._schedule(registration, call)

    def _schedule(self, registration: "_Registration", call: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(call)
        self._running.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(lambda done: self._ended(registration, done))

    def _ended(self, registration: "_Registration", task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failed(registration, error)

    def _failed(self, registration: "_Registration", error: BaseException) -> None:
        self.failures += 1
        if not registration.has_failed:
            registration.has_failed = True
            _LOG.error("a listener failed: %r", registration.listener, exc_info=error)


class _Registration:
    __slots__ = ("has_failed", "listener", "loop")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.has_failed = False
        try:
            self.loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self.loop = None
