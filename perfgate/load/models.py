"""The two kinds of load: users who wait for an answer, and arrivals that wait for nobody."""

from dataclasses import dataclass

__all__ = ["Closed", "Model", "Open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """So many operations under way at any moment: as one ends, the next begins.

    Ends after ``operations`` or after ``duration_s``, whichever is given; with both, at the first.
    """

    concurrency: int = 1
    operations: int | None = None
    duration_s: float | None = None
    deadline_s: float | None = None
    """Of each operation; what takes longer is cancelled, within 10 ms, and counted as a timeout.
    Threads cannot be cancelled: what returns late is a timeout, and what has not returned after
    twice the deadline is left behind."""
    limit_s: float | None = None
    """Of the whole run, in real time: then what is under way is cancelled, the run aborted."""

    def __post_init__(self) -> None:
        if self.operations is None and self.duration_s is None:
            raise ValueError("a closed load needs operations or duration_s")
        if self.concurrency < 1 or (self.operations is not None and self.operations < 1):
            raise ValueError("concurrency and operations must be at least 1")
        _check_positive(
            duration_s=self.duration_s, deadline_s=self.deadline_s, limit_s=self.limit_s
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """So many arrivals per second, at planned times, however long the answers take.

    Response times count from the planned start. So a stall is charged to all who would have
    arrived in it, where a closed load stalls along and sees one slow operation ("coordinated
    omission", Tene 2013, "How NOT to Measure Latency").
    """

    rate_per_s: float
    duration_s: float
    poisson_seed: int | None = None
    """Arrivals at random, each independent of the others as visitors of a site are; the same seed
    gives the same times. None: at even distances."""
    max_in_flight: int = 10_000
    """An arrival that finds so many under way is dropped, and the run is inconclusive."""
    deadline_s: float | None = None
    """Of each operation from its actual start, as for a closed load."""
    drain_s: float | None = None
    """How long, in real time, those under way may take after the last arrival; None: until they
    end. The others are cancelled and counted as unfinished, not as failed."""
    limit_s: float | None = None
    """Of the whole run, in real time."""

    def __post_init__(self) -> None:
        if self.max_in_flight < 1 or (self.drain_s is not None and self.drain_s < 0):
            raise ValueError("max_in_flight must be at least 1, drain_s not below 0")
        _check_positive(
            rate_per_s=self.rate_per_s,
            duration_s=self.duration_s,
            deadline_s=self.deadline_s,
            limit_s=self.limit_s,
        )

    @property
    def arrivals(self) -> int:
        """How many are planned; at least 1."""
        return max(1, round(self.rate_per_s * self.duration_s))


Model = Closed | Open


def _check_positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
