"""When the operations of a load are to start: each arrival, or each of those at once."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Final

from perfgate.load.models import Open, Stage

__all__ = ["offsets_ns", "shifts_ns"]

_NS: Final = 1_000_000_000


def offsets_ns(model: Open) -> Iterator[int]:
    """Yield the planned starts in nanoseconds from the begin of the load, ascending.

    Even arrivals begin at once and keep their distance. Those at random are so many uniform times,
    in order: a Poisson process of which only the number is known (Kingman 1993, "Poisson
    Processes"), so that every seed offers the same rate.
    """
    if model.stages:
        yield from _staged_offsets_ns(model.stages)
    elif model.poisson_seed is None:
        yield from (round(number * _NS / model.rate_per_s) for number in range(model.arrivals))
    else:
        source = random.Random(model.poisson_seed)  # noqa: S311 - to be repeated, not secret
        span_ns = _NS * model.duration_s
        yield from sorted(round(source.random() * span_ns) for _ in range(model.arrivals))


def _staged_offsets_ns(stages: Sequence[Stage]) -> Iterator[int]:
    """Yield when the sum of the rate so far reaches 0, 1, 2, ... (its inverse, stage by stage)."""
    begun_s, rate, passed, number = 0.0, 0.0, 0.0, 0
    for stage in stages:
        slope = (stage.target - rate) / stage.duration_s if stage.duration_s else 0.0
        arriving = stage.duration_s * (rate + stage.target) / 2
        while number < passed + arriving:
            # Half the slope times the square of the time plus the rate times the time is what is
            # still missing; in the form that stays exact where the slope is nearly zero.
            missing = number - passed
            root = math.sqrt(max(0.0, rate * rate + 2 * slope * missing))
            offset_s = 2 * missing / (rate + root) if rate + root else 0.0
            yield round((begun_s + offset_s) * _NS)
            number += 1
        begun_s += stage.duration_s
        passed += arriving
        rate = stage.target


def shifts_ns(stages: Sequence[Stage], most: int) -> tuple[tuple[int, int], ...]:
    """Return when each of the operations at once begins to repeat and when it ends, by begin.

    The first is under way while at least half a one is wanted, the second from one and a half on,
    so that the concurrency is the rounded one at any time.
    """
    shifts: list[tuple[int, int]] = []
    for place in range(most):
        level = place + 0.5
        since_s: float | None = None
        begun_s, height = 0.0, 0.0
        for stage in stages:
            if (height >= level) != (stage.target >= level):
                share = (level - height) / (stage.target - height)
                at_s = begun_s + share * stage.duration_s
                if since_s is None:
                    since_s = at_s
                else:
                    shifts.append((round(since_s * _NS), round(at_s * _NS)))
                    since_s = None
            begun_s += stage.duration_s
            height = stage.target
        if since_s is not None:
            shifts.append((round(since_s * _NS), round(begun_s * _NS)))
    return tuple(sorted(shift for shift in shifts if shift[1] > shift[0]))
