"""Timing of a block or a function, synchronous or not, into a monitor."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from types import CoroutineType, TracebackType
from typing import Any, Final, ParamSpec, Protocol, Self, TypeVar, cast

__all__ = ["UNTIMED", "Recording", "Timed", "measured"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NO_OUTCOMES: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""The end of the program, not of the operation."""


class Recording(Protocol):
    """Takes what became of an operation."""

    def __call__(  # noqa: D102 - the class says it
        self,
        service_name: str,
        operation: str,
        duration_ms: float,
        success: bool,  # noqa: FBT001 - as in record_operation
        error_type: str,
        at_s: float,
        /,
    ) -> None: ...


def _forgotten(*_: object) -> None:
    pass


class Timed:
    """A block whose time is recorded; use each once.

    An exception is a failure of its class, ``CancelledError`` too: from within, that is how a
    time-out looks.
    """

    __slots__ = ("_began_s", "_clock", "_operation", "_record", "_service")

    def __init__(
        self, record: Recording, clock: Callable[[], float], service: str, operation: str
    ) -> None:
        self._record = record
        self._clock = clock
        self._service = service
        self._operation = operation

    def __enter__(self) -> Self:
        self._began_s = self._clock()
        return self

    def forget(self) -> None:
        """Record nothing."""
        self._record = _forgotten

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        now_s = self._clock()
        if kind is None:
            success, error_type = True, ""
        elif issubclass(kind, _NO_OUTCOMES):
            return
        else:
            success, error_type = False, kind.__qualname__
        self._record(
            self._service,
            self._operation,
            (now_s - self._began_s) * 1000.0,
            success,
            error_type,
            now_s,
        )


class _Untimed(Timed):
    """A block whose time nobody wants; the same for all."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_forgotten, float, "", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


UNTIMED: Final = _Untimed()


def measured(timed: Callable[[], Timed], function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return the function with every call timed, to the end of what it returns to be awaited.

    Raises:
        TypeError: for a generator, which does its work later and in pieces.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{name} is a generator: time what is done with its items instead")

    async def finished(call: Awaitable[Any]) -> Any:
        with timed():
            return await call

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def timed_coroutine(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with timed():
                return await function(*args, **kwargs)

        return cast("Callable[_P, _T]", timed_coroutine)

    @functools.wraps(function)
    def timed_function(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        with timed() as block:
            result: object = function(*args, **kwargs)
            if type(result) is not CoroutineType:
                return result
            block.forget()  # it has yet to run
        return finished(result)

    return cast("Callable[_P, _T]", timed_function)
