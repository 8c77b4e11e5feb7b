"""The two kinds of load: users who wait for an answer, and arrivals that wait for nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["Closed", "Model", "Open", "Stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of a load that changes in a straight line, from where the last one ended.

    The first begins at zero. One of no length is a step.
    """

    duration_s: float
    target: float
    """Operations at once, or arrivals per second, at its end."""

    def __post_init__(self) -> None:
        if not (self.duration_s >= 0 and self.target >= 0):
            raise ValueError("a stage has a duration and a target of at least 0")


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
    stages: tuple[Stage, ...] = ()
    """How the concurrency changes, up to ``concurrency``; empty: it is the same throughout."""

    @classmethod
    def staged(cls, stages: Sequence[Stage], *, deadline_s: float | None = None) -> Self:
        """Build a load whose concurrency follows the stages, each rounded to whole operations.

        Raises:
            ValueError: nothing is ever under way.
        """
        return cls(
            concurrency=round(max((stage.target for stage in stages), default=0)),
            duration_s=sum(stage.duration_s for stage in stages),
            deadline_s=deadline_s,
            stages=tuple(stages),
        )

    @property
    def mean_concurrency(self) -> float:
        """Operations at once, on average over the time that is planned."""
        if not self.stages or self.duration_s is None:
            return self.concurrency
        return _area(self.stages) / self.duration_s

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
    stages: tuple[Stage, ...] = ()
    """How the rate changes, ``rate_per_s`` being its mean; empty: it is the same throughout."""

    @classmethod
    def staged(
        cls,
        stages: Sequence[Stage],
        *,
        max_in_flight: int = 10_000,
        deadline_s: float | None = None,
    ) -> Self:
        """Build a load whose rate follows the stages.

        Raises:
            ValueError: nothing ever arrives.
        """
        duration_s = sum(stage.duration_s for stage in stages)
        return cls(
            rate_per_s=_area(stages) / duration_s if duration_s else 0.0,
            duration_s=duration_s,
            max_in_flight=max_in_flight,
            deadline_s=deadline_s,
            stages=tuple(stages),
        )

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


def _area(stages: Sequence[Stage]) -> float:
    """Return what the stages add up to: arrivals, or operation seconds."""
    area = before = 0.0
    for stage in stages:
        area += stage.duration_s * (before + stage.target) / 2
        before = stage.target
    return area


def _check_positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
