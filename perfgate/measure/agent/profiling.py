"""A deterministic profile of the measured region alone: which function took how long of a round."""

import cProfile
from collections.abc import Callable
from types import CodeType
from typing import Any

__all__ = ["ProfilingStopwatch"]


class ProfilingStopwatch:
    """Profiles the rounds that it is asked to; stands for ``Stopwatch``."""

    def __init__(self) -> None:
        self._profile: cProfile.Profile | None = None

    def time(self, run: Callable[[], float]) -> float:
        """Run and return the duration that ``run`` returns."""
        if self._profile is None:
            return run()
        self._profile.enable()
        try:
            return run()
        finally:
            self._profile.disable()

    def profile(
        self, time_round: Callable[[int], float], iterations: int
    ) -> tuple[float, list[list[Any]]]:
        """Profile one round; return its seconds and what each function took of it.

        A function is its file, first line, name, calls and own seconds, then the functions that it
        called: key, calls and own seconds of each on its behalf.
        """
        self._profile = cProfile.Profile()
        try:
            duration_s = time_round(iterations)
            return duration_s, [_function(entry) for entry in self._profile.getstats()]
        finally:
            self._profile = None


def _function(entry: Any) -> list[Any]:
    called = [
        [*_key(one.code), one.callcount, one.inlinetime]
        for one in entry.calls or ()
        if one.callcount
    ]
    return [*_key(entry.code), entry.callcount, entry.inlinetime, called]


def _key(code: CodeType | str) -> tuple[str, int, str]:
    if isinstance(code, str):  # C: "<built-in method builtins.sum>"
        return "", 0, code
    name = getattr(code, "co_qualname", code.co_name)
    return code.co_filename, code.co_firstlineno, name
