"""An exponential histogram at rest: its value, and the law of its buckets."""

from collections.abc import Mapping
from itertools import pairwise
from math import exp2, inf, isfinite
from typing import Annotated, Final

import msgspec

__all__ = ["MAX_SCALE", "MIN_SCALE", "Buckets", "HistogramData", "check_scale", "coarser", "power"]

MIN_SCALE: Final = -10
"""Two buckets for all numbers above zero; a coarser one would tell nothing."""
MAX_SCALE: Final = 20
"""The finest that OpenTelemetry knows."""
_OCTAVES: Final = 1080
"""On either side of 1; floats have 1024 above and 1075 below."""

Occurrences = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Buckets = tuple[tuple[int, Occurrences], ...]
"""Index and count of each bucket that is not empty, ascending."""


class HistogramData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A histogram at rest: what JSON, msgpack and other processes carry; decodes strictly."""

    scale: Annotated[int, msgspec.Meta(ge=MIN_SCALE, le=MAX_SCALE)]
    positive: Buckets = ()
    negative: Buckets = ()
    """By the size of the values, without their sign."""
    zero: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    zero_threshold: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Values up to this size, of either sign, are counted as zero."""
    rejected: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    """What was no finite number; not part of the count."""
    sum: float | None = None
    """None where unknown, or beyond what a float holds."""
    min: float | None = None
    max: float | None = None
    """None where unknown, or where nothing was counted."""

    def __post_init__(self) -> None:
        for name in ("positive", "negative"):
            indices = [index for index, _ in getattr(self, name)]
            if any(first >= second for first, second in pairwise(indices)):
                raise ValueError(f"the buckets of {name} must ascend")
            reach = _OCTAVES << max(0, self.scale)
            if indices and not -reach <= indices[0] <= indices[-1] <= reach:
                raise ValueError(f"the buckets of {name} lie beyond all numbers")
        for name in ("sum", "min", "max", "zero_threshold"):
            value = getattr(self, name)
            if value is not None and not isfinite(value):
                raise ValueError(f"{name} must be finite")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")


def check_scale(scale: int) -> None:
    """Refuse a scale outside MIN_SCALE to MAX_SCALE.

    Raises:
        ValueError: it is one.
    """
    if not MIN_SCALE <= scale <= MAX_SCALE:
        raise ValueError(f"a scale lies between {MIN_SCALE} and {MAX_SCALE}")


def coarser(buckets: Mapping[int, int], steps: int) -> dict[int, int]:
    """Return the buckets at a scale that many steps down: an index is halved at each."""
    if not steps:
        return dict(buckets)
    fewer: dict[int, int] = {}
    for index, count in buckets.items():
        fewer[index >> steps] = fewer.get(index >> steps, 0) + count
    return fewer


def power(index: int, scale: int) -> float:
    """Return ``base**index``, the lower end of a bucket; infinite beyond the largest float."""
    try:
        return exp2(index * exp2(-scale))
    except OverflowError:
        return inf
