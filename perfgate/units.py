"""Readable units at the edges: texts such as "5%" and "500ms" to plain SI numbers and back."""

import math
import re
from collections.abc import Mapping
from typing import Final

__all__ = ["parse_bytes", "parse_number", "parse_rate", "parse_ratio", "parse_seconds"]

_QUANTITY: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?) ?(?P<unit>\S*)")

_SECONDS: Final[Mapping[str, float]] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # micro sign, as typed on most keyboards
    "\u03bcs": 1e-6,  # Greek mu, into which Unicode normalisation turns the micro sign
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}
_BYTES: Final[Mapping[str, float]] = {
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
}
_PERCENT: Final[Mapping[str, float]] = {"%": 0.01}
_PER_SECOND: Final[Mapping[str, float]] = {"": 1.0, "/s": 1.0}


def parse_ratio(text: str) -> float:
    """Turn a percentage into a plain ratio: "5%" is 0.05.

    The percent sign is required, since "5" and "0.05" are each taken for the other too easily.

    Raises:
        ValueError: The text is no percentage.
    """
    return _parse(text, _PERCENT, "a percentage", "5%")


def parse_seconds(text: str) -> float:
    """Turn a duration into seconds: "2us", "500ms", "1.5s", "10m"; only zero needs no unit.

    Raises:
        ValueError: The text is no duration.
    """
    return _parse(text, _SECONDS, "a duration", "500ms")


def parse_bytes(text: str) -> int:
    """Turn a size into whole bytes: "50MB" counts in thousands, "50MiB" in 1024s.

    Raises:
        ValueError: The text is no size.
    """
    return round(_parse(text, _BYTES, "a size", "50MB"))


def parse_rate(text: str) -> float:
    """Turn a rate into a number per second: "5/s", or just "5".

    Raises:
        ValueError: The text is no rate per second.
    """
    return _parse(text, _PER_SECOND, "a rate per second", "5/s")


def parse_number(text: str) -> float:
    """Turn any quantity into its SI number; the unit alone tells what it is.

    Raises:
        ValueError: The text is no number with a unit known here.
    """
    units = {**_PERCENT, **_SECONDS, **_BYTES, **_PER_SECOND}
    return _parse(text, units, "a quantity", "95%")


def _parse(text: str, units: Mapping[str, float], kind: str, example: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not {kind}: write a number with a unit, such as "{example}"')
    number, unit = float(match["number"]), match["unit"]
    is_bare_zero = number == 0 and not unit
    if unit not in units and not is_bare_zero:
        known = ", ".join(name for name in units if name and name.isascii())
        problem = f"has the unknown unit {unit}" if unit else "has no unit"
        raise ValueError(f'"{text}" {problem}: write {kind} such as "{example}" (units: {known})')
    if not math.isfinite(number):
        raise ValueError(f'"{text}" is too large')
    # Dividing by 100 gives 0.07 for 7 %, multiplying by 0.01 gives 0.07000000000000001.
    scale = units.get(unit, 1.0)
    value = number * scale if scale >= 1 else number / round(1 / scale)
    if not math.isfinite(value):
        raise ValueError(f'"{text}" is too large')
    return value
