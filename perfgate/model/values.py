"""What all values have in common: they are frozen, decode strictly, and hold finite numbers."""

import math

import msgspec

__all__ = ["Value", "check_finite", "check_metrics"]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value that decodes strictly."""


def check_finite(value: msgspec.Struct, *names: str) -> None:
    """Refuse what JSON has no number for: it would be written as null."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{name} must be finite")


def check_metrics(metrics: dict[str, float]) -> None:
    """Refuse a metric that JSON has no number for."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise ValueError(f"metric {name!r} must be finite")
