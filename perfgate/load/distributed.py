"""A load of many processes: what each counts, what it reports, and what comes of it together.

Counts are kept as histograms, so a report is as small for a million requests as for a thousand,
and adding up loses nothing. Each report says how many its sender has counted by then in all: what
got lost on the way is seen.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from perfgate.model.values import Value
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData

__all__ = [
    "OTHERS",
    "Accumulator",
    "LoadState",
    "Merger",
    "Part",
    "Sender",
    "SenderState",
    "StateEnd",
    "WorkerReport",
    "decode_state",
    "encode_state",
]

OTHERS: Final = "(others)"
_MOST_NAMES: Final = 200
"""Names that are told apart; a URL with an id in it would make one for each request."""
_OK: Final = "ok"
STATE_VERSION: Final = 1


class Part(Value, frozen=True, kw_only=True):
    """The operations of one name that ended in one way."""

    name: str
    outcome: str
    """``ok``, or the kind of a failure."""
    count: int
    times: HistogramData
    """Of those that have one; from the planned start where there was one."""
    service: HistogramData | None = None
    """From the actual start, where that is another."""


class WorkerReport(Value, frozen=True, kw_only=True):
    """What one process counted since its report before."""

    sequence: int
    """1, 2, 3, ..."""
    counted: int
    """All that it counted until now, not only since the report before."""
    parts: tuple[Part, ...]
    cpu_share: float
    """Of one processor in the busiest seconds so far: taken, or waited for."""
    dropped: int = 0
    """Arrivals that found too many under way, in all."""
    unfinished: int = 0
    lateness: HistogramData | None = None
    """Of the starts of an open load, since the report before."""
    is_final: bool = False


class SenderState(enum.Enum):
    """How a process stands to the load."""

    RUNNING = "running"
    FINISHED = "finished"
    """Everything that it counted has arrived."""
    LOST = "lost"


class Sender(Value, frozen=True, kw_only=True):
    """A process that makes load, as it is seen from where the reports come together."""

    name: str
    state: SenderState
    counted: int
    """As it says."""
    merged: int
    """As it arrived."""
    cpu_share: float = 0.0
    silent_s: float = 0.0
    """The longest time without a report, so far."""
    is_late: bool = False
    """Came when the load had begun already."""


class StateEnd(enum.Enum):
    """Whether a state is the last one."""

    UNDER_WAY = "under-way"
    COMPLETE = "complete"


class LoadState(Value, frozen=True, kw_only=True):
    """All that is known of a load at one moment: a file that is replaced as a whole."""

    version: int
    end: StateEnd
    engine_version: str
    expected: int
    """Processes that were to make load."""
    has_begun: bool
    wall_s: float
    """Time that is counted: without what came before the end of the warm-up."""
    parts: tuple[Part, ...]
    senders: tuple[Sender, ...]
    dropped: int = 0
    unfinished: int = 0
    lateness: HistogramData | None = None
    problems: tuple[str, ...] = ()
    """What went wrong where the reports come together."""


def encode_state(state: LoadState) -> bytes:
    """Encode as JSON."""
    return msgspec.json.encode(state)


def decode_state(data: bytes) -> LoadState:
    """Decode strictly.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    state = msgspec.json.decode(data, type=LoadState)
    if state.version != STATE_VERSION:
        raise ValueError(f"is of version {state.version}, not {STATE_VERSION}")
    return state


@dataclass(slots=True)
class _Cell:
    count: int = 0
    times: ExponentialHistogram = field(default_factory=ExponentialHistogram)
    service: ExponentialHistogram | None = None

    def record(self, seconds: float | None, service_s: float | None) -> None:
        self.count += 1
        if seconds is not None:
            self.times.record(seconds)
        if service_s is not None:
            if self.service is None:
                self.service = ExponentialHistogram()
            self.service.record(service_s)

    def add(self, part: Part) -> None:
        self.count += part.count
        self.times.add(ExponentialHistogram.from_data(part.times))
        if part.service is not None:
            if self.service is None:
                self.service = ExponentialHistogram()
            self.service.add(ExponentialHistogram.from_data(part.service))

    def part(self, name: str, outcome: str) -> Part:
        return Part(
            name=name,
            outcome=outcome,
            count=self.count,
            times=self.times.data(),
            service=self.service.data() if self.service is not None else None,
        )


