"""The functions that a benchmark became slower in, in sentences."""

from typing import Final

from perfgate.model import Evidence, GrownFunction, Judgement, Verdict
from perfgate.report.sentences import name_commit
from perfgate.report.text import Quoted, Sentence, shorten
from perfgate.units import format_number, format_seconds

__all__ = ["causes"]

_SHOWN: Final = 5
_NAME_LIMIT: Final = 80
"""Characters of a name and of a file: both stand on one line."""


def causes(judgement: Judgement, evidence: Evidence | None) -> tuple[Sentence, ...]:
    """Say since when and how, then a line for each function; nothing where that is not known."""
    explanation = evidence.explanation if evidence is not None else None
    if explanation is None or not explanation.functions:
        return ()
    if judgement.verdict is not Verdict.REGRESSED:
        return ()
    commit = name_commit(explanation.commit)
    since: Sentence = (" since ", *commit) if commit else ()
    head: Sentence = ("Slower", *since, ", in one call under a profiler:")
    return (head, *map(_line, explanation.functions[:_SHOWN]))


def _line(grown: GrownFunction) -> Sentence:
    file = shorten(grown.file, _NAME_LIMIT)
    where = f"{file}:{grown.line}" if file and grown.line else file
    name = shorten(grown.name, _NAME_LIMIT)
    before = format_seconds(grown.before_s) if grown.before_s > 0 else "nothing"
    calls = format_number(grown.calls_before), format_number(grown.calls_after)
    called = f", called {calls[0]} → {calls[1]} times" if calls[0] != calls[1] else ""
    piece = Quoted(f"{name} ({where})" if where else name)
    return (piece, f" {before} → {format_seconds(grown.after_s)}{called}")
