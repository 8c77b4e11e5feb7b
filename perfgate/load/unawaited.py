"""Coroutines that nobody awaits: nothing of them runs, and the time without them is no number.

One that an operation returns is seen at once. One that it made and dropped is known to Python
alone, which only warns; so warnings are listened to while a load runs.
"""

import inspect
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CoroutineType
from typing import Any, Final

from perfgate.errors import MeasurementError

__all__ = ["is_unawaited", "misuse_of", "refuse_unawaited"]

_WARNING: Final = re.compile(r"coroutine '(?P<name>.+)' was never awaited")


def is_unawaited(result: object) -> bool:
    """Say whether a result is something that nobody will await; a coroutine is closed then."""
    if isinstance(result, CoroutineType):
        result.close()
        return True
    return inspect.isawaitable(result)


def misuse_of(operation: object, problem: str) -> MeasurementError:
    """Build the error for an operation whose times would mean nothing."""
    return MeasurementError(getattr(operation, "__qualname__", None) or repr(operation), problem)


@contextmanager
def refuse_unawaited(operation: object) -> Iterator[None]:
    """Raise at the end where a coroutine was dropped meanwhile, in whatever task or thread.

    Other warnings go where they would have gone. An error on the way out is left alone.

    Raises:
        MeasurementError: the operation forgot a coroutine.
    """
    before = _WATCH.enter()
    try:
        yield
    finally:
        forgotten = _WATCH.leave(before)
    if forgotten:
        name, count = Counter(forgotten).most_common(1)[0]
        times = "once" if count == 1 else f"{count} times"
        raise misuse_of(operation, f"never awaited the coroutine {name} ({times})")


class _Watch:
    """One hook for all runs under way, which may end in another order than they began."""

    def __init__(self) -> None:
        self._runs = 0
        self._forgotten: list[str] = []
        self._hook = ExitStack()
        self._lock = threading.Lock()

    def enter(self) -> int:
        """Begin to listen, and return how many were forgotten before."""
        with self._lock:
            if not self._runs:
                self._forgotten.clear()
                self._hook.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("always", message="coroutine .* was never awaited")
                warnings.showwarning = self._listening(warnings.showwarning)
            self._runs += 1
            return len(self._forgotten)

    def leave(self, before: int) -> list[str]:
        """Return the names of what was forgotten since."""
        with self._lock:
            self._runs -= 1
            if not self._runs:
                self._hook.close()
            return self._forgotten[before:]

    def _listening(self, show: Callable[..., None]) -> Callable[..., None]:
        def listen(message: Warning | str, category: type[Warning], *args: Any) -> None:
            match = _WARNING.match(str(message))
            if match is None:
                show(message, category, *args)
            else:
                # No lock: Python warns wherever it drops a coroutine, also while that is held.
                self._forgotten.append(match["name"])

        return listen


_WATCH: Final = _Watch()