class _Cells:
    """Counts by name and outcome, of so many names at most."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._names: set[str] = set()

    def cell(self, name: str, outcome: str) -> _Cell:
        cell = self._cells.get((name, outcome))
        if cell is not None:
            return cell
        if name not in self._names and len(self._names) >= _MOST_NAMES:
            name = OTHERS
        self._names.add(name)
        return self._cells.setdefault((name, outcome), _Cell())

    def parts(self) -> tuple[Part, ...]:
        return tuple(cell.part(*key) for key, cell in sorted(self._cells.items()))

    def forget_counts(self) -> None:
        self._cells.clear()


class Accumulator:
    """Counts the operations of one process between its reports."""

    def __init__(self) -> None:
        self._cells = _Cells()
        self._lateness = ExponentialHistogram()
        self._sequence = 0
        self._counted = 0
        self.dropped = 0
        self.unfinished = 0
        self.cpu_share = 0.0

    def record(
        self,
        name: str,
        outcome: str,
        seconds: float | None,
        service_s: float | None = None,
    ) -> None:
        """Count an operation that ended; ``seconds`` None where it has no time of its own."""
        self._counted += 1
        self._cells.cell(name, outcome).record(seconds, service_s)

    def started_late(self, seconds: float) -> None:
        """Count a planned start, and how late it was."""
        self._lateness.record(seconds)

    def take(self, *, is_final: bool) -> WorkerReport:
        """Return what was counted since the last call."""
        self._sequence += 1
        report = WorkerReport(
            sequence=self._sequence,
            counted=self._counted,
            parts=self._cells.parts(),
            cpu_share=self.cpu_share,
            dropped=self.dropped,
            unfinished=self.unfinished,
            lateness=self._lateness.data() if self._lateness.count else None,
            is_final=is_final,
        )
        self._cells.forget_counts()
        self._lateness = ExponentialHistogram()
        return report


@dataclass(slots=True)
class _Known:
    heard_s: float
    is_late: bool
    sequence: int = 0
    counted: int = 0
    merged: int = 0
    dropped: int = 0
    unfinished: int = 0
    cpu_share: float = 0.0
    silent_s: float = 0.0
    is_final: bool = False


class Merger:
    """Adds up the reports of many processes."""

    def __init__(self) -> None:
        self._cells = _Cells()
        self._lateness = ExponentialHistogram()
        self._known: dict[str, _Known] = {}

    def expect(self, sender: str, now_s: float, *, is_late: bool) -> None:
        """Take note of a process that is to report from now on."""
        self._known.setdefault(sender, _Known(heard_s=now_s, is_late=is_late))

    def begin(self, now_s: float) -> None:
        """Count silence from now on: nobody reports while nothing happens."""
        for known in self._known.values():
            known.heard_s, known.silent_s = now_s, 0.0

    def merge(self, sender: str, report: WorkerReport, now_s: float) -> None:
        """Add a report; one that came before is left out."""
        self.expect(sender, now_s, is_late=False)
        known = self._known[sender]
        if report.sequence <= known.sequence:
            return
        known.silent_s = max(known.silent_s, now_s - known.heard_s)
        known.heard_s = now_s
        known.sequence, known.counted = report.sequence, report.counted
        known.dropped, known.unfinished = report.dropped, report.unfinished
        known.cpu_share = report.cpu_share
        known.is_final = known.is_final or report.is_final
        for part in report.parts:
            self._cells.cell(part.name, part.outcome).add(part)
            known.merged += part.count
        if report.lateness is not None:
            self._lateness.add(ExponentialHistogram.from_data(report.lateness))

    def is_finished(self, sender: str) -> bool:
        """Say whether the last report of a process has arrived."""
        return sender in self._known and self._known[sender].is_final

    def senders(self, now_s: float, lost: Mapping[str, bool]) -> tuple[Sender, ...]:
        """Return all processes; ``lost`` says which of them are gone, others are under way."""
        return tuple(
            Sender(
                name=name,
                state=_state(known, is_lost=lost.get(name, False)),
                counted=known.counted,
                merged=known.merged,
                cpu_share=known.cpu_share,
                silent_s=known.silent_s
                if known.is_final
                else max(known.silent_s, now_s - known.heard_s),
                is_late=known.is_late,
            )
            for name, known in sorted(self._known.items())
        )

    def state(
        self,
        *,
        end: StateEnd,
        engine_version: str,
        expected: int,
        wall_s: float | None,
        senders: tuple[Sender, ...],
        problems: tuple[str, ...],
    ) -> LoadState:
        """Return everything together; ``wall_s`` None where the load has not begun."""
        return LoadState(
            version=STATE_VERSION,
            end=end,
            engine_version=engine_version,
            expected=expected,
            has_begun=wall_s is not None,
            wall_s=max(0.0, wall_s or 0.0),
            parts=self._cells.parts(),
            senders=senders,
            dropped=sum(known.dropped for known in self._known.values()),
            unfinished=sum(known.unfinished for known in self._known.values()),
            lateness=self._lateness.data() if self._lateness.count else None,
            problems=problems,
        )


def _state(known: _Known, *, is_lost: bool) -> SenderState:
    if known.is_final:
        return SenderState.FINISHED
    return SenderState.LOST if is_lost else SenderState.RUNNING
