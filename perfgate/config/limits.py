"""Absolute bounds such as ``p95 < 500ms``: what they mean and how they are written."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Final

from perfgate.units import parse_bytes, parse_number, parse_rate, parse_seconds

__all__ = ["KNOWN_METRICS", "Limit", "parse_limit"]

_PARSERS: Final[Mapping[str, Callable[[str], float]]] = {
    "p50": parse_seconds,
    "p90": parse_seconds,
    "p95": parse_seconds,
    "p99": parse_seconds,
    "median": parse_seconds,
    "mean": parse_seconds,
    "min": parse_seconds,
    "max": parse_seconds,
    "ops_per_s": parse_rate,
    "memory_growth": parse_bytes,
}
KNOWN_METRICS: Final = frozenset(_PARSERS)
"""What is measured of every benchmark; any other metric is one that it reports itself."""

_EXPRESSION: Final = re.compile(
    r"\s*(?P<metric>[^\W\d][\w.-]*)\s*(?P<operator><=|>=|<|>)\s*(?P<bound>[^<>=\s].*)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An absolute bound on one metric, in seconds, bytes, a plain ratio or per second."""

    expression: str
    """As it was written, for people."""
    metric: str
    is_upper: bool
    is_inclusive: bool
    """The bound itself still keeps the limit."""
    bound: float

    def is_kept(self, value: float) -> bool:
        """Say whether a measured value keeps the limit; NaN never does."""
        if value == self.bound:
            return self.is_inclusive
        return value < self.bound if self.is_upper else value > self.bound


def parse_limit(expression: str) -> Limit:
    """Read a limit: a metric, one of ``< <= > >=``, and a bound in the unit of that metric.

    Metrics that a benchmark reports itself take any unit or none: ``success_rate > 95%``
    compares with 0.95, ``retries <= 3`` with 3.

    Raises:
        ValueError: The expression is malformed, or its bound does not fit its metric.
    """
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise ValueError(
            f'"{expression}" is not a limit: write a metric, one of < <= > >= and a bound, '
            'such as "p95 < 500ms"'
        )
    metric, operator = match["metric"], match["operator"]
    parse = _PARSERS.get(metric, parse_number)
    try:
        bound = parse(match["bound"])
    except ValueError as error:
        raise ValueError(f"the bound of {metric}: {error}") from None  # the text says it all
    return Limit(
        expression=expression.strip(),
        metric=metric,
        is_upper=operator.startswith("<"),
        is_inclusive=operator.endswith("="),
        bound=float(bound),
    )
