"""Limits held against a load that has ended, over all of it and by name."""

from collections.abc import Mapping, Sequence
from typing import Final

from perfgate.load_run import Series
from perfgate.testing.verdict import check_limits

__all__ = ["NO_SUCCESS", "check_run"]

NO_SUCCESS: Final = "no operation succeeded"


def check_run(
    limits: Sequence[str],
    total: Series,
    metrics: Mapping[str, float | None],
    series: Mapping[str, tuple[int, Mapping[str, float | None]]],
    doubts: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which limits were broken, and why the numbers are in doubt.

    Args:
        limits: Such as ``p95 < 500ms``, or ``GET /login: p95 < 300ms`` for one name.
        total: All operations.
        metrics: Their numbers; None for what there were too few of.
        series: How many operations of each name ended, and their numbers.
        doubts: Those that the load itself gives.
    """
    if total.count == 0:  # nothing to hold against anything: that cannot be trusted, nor failed
        return (), tuple(doubts)
    failures: list[str] = []
    unsure = list(doubts)
    for text in limits:
        name, colon, expression = text.rpartition(": ")
        if not colon:
            check = check_limits("", metrics, [expression], count=total.count)
        elif name in series:
            count, numbers = series[name]
            check = check_limits("", numbers, [expression], count=count)
        else:
            known_names = ", ".join(series) or "none"
            failures.append(f"{text}: nothing is called {name} (there are: {known_names})")
            continue
        prefix = f"{name}: " if colon else ""
        failures += [prefix + failure for failure in check.failures]
        unsure += [prefix + doubt for doubt in check.doubts]
    return tuple(failures), tuple(unsure)
