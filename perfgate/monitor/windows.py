"""What happened lately: a ring of slots for the times, and one of counts for the failures."""

from array import array
from collections import deque
from dataclasses import dataclass
from typing import Final

from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import Buckets, HistogramData, coarser

__all__ = ["BURN_SLOTS", "SLOTS", "BurnWindow", "Slot", "Window"]

SLOTS: Final = 12
"""Of a window: it moves on by a twelfth of its length."""
BURN_SLOTS: Final = 720
_SHORT: Final = BURN_SLOTS // 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A part of the window that is over; in arrays, which take a tenth of a dictionary."""

    ok: int
    failed: int
    sum_s: float
    scale: int
    indices: "array[int]"
    counts: "array[int]"

    @classmethod
    def of(cls, times: ExponentialHistogram, *, failed: int) -> "Slot":
        """Keep the times that succeeded, of which only those above zero have buckets here."""
        return cls(
            ok=times.count,
            failed=failed,
            sum_s=times.sum or 0.0,
            scale=times.scale,
            indices=array("i", times.positive.keys()),
            counts=array("I", times.positive.values()),
        )


class Window:
    """The last slots of one operation."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque(maxlen=SLOTS)

    def push(self, slot: Slot, *, idle: int) -> None:
        """Add a slot that is over, and so many after it in which nothing happened."""
        self._slots.append(slot)
        empty = Slot.of(ExponentialHistogram(), failed=0)
        for _ in range(min(idle, SLOTS)):
            self._slots.append(empty)

    @property
    def is_full(self) -> bool:
        """Whether it is as long as it is meant to be."""
        return len(self._slots) == SLOTS

    @property
    def ok(self) -> int:
        """How many operations succeeded."""
        return sum(slot.ok for slot in self._slots)

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(slot.failed for slot in self._slots)

    @property
    def mean_s(self) -> float:
        """The mean of those that succeeded; there must be one."""
        return sum(slot.sum_s for slot in self._slots) / self.ok

    def quantile_s(self, percent: int) -> float:
        """Return a nearest-rank quantile of those that succeeded; there must be one."""
        scale = min(slot.scale for slot in self._slots)
        total: dict[int, int] = {}
        for slot in self._slots:
            buckets = dict(zip(slot.indices, slot.counts, strict=True))
            for index, count in coarser(buckets, slot.scale - scale).items():
                total[index] = total.get(index, 0) + count
        data = HistogramData(
            scale=scale,
            positive=Buckets.of(total),
            zero=self.ok - sum(total.values()),
        )
        quantile = ExponentialHistogram.from_data(data).quantile(percent)
        if quantile is None:
            raise ValueError("nothing succeeded in the window")
        return quantile


class BurnWindow:
    """How many succeeded and failed in a long window and in the last twelfth of it."""

    def __init__(self, long_window_s: float) -> None:
        self._slot_s = long_window_s / BURN_SLOTS
        self._at = 0
        self._clear()

    def _clear(self) -> None:
        self._ok = array("Q", bytes(8 * BURN_SLOTS))
        self._failed = array("Q", bytes(8 * BURN_SLOTS))
        self._totals = [0, 0, 0, 0]

    def add(self, elapsed_s: float, *, ok: int, failed: int) -> None:
        """Count what happened until now, ``elapsed_s`` after the start."""
        self.advance(elapsed_s)
        place = self._at % BURN_SLOTS
        self._ok[place] += ok
        self._failed[place] += failed
        for index, count in enumerate((ok, failed, ok, failed)):
            self._totals[index] += count

    def advance(self, elapsed_s: float) -> None:
        """Forget what is too long ago."""
        target = int(elapsed_s / self._slot_s)
        if target - self._at >= BURN_SLOTS:
            self._clear()
            self._at = target
        for at in range(self._at + 1, target + 1):
            place, leaving_short = at % BURN_SLOTS, (at - _SHORT) % BURN_SLOTS
            self._totals[2] -= self._ok[leaving_short]
            self._totals[3] -= self._failed[leaving_short]
            self._totals[0] -= self._ok[place]
            self._totals[1] -= self._failed[place]
            self._ok[place] = self._failed[place] = 0
        self._at = max(self._at, target)

    @property
    def samples(self) -> int:
        """Operations in the short window."""
        return self._totals[2] + self._totals[3]

    def shares(self) -> tuple[float, float]:
        """Return which share failed in the long and in the short window; both need samples."""
        long_ok, long_failed, ok, failed = self._totals
        return long_failed / (long_ok + long_failed), failed / (ok + failed)
