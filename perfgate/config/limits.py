"""Bounds such as ``p95 < 500ms`` or ``p95 < 120% of baseline``: what they mean, how to write."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Final

from perfgate.units import parse_bytes, parse_number, parse_rate, parse_ratio, parse_seconds

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
_SHARE: Final = re.compile(r"(?P<share>.*\S)\s+of\s+baseline\s*")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on one metric, in seconds, bytes, a plain ratio or per second."""

    expression: str
    """As it was written, for people."""
    metric: str
    is_upper: bool
    is_inclusive: bool
    """The bound itself still keeps the limit."""
    bound: float
    is_relative: bool
    """The bound is a ratio to the approved number: below 1.2 means up to a fifth more."""

    @property
    def subject(self) -> tuple[str, bool, bool]:
        """What it is about: of two limits with the same subject one is too many."""
        return self.metric, self.is_upper, self.is_relative

    def is_kept(self, value: float) -> bool:
        """Say whether a measured value keeps the limit; NaN never does."""
        if value == self.bound:
            return self.is_inclusive
        return value < self.bound if self.is_upper else value > self.bound


def parse_limit(expression: str) -> Limit:
    """Read a limit: a metric, one of ``< <= > >=``, and a bound in the unit of that metric.

    Metrics that a benchmark reports itself take any unit or none: ``success_rate > 95%``
    compares with 0.95, ``retries <= 3`` with 3. Of any metric the bound may be a share of what was
    approved: ``p95 < 120% of baseline``, ``ops_per_s > 90% of baseline``.

    Raises:
        ValueError: The expression is malformed, or its bound does not fit its metric.
    """
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise ValueError(
            f'"{expression}" is not a limit: write a metric, one of < <= > >= and a bound, '
            'such as "p95 < 500ms"'
        )
    metric, operator, text = match["metric"], match["operator"], match["bound"]
    share = _SHARE.fullmatch(text)
    parse = _PARSERS.get(metric, parse_number) if share is None else parse_ratio
    try:
        bound = parse(text if share is None else share["share"])
    except ValueError as error:
        raise ValueError(f"the bound of {metric}: {error}") from None  # the text says it all
    return Limit(
        expression=expression.strip(),
        metric=metric,
        is_upper=operator.startswith("<"),
        is_inclusive=operator.endswith("="),
        bound=float(bound),
        is_relative=share is not None,
    )
