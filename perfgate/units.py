"""Units at the edges: base units become text that people read."""

import math
from typing import Final

__all__ = [
    "format_bytes",
    "format_duration",
    "format_interval",
    "format_percent",
    "format_ratio",
    "format_seconds",
]

_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES_FROM: Final = 2.0
"""Ratio from which an effect reads better as a multiple than in percent."""
_PERCENT_LIMIT: Final = math.log(_TIMES_FROM)


def format_seconds(seconds: float) -> str:
    """Write a time with three significant digits: 12.3 µs."""
    rounded = _round_significant(seconds)
    size = abs(rounded)
    scale, unit = next(((s, u) for s, u in _SECONDS if size >= s), _SECONDS[-1])
    if size == 0:
        scale, unit = _SECONDS[0]
    return f"{_significant(rounded / scale)} {unit}"


def format_bytes(count: float) -> str:
    """Write a number of bytes in decimal units with three significant digits: 1.05 MB."""
    rounded = _round_significant(count)
    for scale, unit in _BYTES:
        if abs(rounded) >= scale:
            return f"{_significant(rounded / scale)} {unit}"
    return f"{count:.0f} B"


def format_percent(ratio: float) -> str:
    """Write a plain ratio in percent, without a sign for gains: 0.05 is 5 %."""
    return f"{_trimmed(_significant(100 * ratio))} %"


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


def _round_significant(value: float) -> float:
    """Round to three digits first, so that 999.6 ns becomes 1.00 µs and not 1000 ns."""
    return float(f"{value:.2e}")


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
