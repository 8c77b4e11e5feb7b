"""What each interval of a load showed, from snapshots that hold all that came before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from perfgate.load.live import Snapshot
from perfgate.load_run import Moment
from perfgate.stats.histogram import DEFAULT_SCALE, ExponentialHistogram
from perfgate.stats.histogram_data import Buckets, HistogramData, coarser

__all__ = ["Timeline"]

_MOST: Final = 600
"""Intervals; of more, neighbours are put together."""
_FEWEST: Final = {50: 2, 99: 100}
"""Times that a percentile of one interval needs: one beyond it, to be drawn and not gated."""


@dataclass(slots=True, kw_only=True)
class _Interval:
    end_s: float
    count: int
    failed: int
    times: ExponentialHistogram

    def join(self, later: "_Interval") -> None:
        self.end_s = later.end_s
        self.count += later.count
        self.failed += later.failed
        self.times.add(later.times)


class Timeline:
    """Takes the snapshots of a load in their order."""

    def __init__(self) -> None:
        self._intervals: list[_Interval] = []
        self._count = 0
        self._failed = 0
        self._times = HistogramData(scale=DEFAULT_SCALE)

    def add(self, snapshot: Snapshot) -> None:
        """Note what came since the snapshot before."""
        interval = _Interval(
            end_s=snapshot.elapsed_s,
            count=snapshot.count - self._count,
            failed=snapshot.failed - self._failed,
            times=_since(self._times, snapshot.times),
        )
        self._count, self._failed, self._times = snapshot.count, snapshot.failed, snapshot.times
        self._intervals.append(interval)
        if len(self._intervals) > _MOST:
            self._join_neighbours()

    def moments(self) -> tuple[Moment, ...]:
        """Return the intervals that there are, the earliest first."""
        return tuple(
            Moment(
                at_s=one.end_s,
                count=one.count,
                failed=one.failed,
                median_s=_quantile(one.times, 50),
                p99_s=_quantile(one.times, 99),
            )
            for one in self._intervals
        )

    def _join_neighbours(self) -> None:
        kept = self._intervals[::2]
        for first, second in zip(kept, self._intervals[1::2], strict=False):
            first.join(second)
        self._intervals = kept


def _since(before: HistogramData, after: HistogramData) -> ExponentialHistogram:
    """Return what the later histogram holds beyond the earlier one, which it went on from."""
    scale = min(before.scale, after.scale)
    old = coarser(dict(before.positive), before.scale - scale)
    new = coarser(dict(after.positive), after.scale - scale)
    return ExponentialHistogram.from_data(
        HistogramData(
            scale=scale, positive=Buckets.of(_difference(new, old)), zero=after.zero - before.zero
        )
    )


def _difference(new: Mapping[int, int], old: Mapping[int, int]) -> dict[int, int]:
    more = ((index, count - old.get(index, 0)) for index, count in new.items())
    return {index: count for index, count in more if count > 0}


def _quantile(times: ExponentialHistogram, percent: int) -> float | None:
    return times.quantile(percent) if times.count >= _FEWEST[percent] else None
