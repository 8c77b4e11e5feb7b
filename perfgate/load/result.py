"""What a load showed: every time that was taken, what failed, and what makes it doubtful."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from perfgate.load.models import Closed, Model, Open
from perfgate.load.outcomes import Outcome
from perfgate.stats.quantiles import MIN_ROUNDS, nearest_rank
from perfgate.units import format_number

__all__ = ["FailureGroup", "LoadResult", "Times"]

MIN_CONCURRENCY: Final = 0.9
"""Of what was asked for; below, the load was not the one that the numbers are said to be of."""
MAX_CPU: Final = 0.9
"""Of one processor; above, operations queue in this process and the numbers are of the queue."""
MAX_LATENESS: Final = 0.1
"""Of the median service time, for the latest 1 % of the starts; 5 or 10 % where they are few."""
LATENESS_FLOOR_S: Final = 0.002
"""Timers of an event loop are no better: epoll counts in milliseconds."""
MAX_STALL_S: Final = 0.2
"""For which the event loop may stand still; what is under way then takes that much longer."""
MIN_FLOORS: Final = 20
"""A median below so many times the harness's own time is mostly the harness."""

_NS: Final = 1e9
_P50, _P90, _P99 = 50, 90, 99


class Times:
    """Durations of operations, with quantiles that are never interpolated; may be empty."""

    __slots__ = ("_ordered_ns",)

    def __init__(self, durations_ns: Sequence[int]) -> None:
        self._ordered_ns = sorted(durations_ns)

    def __len__(self) -> int:
        return len(self._ordered_ns)

    @property
    def min_s(self) -> float | None:
        """The shortest; None where there are none."""
        return self._ordered_ns[0] / _NS if self._ordered_ns else None

    @property
    def max_s(self) -> float | None:
        """The longest; None where there are none."""
        return self._ordered_ns[-1] / _NS if self._ordered_ns else None

    @property
    def mean_s(self) -> float | None:
        """The mean; None where there are none."""
        return fmean(self._ordered_ns) / _NS if self._ordered_ns else None

    @property
    def stdev_s(self) -> float | None:
        """The standard deviation; None below two."""
        return stdev(self._ordered_ns) / _NS if len(self) > 1 else None

    def all_s(self) -> list[float]:
        """Return every time, ascending."""
        return [duration_ns / _NS for duration_ns in self._ordered_ns]

    def quantile_s(self, percent: int) -> float | None:
        """Return the nearest-rank quantile, however few there are; None where there are none."""
        return nearest_rank(self._ordered_ns, percent) / _NS if self._ordered_ns else None

    def supported_s(self, percent: int) -> float | None:
        """Return p50, p90, p95 or p99; None where there are too few to bound it."""
        return self.quantile_s(percent) if len(self) >= MIN_ROUNDS[percent] else None

    def metrics(self, prefix: str = "") -> dict[str, float | None]:
        """Return the numbers that limits can be set on, in seconds."""
        return {
            f"{prefix}mean": self.mean_s,
            f"{prefix}min": self.min_s,
            f"{prefix}max": self.max_s,
            f"{prefix}stdev": self.stdev_s,
            f"{prefix}median": self.supported_s(_P50),
            **{f"{prefix}p{percent}": self.supported_s(percent) for percent in MIN_ROUNDS},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures of one kind."""

    count: int
    details: Mapping[str, int]
    """How often each status or class of exception."""
    examples: tuple[str, ...]
    """The first tracebacks."""
    times: Times


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The outcome of one load; times are of the operations that succeeded.

    Quick refusals would flatter a percentile, so failures have times of their own.
    """

    model: Model
    times: Times
    """From the planned start in an open load: what a user would have waited."""
    service: Times
    """From the actual start; the same as ``times`` in a closed load."""
    lateness: Times
    """How long after their planned time the operations of an open load began; else empty."""
    failures: Mapping[Outcome, FailureGroup]
    ok: int
    censored: int
    """Timeouts that were cancelled: their true times are unknown and longer."""
    dropped: int = 0
    unfinished: int = 0
    """Under way when the run ended; neither succeeded nor failed."""
    wall_s: float
    cpu_s: float
    """Processor time of this whole process."""
    concurrency: float
    """Operations under way on average, from the first start to the last (Little 1961)."""
    longest_stall_s: float = 0.0
    """How long an operation kept the event loop from running anything else, at worst."""
    harness_floor_s: float | None = None
    """What an operation that does nothing takes; None on a test's clock. Never subtracted."""
    collections: int = 0
    """Garbage collections of the oldest generation meanwhile."""
    tracer: str = ""
    """What watched every line or allocation of this process and slowed it; empty for nothing."""
    is_aborted: bool = False
    is_real_time: bool = True

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(group.count for group in self.failures.values())

    @property
    def count(self) -> int:
        """How many ended, well or not."""
        return self.ok + self.failed

    @property
    def success_rate(self) -> float | None:
        """The share that succeeded; None where nothing ended."""
        return self.ok / self.count if self.count else None

    @property
    def ops_per_s(self) -> float | None:
        """Successes per second; None where no time passed."""
        return self.ok / self.wall_s if self.wall_s > 0 else None

    @property
    def cpu_share(self) -> float:
        """Processor time per time: 1 is one processor without a pause."""
        return self.cpu_s / self.wall_s if self.wall_s > 0 and self.is_real_time else 0.0

    def count_of(self, *outcomes: Outcome) -> int:
        """Return how many ended in one of these ways."""
        return sum(
            self.ok if outcome is Outcome.OK else self.failures[outcome].count
            for outcome in outcomes
            if outcome is Outcome.OK or outcome in self.failures
        )

    def metrics(self) -> dict[str, float | None]:
        """Return every number that a limit can be set on; None for one that was not measured."""
        success_rate = self.success_rate
        numbers = {
            **self.times.metrics(),
            "success_rate": success_rate,
            "error_rate": None if success_rate is None else 1 - success_rate,
            "ops_per_s": self.ops_per_s,
            "operations": float(self.count),
            "total_time": self.wall_s,
            "concurrency": self.concurrency,
            "dropped": float(self.dropped),
            "cpu_share": self.cpu_share,
            "longest_stall": self.longest_stall_s,
            "collections": float(self.collections),
        }
        if isinstance(self.model, Open):
            numbers |= self.service.metrics("service_")
            numbers["lateness_p99"] = self.lateness.supported_s(_P99)
        return numbers

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the numbers are not of the load that was asked for; empty where they are."""
        doubts = []
        if self.is_aborted:
            doubts.append(f"aborted after {self.wall_s:.3g} s")
        if self.dropped:
            doubts.append(f"{self.dropped} arrivals dropped: too many were under way")
        doubts += self._doubts_of_open() if isinstance(self.model, Open) else self._of_closed()
        if self.is_real_time:
            doubts += self._doubts_of_times()
        return tuple(doubts)

    def _doubts_of_times(self) -> list[str]:
        doubts = []
        if self.longest_stall_s > MAX_STALL_S and getattr(self.model, "concurrency", 2) > 1:
            stall_ms = self.longest_stall_s * 1e3
            doubts.append(f"an operation kept all others waiting for {stall_ms:.3g} ms")
        if self.tracer:
            doubts.append(f"{self.tracer} was active and slows everything")
        return doubts

    def _doubts_of_open(self) -> list[str]:
        doubts = []
        percent = max(
            [_P90, *(each for each in MIN_ROUNDS if len(self.lateness) >= MIN_ROUNDS[each])]
        )
        latest_s, median_s = self.lateness.quantile_s(percent), self.service.quantile_s(_P50)
        if latest_s is not None and self.is_real_time:
            allowed_s = max(LATENESS_FLOOR_S, MAX_LATENESS * (median_s or 0.0))
            if latest_s > allowed_s:
                doubts.append(
                    f"{100 - percent} % of the starts were {latest_s * 1e3:.3g} ms late or more "
                    f"({allowed_s * 1e3:.3g} ms allowed)"
                )
        if self.cpu_share > MAX_CPU:
            doubts.append(_saturated(self.cpu_share))
        return doubts

    def _of_closed(self) -> list[str]:
        wanted = self.model.mean_concurrency if isinstance(self.model, Closed) else 1
        if wanted == 1 or not self.is_real_time or not self.count:
            return []
        if self.is_aborted and self.model.stages:  # how much was wanted until then varied
            return []
        doubts = []
        if self.concurrency < MIN_CONCURRENCY * wanted:
            found = f"{format_number(self.concurrency)} of {format_number(wanted)} operations"
            doubts.append(f"only {found} were under way")
        if self.cpu_share > MAX_CPU:
            doubts.append(_saturated(self.cpu_share))
        return doubts

    @property
    def is_below_floor(self) -> bool:
        """Whether the times are mostly those of the harness."""
        median_s = self.service.quantile_s(_P50)
        floor_s = self.harness_floor_s
        return median_s is not None and floor_s is not None and median_s < MIN_FLOORS * floor_s


def _saturated(share: float) -> str:
    return f"this process was busy {share:.0%} of the time: operations queued in it"
