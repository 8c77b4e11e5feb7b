"""The first line of a report: what came out, in one phrase."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from perfgate.model import Report, Verdict
from perfgate.report.footnotes import name_count
from perfgate.report.text import Quoted, Sentence, shorten

__all__ = ["headline"]

_HEADLINES: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.REGRESSED: ("regressed", "regressed"),
    Verdict.LIMIT_EXCEEDED: ("exceeded a limit", "exceeded a limit"),
    Verdict.ERRORED: ("failed to run", "failed to run"),
    Verdict.MISSING: ("is missing", "are missing"),
    Verdict.DRIFTED: ("drifted", "drifted"),
    Verdict.UNDECIDED: ("is undecided", "are undecided"),
    Verdict.IMPROVED: ("improved", "improved"),
    Verdict.ACCEPTED: ("was accepted", "were accepted"),
    Verdict.NEW: ("has no baseline", "have no baseline"),
    Verdict.PASSED: ("passed", "passed"),
}
"""In the order in which verdicts are named."""


def headline(report: Report, counted: Counter[Verdict]) -> Sentence:
    """Say how a run ended, by how many benchmarks came to which verdict."""
    name: Sentence = ("perfgate",)
    if report.title.strip():
        name = ("perfgate ", Quoted(shorten(report.title, 80)))
    return (*name, f": {_outcome(report, counted)}")


def _outcome(report: Report, counted: Counter[Verdict]) -> str:
    total = sum(counted.values())
    if not total:
        return "no benchmark was measured"
    if report.exit_status == 0:
        return _passed(counted, total)
    if report.exit_status == 3:  # noqa: PLR2004 - the exit status for "could not decide"
        return _undecided(counted, total)
    return _failed([v for v in _HEADLINES if counted[v] and v in report.fails_on], counted, total)


def _passed(counted: Counter[Verdict], total: int) -> str:
    none = f"none of {total} benchmarks regressed" if total > 1 else "the benchmark passed"
    doubts = [v for v in (Verdict.DRIFTED, Verdict.UNDECIDED) if counted[v]]
    return ", ".join([none, *(_phrase(v, counted[v]) for v in doubts)])


def _failed(failing: Sequence[Verdict], counted: Counter[Verdict], total: int) -> str:
    if not failing:
        return f"failed ({name_count(total)})"
    first, *others = failing
    return ", ".join(
        [_phrase(first, counted[first], total), *(_phrase(v, counted[v]) for v in others)]
    )


def _undecided(counted: Counter[Verdict], total: int) -> str:
    undecided = counted[Verdict.UNDECIDED]
    if undecided:
        return f"could not decide {undecided} of {name_count(total)}"
    if counted[Verdict.NEW] == total:
        return f"nothing to compare with, {_phrase(Verdict.NEW, total, total)}"
    return f"could not decide ({name_count(total)})"


def _phrase(verdict: Verdict, count: int, total: int | None = None) -> str:
    of = "" if total is None else f" of {name_count(total)}"
    return f"{count}{of} {_HEADLINES[verdict][count != 1]}"
