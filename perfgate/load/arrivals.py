"""When the operations of an open load are to start."""

import random
from collections.abc import Iterator
from typing import Final

from perfgate.load.models import Open

__all__ = ["offsets_ns"]

_NS: Final = 1_000_000_000


def offsets_ns(model: Open) -> Iterator[int]:
    """Yield the planned starts in nanoseconds from the begin of the load, ascending.

    Even arrivals begin at once and keep their distance. Those at random are so many uniform times,
    in order: a Poisson process of which only the number is known (Kingman 1993, "Poisson
    Processes"), so that every seed offers the same rate.
    """
    if model.poisson_seed is None:
        yield from (round(number * _NS / model.rate_per_s) for number in range(model.arrivals))
    else:
        source = random.Random(model.poisson_seed)  # noqa: S311 - to be repeated, not secret
        span_ns = _NS * model.duration_s
        yield from sorted(round(source.random() * span_ns) for _ in range(model.arrivals))
