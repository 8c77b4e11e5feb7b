"""What the readers of other tools share: runs of checked numbers, and benchmarks told apart.

A load test's file holds aggregates of its requests and no rounds. Its benchmark is then the
*typical request*: the quickest of thousands, which stands for a benchmark's rounds, says nothing.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec

from perfgate.model import Benchmark, Environment, ProcessRun, Results, Revision
from perfgate.readers.document import fault
from perfgate.stats.quantiles import MIN_ROUNDS_P90, MIN_ROUNDS_P95, MIN_ROUNDS_P99

__all__ = ["Amount", "Latencies", "Runs", "Whole", "load_run", "results_of", "timed_run"]

Amount = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""A number that may be zero, in any unit; the bound keeps it finite in every other unit."""
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

_ORDER: Final = ("min_s", "median_s", "p90_s", "p95_s", "p99_s", "max_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """What a file says of the requests of one load test, in seconds; None: not in the file."""

    typical_s: float
    """What is compared: the median, unless its tool rounds it."""
    median_s: float
    min_s: float | None = None
    mean_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None


def load_run(
    path: Path, place: str, latencies: Latencies, requests: int, metrics: Mapping[str, float]
) -> ProcessRun:
    """Return a load test as the one process that it is; quantiles need as many requests as rounds.

    Raises:
        InputFileError: a time is not positive, they are not in order, or there was no request.
    """
    if requests < 1:
        raise fault(path, place, "has no request: nothing was measured")
    known = [
        (name.removesuffix("_s"), value)
        for name in _ORDER
        if (value := getattr(latencies, name)) is not None
    ]
    for (lower, low), (upper, high) in itertools.pairwise(known):
        if low > high:
            raise fault(path, place, f"{lower} is larger than {upper}")
    return _checked(
        path,
        place,
        rounds=requests,
        min_s=latencies.median_s if latencies.min_s is None else latencies.min_s,
        low_s=latencies.typical_s,
        median_s=latencies.median_s,
        mean_s=latencies.mean_s,
        max_s=latencies.max_s,
        p90_s=latencies.p90_s if requests >= MIN_ROUNDS_P90 else None,
        p95_s=latencies.p95_s if requests >= MIN_ROUNDS_P95 else None,
        p99_s=latencies.p99_s if requests >= MIN_ROUNDS_P99 else None,
        metrics=dict(metrics),
    )


def timed_run(
    path: Path,
    place: str,
    seconds: float,
    *,
    iterations: int = 1,
    metrics: Mapping[str, float] | None = None,
) -> ProcessRun:
    """Return a run of which nothing but one time is known.

    Raises:
        InputFileError: the time is not a positive number of seconds.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise fault(path, place, "is no positive time")
    return _checked(
        path,
        place,
        rounds=1,
        iterations=iterations,
        min_s=seconds,
        low_s=seconds,
        median_s=seconds,
        mean_s=seconds,
        max_s=seconds,
        metrics=dict(metrics or {}),
    )


def _checked(
    path: Path,
    place: str,
    *,
    iterations: int = 1,
    metrics: dict[str, float],
    **numbers: float | None,
) -> ProcessRun:
    try:
        return ProcessRun(iterations=iterations, metrics=metrics, **numbers)  # type: ignore[arg-type]  # by name, from above
    except ValueError as error:
        raise fault(path, place, str(error)) from error


@dataclass(slots=True)
class Runs:
    """The benchmarks of a file while it is read, in its order; a name again is another run."""

    path: Path
    suite: str
    found: dict[str, list[ProcessRun]] = field(default_factory=dict)

    def add(
        self, place: str, name: str, runs: Sequence[ProcessRun], *, again: bool = False
    ) -> None:
        """Add runs of a benchmark.

        Raises:
            InputFileError: it has no name, or one that is there already and may not be ``again``.
        """
        if not name:
            raise fault(self.path, place, "is empty")
        if name in self.found and not again:
            raise fault(self.path, place, f"{name} is there already")
        self.found.setdefault(name, []).extend(runs)

    def benchmarks(self) -> tuple[Benchmark, ...]:
        """Return what was found."""
        return tuple(
            Benchmark(id=name, suite=self.suite, runs=tuple(runs))
            for name, runs in self.found.items()
        )


def results_of(
    runs: Runs,
    *,
    others: Sequence[Benchmark] = (),
    environment: Environment | None = None,
    revision: Revision | None = None,
) -> Results:
    """Return what was read; most tools say nothing of the machine, and then it is unknown.

    Args:
        runs: The benchmarks with numbers.
        others: Those without, which are no reason to refuse the file.
        environment: Where they were measured.
        revision: What was measured.

    Raises:
        InputFileError: there is no benchmark with a number.
    """
    if not runs.found:
        reason = others[0].failure.message if others and others[0].failure else ""
        raise fault(runs.path, "", reason or "holds no benchmark: nothing was measured")
    return Results(
        environment=environment
        or Environment(system="", machine="", implementation=runs.suite, python=""),
        revision=revision or Revision(),
        benchmarks=(*runs.benchmarks(), *others),
    )
