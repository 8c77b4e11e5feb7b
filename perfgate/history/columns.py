"""Recorded runs as columns of numbers, a fraction of the size of their lines."""

from array import array
from typing import Final

import msgspec

from perfgate.history.runs import RecordedTime, RunRecord, decode_runs
from perfgate.model import Environment, Verdict

__all__ = ["Column", "Columns", "Run", "columns_of"]

_NONE: Final = float("inf")
_SHOWN: Final = frozenset({Verdict.REGRESSED, Verdict.ACCEPTED, Verdict.LIMIT_EXCEEDED})


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run as a whole."""

    commit: str
    recorded: float
    """Seconds since 1970."""
    environment: Environment
    title: str
    name: str
    """Number and attempt of its workflow run; may be empty."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark in the runs of a file; the sequences are as long as one another."""

    suite: str
    benchmark: str
    runs: bytes
    """Numbers of the runs in ``Columns.runs``, as 32-bit integers."""
    low_s: bytes
    """Times as doubles."""
    pair_high: bytes
    """Upper end of ln(candidate / reference) in lockstep; infinite where nothing bounds it."""
    pair_commit: bytes
    """Numbers of the references in ``Columns.references``, as 32-bit integers; 0 for none."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds."""

    runs: tuple[Run, ...]
    columns: tuple[Column, ...]
    references: tuple[str, ...]
    """Commits that pairs were measured against, the first 12 digits; the first is empty."""
    shown: tuple[tuple[int, str], ...]
    """Run and benchmark where the gate itself said that something became slower."""
    damaged: tuple[str, ...]
    """Lines that are no run, and why."""


class _Growing:
    def __init__(self) -> None:
        self.runs = array("I")
        self.low_s = array("d")
        self.pair_high = array("d")
        self.pair_commit = array("I")

    def add(self, run: int, time: RecordedTime, reference: int) -> None:
        high = time.pair.high if time.pair is not None else None
        self.runs.append(run)
        self.low_s.append(time.low_s)
        self.pair_high.append(_NONE if high is None else high)
        self.pair_commit.append(reference)

    def column(self, suite: str, benchmark: str) -> Column:
        return Column(
            suite=suite,
            benchmark=benchmark,
            runs=self.runs.tobytes(),
            low_s=self.low_s.tobytes(),
            pair_high=self.pair_high.tobytes(),
            pair_commit=self.pair_commit.tobytes(),
        )


def columns_of(data: bytes, source: str) -> Columns:
    """Read a file of runs; ``source`` names it."""
    # Line by line: the runs of a month need twenty times the memory of their columns.
    runs: list[Run] = []
    damaged: list[str] = []
    growing: dict[tuple[str, str], _Growing] = {}
    references: dict[str, int] = {"": 0}
    shown: list[tuple[int, str]] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        found, problems = decode_runs(line, source)
        damaged += (one.replace(": line 1:", f": line {number}:", 1) for one in problems)
        for record in found:
            _add(record, len(runs), growing, references, shown)
            runs.append(_run(record))
    return Columns(
        runs=tuple(runs),
        columns=tuple(one.column(*key) for key, one in growing.items()),
        references=tuple(references),
        shown=tuple(shown),
        damaged=tuple(damaged),
    )


def _run(record: RunRecord) -> Run:
    return Run(
        commit=record.revision.commit,
        recorded=record.recorded.timestamp(),
        environment=record.environment,
        title=record.title,
        name=record.run,
    )


def _add(
    record: RunRecord,
    run: int,
    growing: dict[tuple[str, str], _Growing],
    references: dict[str, int],
    shown: list[tuple[int, str]],
) -> None:
    for suite, times in record.benchmarks.items():
        for benchmark, time in times.items():
            commit = time.pair.commit if time.pair is not None else ""
            reference = references.setdefault(commit, len(references))
            key = (suite, benchmark)
            if key not in growing:
                growing[key] = _Growing()
            growing[key].add(run, time, reference)
            if time.verdict in _SHOWN:
                shown.append((run, benchmark))
