"""A load while it runs: what was recorded so far, for people who wait and limits that end it."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from perfgate.load.recorder import Recorder
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData
from perfgate.stats.quantiles import MIN_ROUNDS

__all__ = ["LIVE_METRICS", "Live", "Observer", "Snapshot", "histogram_metrics"]

_NS: Final = 1e9
_MOST_A_LOOK: Final = 5_000
"""Times that are read at one look, of more every so manieth: reading them all would hold up the
operations, and so be seen in the numbers."""

LIVE_METRICS: Final = frozenset(
    {
        *("mean", "median", "p50", "p90", "p95", "p99", "max"),
        *("success_rate", "error_rate", "dropped"),
    }
)
"""What says something about a load that has not ended; sums and rates of it do not."""


class Observer(Protocol):
    """Is shown what was recorded, every so often."""

    period_s: float

    def look(self, recorder: Recorder) -> bool:
        """Look at a run that is under way; True ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a load at one moment."""

    elapsed_s: float
    ok: int
    failed: int
    dropped: int
    per_s: float
    """Successes per second since the snapshot before."""
    metrics: Mapping[str, float | None]
    """As of a result; None for what there is too little of."""
    times: HistogramData
    """Of the successes so far, or of a share of them."""

    @property
    def count(self) -> int:
        """How many ended, well or not."""
        return self.ok + self.failed


class Live:
    """Makes snapshots of a run; those of times are off by 0.6 % at most where all are read.

    Args:
        on_snapshot: Is given each; True ends the load.
        period_s: How often.
    """

    def __init__(self, on_snapshot: Callable[[Snapshot], bool], *, period_s: float = 1.0) -> None:
        self.period_s = period_s
        self._on_snapshot = on_snapshot
        self._histogram = ExponentialHistogram()
        self._read = 0
        self._ok_before = 0
        self._elapsed_before_s = 0.0

    def look(self, recorder: Recorder) -> bool:
        """Read what is new and pass it on."""
        times = recorder.response_ns if recorder.is_open else recorder.ok_ns
        self._read_up_to(times, len(times))
        elapsed_s, ok, failed = recorder.elapsed_s, len(recorder.ok_ns), recorder.failed
        since_s = elapsed_s - self._elapsed_before_s
        snapshot = Snapshot(
            elapsed_s=elapsed_s,
            ok=ok,
            failed=failed,
            dropped=recorder.dropped,
            per_s=(ok - self._ok_before) / since_s if since_s > 0 else 0.0,
            metrics={
                **histogram_metrics(self._histogram),
                "success_rate": ok / (ok + failed) if ok + failed else None,
                "error_rate": failed / (ok + failed) if ok + failed else None,
                "dropped": float(recorder.dropped),
            },
            times=self._histogram.data(),
        )
        self._ok_before, self._elapsed_before_s = ok, elapsed_s
        return self._on_snapshot(snapshot)

    def _read_up_to(self, times: "array[int]", count: int) -> None:
        step = 1 + (count - self._read) // _MOST_A_LOOK
        self._histogram.record_many([time / _NS for time in times[self._read : count : step]])
        self._read = count


def histogram_metrics(histogram: ExponentialHistogram, prefix: str = "") -> dict[str, float | None]:
    """Return the numbers of a histogram of seconds that limits can be set on.

    None for quantiles of which there are too few values to bound them.
    """
    count = histogram.count
    quantiles: Sequence[float | None] = histogram.quantiles(tuple(MIN_ROUNDS))
    supported = {
        percent: value if count >= MIN_ROUNDS[percent] else None
        for percent, value in zip(MIN_ROUNDS, quantiles, strict=True)
    }
    return {
        f"{prefix}mean": histogram.mean,
        f"{prefix}min": histogram.min,
        f"{prefix}max": histogram.max,
        f"{prefix}median": supported[50],
        **{f"{prefix}p{percent}": value for percent, value in supported.items()},
    }
