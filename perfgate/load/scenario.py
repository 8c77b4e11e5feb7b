"""Operations that users name on a command line: ``FILE.py:FUNCTION`` or ``module:function``."""

import contextlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from perfgate.errors import MeasurementError, UsageError

__all__ = ["find_operation", "prepared"]

_TRACE_LINES: Final = 12


def find_operation(reference: str, folder: Path) -> Callable[[], Any]:
    """Import what a reference names; files are found from the folder, as modules are.

    Raises:
        UsageError: there is no such file, module or function.
        MeasurementError: importing it raised.
    """
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise UsageError(f"{reference}: write FILE.py:FUNCTION, module:function, or a load's name")
    module = _imported(place, folder, reference)
    found = getattr(module, name, None)
    if not callable(found):
        known = [
            each
            for each, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        hint = f"; there are: {', '.join(known)}" if known else ""
        raise UsageError(f"{reference}: no function is called {name}{hint}")
    operation: Callable[[], Any] = found
    return operation


def _imported(place: str, folder: Path, reference: str) -> ModuleType:
    is_file = place.endswith(".py")
    path = folder / place
    if is_file and not path.is_file():
        raise UsageError(f"{reference}: there is no file {path}")
    for entry in (str(folder), *([str(path.parent.resolve())] if is_file else ())):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    try:
        return _from_file(path) if is_file else importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise UsageError(f"{reference}: there is no module {error.name}") from error
        raise _broken(reference, error) from error
    except Exception as error:
        raise _broken(reference, error) from error


def _from_file(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: dataclasses and pickle look there
    spec.loader.exec_module(module)
    return module


def _broken(reference: str, error: Exception) -> MeasurementError:
    trace = "".join(traceback.format_exception(error)).splitlines()
    problem = f"cannot be imported: {type(error).__name__}: {error}".splitlines()[0]
    return MeasurementError(reference, problem, trace[-_TRACE_LINES:])


@contextlib.asynccontextmanager
async def prepared(operation: Callable[[], Any]) -> AsyncIterator[Callable[[], Any]]:
    """Yield what is to be called; one that yields, sync or async, prepares it and cleans up.

    ::

        async def checkout():
            async with Client(url) as client:
                yield lambda: client.post("/checkout", json=cart)

    Raises:
        MeasurementError: it yielded what cannot be called.
    """
    plain = inspect.unwrap(operation)
    wrapper: Callable[[], Any] = operation
    if inspect.isasyncgenfunction(plain):
        if operation is plain:
            wrapper = contextlib.asynccontextmanager(operation)
        async with wrapper() as inner:
            yield _callable(operation, inner)
    elif inspect.isgeneratorfunction(plain):
        if operation is plain:
            wrapper = contextlib.contextmanager(operation)
        with wrapper() as inner:
            yield _callable(operation, inner)
    else:
        yield operation


def _callable(operation: object, inner: object) -> Callable[[], Any]:
    if not callable(inner):
        name = getattr(operation, "__qualname__", repr(operation))
        raise MeasurementError(name, f"yields {type(inner).__name__}, not what is to be called")
    return inner
