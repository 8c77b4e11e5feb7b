"""Readable units at the edges: "5%" and "500ms" to plain SI numbers, and numbers to text."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

__all__ = [
    "format_bytes",
    "format_duration",
    "format_instructions",
    "format_interval",
    "format_measured",
    "format_number",
    "format_percent",
    "format_ratio",
    "format_seconds",
    "parse_bytes",
    "parse_number",
    "parse_rate",
    "parse_ratio",
    "parse_seconds",
]

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


# --- numbers to text

_SECOND_STEPS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTE_STEPS: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES_FROM: Final = 2.0
"""Ratio from which an effect reads better as a multiple than in percent."""
_PERCENT_LIMIT: Final = math.log(_TIMES_FROM)
_BOUND: Final = re.compile(
    r"(?P<number>[0-9.]+(?:[eE][+-]?[0-9]+)?) ?(?P<unit>[^\s0-9.]+)(?: of .*)?$"
)
_MOST_DIGITS: Final = 7


def format_number(number: float) -> str:
    """Write a number without a unit: four significant digits, and all before the point: 12,346."""
    text = f"{number:.4g}"
    if "e" not in text and abs(float(text)) < 1_000:  # noqa: PLR2004 - nothing to separate
        return text
    is_readable = math.isfinite(number) and 1 <= abs(number) < 1e15  # noqa: PLR2004 - exact so far
    return f"{number:,.0f}" if is_readable else text


def format_instructions(count: float) -> str:
    """Write a count in full, of which four digits mean something: 153,100,000."""
    return f"{float(f'{count:.4g}'):,.0f}"


def format_seconds(seconds: float, digits: int = 3) -> str:
    """Write a time with three significant digits: 12.3 µs."""
    rounded = _round_significant(seconds, digits)
    size = abs(rounded)
    scale, unit = next(((s, u) for s, u in _SECOND_STEPS if size >= s), _SECOND_STEPS[-1])
    if size == 0:
        scale, unit = _SECOND_STEPS[0]
    return f"{_significant(rounded / scale, digits=digits)} {unit}"


def format_bytes(count: float, digits: int = 3) -> str:
    """Write a number of bytes in decimal units with three significant digits: 1.05 MB."""
    rounded = _round_significant(count, digits)
    for scale, unit in _BYTE_STEPS:
        if abs(rounded) >= scale:
            return f"{_significant(rounded / scale, digits=digits)} {unit}"
    return f"{count:.0f} B"


def format_percent(ratio: float, digits: int = 3) -> str:
    """Write a plain ratio in percent, without a sign for gains: 0.05 is 5 %."""
    return f"{_trimmed(_significant(100 * ratio, digits=digits))} %"


def format_measured(limit: str, measured: float) -> str:
    """Write what broke a limit such as ``p95 < 500ms`` in its unit: 623 ms.

    It has as many digits as it takes to tell it from the bound: 500.2 ms, not 500 ms.
    """
    match = _BOUND.search(limit)
    write = _writer_for(match["unit"]) if match else None
    if match is None or write is None:
        return format_number(measured)
    bound = parse_number(match["number"] + match["unit"])
    enough = (n for n in range(3, _MOST_DIGITS) if write(measured, n) != write(bound, n))
    return write(measured, next(enough, _MOST_DIGITS))


def _writer_for(unit: str) -> Callable[[float, int], str] | None:
    tables = ((_PERCENT, format_percent), (_BYTES, format_bytes), (_SECONDS, format_seconds))
    return next((write for units, write in tables if unit in units), None)


def format_ratio(log_ratio: float) -> str:
    """Write an effect, ln(candidate / reference): +5.2 %, or 2.3x slower from a factor of two."""
    if abs(log_ratio) < _PERCENT_LIMIT:
        text = f"{100 * math.expm1(log_ratio):+.1f} %"
        return "0.0 %" if text[1:] == "0.0 %" else text
    direction = "slower" if log_ratio > 0 else "faster"
    return f"{_factor(abs(log_ratio), digits=2)}x {direction}"


def format_interval(low: float, high: float) -> str:
    """Write the two ends of an effect: +5.1 % to +7.9 %, or 2.28x to 2.33x slower."""
    if low * high > 0 and min(abs(low), abs(high)) >= _PERCENT_LIMIT:
        near, far = sorted((abs(low), abs(high)))
        direction = "slower" if low > 0 else "faster"
        return f"{_factor(near, digits=3)}x to {_factor(far, digits=3)}x {direction}"
    return f"{format_ratio(low)} to {format_ratio(high)}"


def format_duration(seconds: float) -> str:
    """Write how long something took: 7.2 s, 1 min 05 s, 2 h 03 min."""
    if seconds < 9.95:  # noqa: PLR2004 - below it one decimal still reads as less than ten
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _factor(size: float, *, digits: int) -> str:
    try:
        return _significant(math.exp(size), digits=digits)
    except OverflowError:
        return "more than 1e308"


def _round_significant(value: float, digits: int) -> float:
    """Round to the digits first, so that 999.6 ns becomes 1.00 µs and not 1000 ns."""
    return float(f"{value:.{digits - 1}e}")


def _significant(value: float, *, digits: int = 3) -> str:
    """Write so many significant digits without an exponent, as long as that stays readable."""
    size = abs(value)
    if not math.isfinite(value) or size >= 1e6 or 0 < size < 1e-3:  # noqa: PLR2004 - readable
        return f"{value:.{digits}g}"
    if size == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number and "e" not in number else number
