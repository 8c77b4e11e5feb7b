"""The result of measuring one operation, in the units that people and limits speak in."""

from dataclasses import dataclass

from perfgate.load.outcomes import Outcome
from perfgate.load.result import LoadResult
from perfgate.testing.verdict import Check, check_limits

__all__ = ["Measurement"]

_MS = 1e3
_PERCENT = 100
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """An operation under a load; times are of the operations that succeeded.

    NaN where none did.
    """

    name: str
    load: LoadResult
    """Everything: quantiles, kinds of failures, concurrency, lateness, doubts."""
    memory_growth_bytes: int | None
    """Resident memory, settled before and after; None where it cannot be read."""

    @property
    def avg_response_time_ms(self) -> float:
        """The mean time of a success."""
        return _scaled(self.load.times.mean_s, _MS)

    @property
    def min_response_time_ms(self) -> float:
        """The shortest time of a success."""
        return _scaled(self.load.times.min_s, _MS)

    @property
    def max_response_time_ms(self) -> float:
        """The longest time of a success."""
        return _scaled(self.load.times.max_s, _MS)

    @property
    def success_rate_percent(self) -> float:
        """The share that succeeded, 0 to 100."""
        return _scaled(self.load.success_rate, _PERCENT)

    @property
    def error_rate_percent(self) -> float:
        """The share that failed, 0 to 100."""
        return _PERCENT - self.success_rate_percent

    @property
    def memory_delta_mb(self) -> float:
        """The growth of resident memory in millions of bytes."""
        return _scaled(self.memory_growth_bytes, 1 / _MB)

    @property
    def total_time_s(self) -> float:
        """From the first start to the last end."""
        return self.load.wall_s

    @property
    def operations_per_second(self) -> float:
        """Successes per second."""
        return _scaled(self.load.ops_per_s, 1)

    @property
    def errors(self) -> dict[str, int]:
        """How many failures of each kind."""
        return {outcome.value: group.count for outcome, group in self.load.failures.items()}

    def metrics(self) -> dict[str, float | None]:
        """Return what limits can be set on: seconds, bytes, plain ratios, per second."""
        errors = {
            f"errors.{outcome.value}": float(self.load.count_of(outcome))
            for outcome in Outcome
            if outcome is not Outcome.OK
        }
        return {
            **self.load.metrics(),
            "memory_growth": self.memory_growth_bytes,
            "doubts": float(len(self.load.doubts)),
            **errors,
        }

    def numbers(self, prefix: str = "") -> dict[str, float]:
        """Return what was measured for the ``extra_info`` of pytest-benchmark, so for perfgate.

        Kinds of failures that did not happen are left out, and so is what was not measured.
        """
        return {
            f"{prefix}{name}": float(value)
            for name, value in self.metrics().items()
            if value is not None and not (name.startswith("errors.") and value == 0)
        }

    def check(self, *limits: str) -> Check:
        """Hold the numbers against limits such as ``p95 < 500ms``.

        Raises:
            ValueError: a limit is malformed.
        """
        return check_limits(
            self.name, self.metrics(), limits, doubts=self.load.doubts, count=self.load.count
        )

    def require(self, *limits: str) -> None:
        """Do nothing if all limits are kept and the load was the one that was asked for.

        Raises:
            AssertionError: a limit is broken, or the measurement is inconclusive.
            ValueError: a limit is malformed.
        """
        self.check(*limits).require()


def _scaled(value: float | None, factor: float) -> float:
    return float("nan") if value is None else value * factor
