"""Units as other tools write them: which are times, which are rates, and what they come to."""

import re
from typing import Final

__all__ = ["metric_name", "quantity_seconds", "seconds_of"]

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5, micro sign
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}
_WORDS: Final = {
    "nanosecond": "ns",
    "nsec": "ns",
    "microsecond": "us",
    "usec": "us",
    "millisecond": "ms",
    "msec": "ms",
    "second": "s",
    "sec": "s",
    "minute": "min",
    "hour": "h",
}
_QUANTITY: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-zµμ]+)")


def seconds_of(value: float, unit: str) -> float | None:
    """Return what a positive value with a unit says of the time that one thing takes.

    A time ("ms", "ns/op") stays a time; a rate ("req/s", "MB/sec") becomes the time of one, so
    that more per second is faster. None: neither, or not positive.
    """
    what, _, per = unit.strip().partition("/")
    scale = _scale(what)
    if value <= 0:
        return None
    if scale is not None and _scale(per) is None:
        return value * scale
    scale = _scale(per)
    return None if scale is None or _scale(what) is not None else scale / value


def quantity_seconds(text: str) -> float | None:
    """Return the seconds that "635.91us" or "1.20m" say; None where it is no such text."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match["unit"] not in _SECONDS:
        return None
    return float(match["number"]) * _SECONDS[match["unit"]]


def metric_name(unit: str) -> str:
    """Return a name that limits can bear: ``B/op`` is B_per_op."""
    name = re.sub(r"\W+", "_", unit.strip().replace("/", "_per_").replace("%", "percent"))
    return name if re.match(r"[^\W\d]", name) else f"_{name}"


def _scale(unit: str) -> float | None:
    word = unit.strip().lower()
    return _SECONDS.get(_WORDS.get(word.removesuffix("s"), word))
