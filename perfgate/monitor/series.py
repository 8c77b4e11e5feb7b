"""One operation: its outcomes, its window, its rules; bounded whatever is recorded."""

from collections.abc import Sequence
from math import inf
from typing import Final

from perfgate.monitor.alerts import AlertBook, Observation, Tracked
from perfgate.monitor.rules import BurnRate, Rule, Settings, Threshold
from perfgate.monitor.windows import SLOTS, Slot, Window
from perfgate.stats.histogram import ExponentialHistogram

__all__ = ["MAX_OUTCOMES", "OK", "OTHER", "Cell", "Series"]

OK: Final = "ok"
OTHER: Final = "__other__"
"""Where outcomes and operations go for which there is no place of their own."""
MAX_OUTCOMES: Final = 8
_OK_BUCKETS: Final = 1024
_FAILED_BUCKETS: Final = 160
"""Of failures less is asked; beyond, they are counted at twice the error."""


class Cell:
    """One outcome of an operation; the recording threads touch ``pending`` alone.

    Appending to a list is atomic, and so is taking its beginning away: nothing is lost between
    threads, and none waits for a lock.
    """

    __slots__ = ("ends_s", "limit_s", "pending", "series", "times")

    def __init__(self, series: "Series", *, max_buckets: int) -> None:
        self.series = series
        self.pending: list[float] = []
        self.times = ExponentialHistogram(max_buckets=max_buckets)
        self.limit_s = inf
        """From here on a single operation has to be looked at."""
        self.ends_s = inf
        """When the slot of the window is over."""


class Series:
    """Everything about one operation. Call it with the monitor's lock held."""

    def __init__(self, service: str, operation: str, settings: Settings) -> None:
        self.service = service
        self.operation = operation
        self._settings = settings
        self.cells: dict[str, Cell] = {}
        self.tracked: tuple[Tracked, ...] = ()
        self._slot_s = settings.window_s / SLOTS
        self._window = Window()
        self._lately = ExponentialHistogram(max_buckets=_OK_BUCKETS)
        """The successes of the slot that is under way; in the total from its end."""
        self._failed_lately = 0
        self._limit_s = self._ends_s = inf
        self._began_s = 0.0

    def set_rules(self, rules: Sequence[Rule], *, now_s: float, book: AlertBook) -> None:
        """Hold the operation to these rules from now on; alerts of the former ones end."""
        shortest_s = min(
            (rule.long_window_s for rule in rules if isinstance(rule, BurnRate)), default=inf
        )
        if shortest_s < self._settings.window_s:
            raise ValueError(
                f"a burn rate over {shortest_s:g} s needs Settings(window_s=...) no longer than it"
            )
        for tracked in self.tracked:
            book.resolve(tracked, now_s)
        self.flush()
        self._settle()
        self.tracked = tuple(
            Tracked((self.service, self.operation), rule, self._settings) for rule in rules
        )
        self._limit_s = min(
            (rule.limit.bound for rule in rules if isinstance(rule, Threshold) and rule.is_single),
            default=inf,
        )
        self._began_s = now_s
        self._ends_s = now_s + self._slot_s if rules else inf
        self._window = Window()
        self._show_limits()

    def cell(self, outcome: str) -> tuple[Cell, bool]:
        """Return where an outcome is recorded, and whether that is its own place."""
        found = self.cells.get(outcome)
        if found is not None:
            return found, True
        # One place is left for successes, and the last is for all that have none.
        failures = len(self.cells) - (OK in self.cells)
        is_own = outcome == OK or failures < MAX_OUTCOMES - 2
        outcome = outcome if is_own else OTHER
        if outcome not in self.cells:
            room = _OK_BUCKETS if outcome == OK else _FAILED_BUCKETS
            self.cells[outcome] = Cell(self, max_buckets=room)
            self._show_limits()
        return self.cells[outcome], is_own

    def flush(self) -> None:
        """Count what the threads have recorded."""
        for cell in self.cells.values():
            self.flush_cell(cell)

    def flush_cell(self, cell: Cell) -> None:
        """Count what the threads have recorded of one outcome."""
        pending = cell.pending
        count = len(pending)
        if not count:
            return
        values = pending[:count]
        del pending[:count]
        if cell is not self.cells.get(OK):
            cell.times.record_many(values)
            self._failed_lately += count
        elif self.tracked:
            self._lately.record_many(values)
        else:
            cell.times.record_many(values)

    def times(self, outcome: str) -> ExponentialHistogram:
        """Return all times of an outcome; those of successes in a histogram of their own."""
        times = self.cells[outcome].times
        if outcome != OK or (self._lately.is_empty and not self._lately.rejected):
            return times
        together = times.copy()
        together.add(self._lately)
        return together

    @property
    def rejected(self) -> int:
        """Durations that were no finite numbers."""
        return self._lately.rejected + sum(cell.times.rejected for cell in self.cells.values())

    def turn(self, now_s: float, book: AlertBook) -> None:
        """End the slot of the window that is over, if one is, and hold the rules against it."""
        if now_s < self._ends_s:
            return
        self.flush()
        over = 1 + int((now_s - self._ends_s) / self._slot_s)
        ok, failed = self._lately.count, self._failed_lately
        self._window.push(Slot.of(self._lately, failed=failed), idle=over - 1)
        self._settle()
        for tracked in self.tracked:
            self._hold(tracked, now_s, (ok, failed), book)
        self._ends_s += over * self._slot_s
        self._show_limits()

    def _settle(self) -> None:
        """Take what the slot counted into the total; begin the next."""
        if OK in self.cells:
            self.cells[OK].times.add(self._lately)
        self._lately = ExponentialHistogram(max_buckets=_OK_BUCKETS)
        self._failed_lately = 0

    def _hold(
        self, tracked: Tracked, now_s: float, counts: tuple[int, int], book: AlertBook
    ) -> None:
        if tracked.burn is not None:
            # At the end of the slot, just within: so the short window still holds all of it.
            elapsed_s = (self._ends_s - self._began_s) * (1 - 1e-9)
            tracked.burn.add(elapsed_s, ok=counts[0], failed=counts[1])
            tracked.burn.advance(now_s - self._began_s)
        seen = tracked.observe(self._window)
        if seen is not None:
            book.handle(tracked, seen, now_s)
        elif isinstance(tracked.rule, Threshold) and tracked.rule.is_single:
            book.resolve_if_quiet(tracked, now_s)

    def exceeded(self, seconds: float, now_s: float, trace_id: str, book: AlertBook) -> None:
        """Hold a single operation against the rules for such."""
        for tracked in self.tracked:
            rule = tracked.rule
            if isinstance(rule, BurnRate) or not rule.is_single or rule.limit.is_kept(seconds):
                continue
            seen = Observation(
                observed=seconds,
                samples=1,
                is_exceeded=True,
                is_recovered=False,
                trace_id=trace_id,
            )
            book.handle(tracked, seen, now_s)
            if tracked.alert is not None:
                tracked.quiet_until_s = now_s + self._settings.cooldown_s

    def _show_limits(self) -> None:
        for cell in self.cells.values():
            cell.limit_s, cell.ends_s = self._limit_s, self._ends_s
