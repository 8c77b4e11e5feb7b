"""One view of a report that every renderer shows: ordered, counted, formatted, in sentences.

Renderers only lay out and escape. No number is formatted and no sentence built anywhere else.
"""

import dataclasses
import enum
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final

from perfgate.model import (
    Benchmark,
    Evidence,
    Judgement,
    Reason,
    Report,
    Verdict,
)
from perfgate.report.advice import Command, advise
from perfgate.report.causes import causes
from perfgate.report.details import Details, Facts, describe, describe_run
from perfgate.report.footnotes import (
    approved_code,
    findable,
    footnote,
    revision,
    where,
)
from perfgate.report.headline import headline
from perfgate.report.sentences import explain, interval, name_commit
from perfgate.report.text import Quoted, Sentence, join, shorten
from perfgate.units import format_duration, format_ratio, format_seconds

__all__ = ["Level", "ReportView", "Row", "Section", "Tone", "build_view"]

_LINES_LIMIT: Final = 20
"""Footnotes or waivers that are listed before the rest is only counted."""


_MANY: Final = 200
"""Benchmarks of a run from which each is drawn with fewer processes, so that a page stays small."""


class Tone(enum.Enum):
    """How good the news is; renderers may add a colour, never instead of a word."""

    GOOD = "good"
    NEUTRAL = "neutral"
    DOUBT = "doubt"
    BAD = "bad"


class Level(enum.Enum):
    """How loudly a row speaks where a system knows levels: annotations and JUnit."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    NONE = "none"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One benchmark. Empty strings mean that there is nothing to show."""

    benchmark: Quoted
    suite: Quoted
    verdict: Verdict
    symbol: str
    """One character cell wide."""
    word: str
    tone: Tone
    level: Level
    times: str
    effect: str
    interval: str
    grounds: tuple[Sentence, ...]
    """The rule, which other rows may share, and what is of this one alone."""
    causes: tuple[Sentence, ...]
    """Functions that became slower, one each, below a line that says since when."""
    advice: str
    command: Command | None
    path: str
    line: int | None
    details: Details | None = None
    """Only where they were asked for."""

    @property
    def why(self) -> Sentence:
        """Return the whole explanation."""
        return join(self.grounds)

    @property
    def is_settled(self) -> bool:
        """Say whether the verdict needs no explanation."""
        return self.word == _WORDS[Verdict.PASSED][1]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows that belong together, worst first."""

    heading: str
    verdict: Verdict
    is_folded: bool
    """True where nobody has to act: shown closed or only counted."""
    rows: tuple[Row, ...]
    count: int
    """How many rows there are; a folded section may leave them all out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A whole report, ready to lay out."""

    symbol: str
    icon: str
    tone: Tone
    headline: Sentence
    counts: str
    commits: Sentence
    """Empty without a repository."""
    sections: tuple[Section, ...]
    waivers: tuple[Sentence, ...]
    notes: tuple[Sentence, ...]
    environment: Sentence
    machines: tuple[Facts, ...] = ()
    """Everything that is known of where it was measured; only with details."""


_WORDS: Final[Mapping[Verdict, tuple[str, str, Tone]]] = {
    Verdict.REGRESSED: ("✗", "regressed", Tone.BAD),
    Verdict.LIMIT_EXCEEDED: ("✗", "over limit", Tone.BAD),
    Verdict.ERRORED: ("✗", "failed", Tone.BAD),
    Verdict.MISSING: ("✗", "missing", Tone.BAD),
    Verdict.DRIFTED: ("!", "drifted", Tone.DOUBT),
    Verdict.UNDECIDED: ("?", "undecided", Tone.DOUBT),
    Verdict.IMPROVED: ("↓", "improved", Tone.GOOD),
    Verdict.ACCEPTED: ("=", "accepted", Tone.NEUTRAL),
    Verdict.NEW: ("+", "new", Tone.NEUTRAL),
    Verdict.PASSED: ("✓", "passed", Tone.GOOD),
}
"""In the order in which verdicts are shown."""

_SECTIONS: Final[Mapping[Verdict, str]] = {
    Verdict.REGRESSED: "Regressions",
    Verdict.LIMIT_EXCEEDED: "Over a limit",
    Verdict.ERRORED: "Failed to run",
    Verdict.MISSING: "Missing",
    Verdict.DRIFTED: "Drifted before this change",
    Verdict.UNDECIDED: "Undecided",
    Verdict.IMPROVED: "Improved",
    Verdict.ACCEPTED: "Accepted in this change",
    Verdict.NEW: "New",
    Verdict.PASSED: "Passed",
}


def build_view(
    report: Report, *, longest_folded: int | None = None, has_details: bool = False
) -> ReportView:
    """Turn a report into what people read, worst first.

    ``longest_folded`` is the number of rows up to which a folded section is worth building;
    ``has_details`` says whether every row brings its numbers and charts along.
    """
    counted = Counter(judgement.verdict for judgement in report.judgements)
    symbol, icon, tone = _OUTCOMES.get(report.exit_status, _OUTCOMES[1])
    return ReportView(
        symbol=symbol,
        icon=icon,
        tone=tone,
        headline=headline(report, counted),
        counts=", ".join(f"{counted[v]} {_WORDS[v][1]}" for v in _WORDS if counted[v]),
        commits=_commits(report),
        sections=_sections(report, longest_folded, has_details=has_details),
        waivers=_capped([_waiver(j) for j in report.judgements if _is_waived(j)], "waivers"),
        notes=_capped(
            [*(footnote(note) for note in report.notes), *findable(report.judgements)], "footnotes"
        ),
        environment=_environment(report),
        machines=describe_run(report) if has_details else (),
    )


# --- the first lines ---------------------------------------------------------------------------

_OUTCOMES: Final = {
    0: ("✓", "✅", Tone.GOOD),
    1: ("✗", "❌", Tone.BAD),
    3: ("?", "❔", Tone.DOUBT),
}


def _commits(report: Report) -> Sentence:
    measured = revision(report.results.revision)
    if not measured:
        return ()
    base = name_commit(report.base.commit) if report.base is not None else ()
    references = join(
        [("the merge base ", *base) if base else (), approved_code(report.judgements)], " and "
    )
    return ("Measured ", *measured, *((" against ", *references) if references else ()), ".")


def _environment(report: Report) -> Sentence:
    took = f" in {format_duration(report.duration_s)}" if report.duration_s is not None else ""
    results = report.results
    return (*where(results.environments or (results.environment,)), f"{took}.")


# --- rows --------------------------------------------------------------------------------------


def _sections(
    report: Report, longest_folded: int | None, *, has_details: bool
) -> tuple[Section, ...]:
    measured = {(b.suite, b.id): b for b in report.results.benchmarks}
    evidence = {(e.suite, e.benchmark): e for e in report.evidence}
    groups: dict[Verdict, list[Judgement]] = {verdict: [] for verdict in _SECTIONS}
    for judgement in report.judgements:
        groups[judgement.verdict].append(judgement)
    sections = []
    for verdict, heading in _SECTIONS.items():
        chosen = groups[verdict]
        if not chosen:
            continue
        count = len(chosen)
        folded = verdict is Verdict.PASSED
        if folded and longest_folded is not None and count > longest_folded:
            chosen = []
        chosen.sort(key=_rank)
        rows = tuple(_row(j, measured.get(_key(j)), evidence.get(_key(j)), report) for j in chosen)
        if has_details:
            known = [(measured.get(key), evidence.get(key)) for key in map(_key, chosen)]
            is_brief = len(report.judgements) > _MANY
            rows = tuple(map(_detailed, rows, chosen, known, repeat(is_brief)))
        section = Section(
            heading=heading, verdict=verdict, is_folded=folded, rows=rows, count=count
        )
        sections.append(section)
    return tuple(sections)


def _key(judgement: Judgement) -> tuple[str, str]:
    return judgement.suite, judgement.benchmark


def _detailed(
    row: Row,
    judgement: Judgement,
    known: tuple[Benchmark | None, Evidence | None],
    is_brief: bool,  # noqa: FBT001 - mapped over
) -> Row:
    after_s = _shown_times(judgement)[1]
    details = describe(
        judgement, *known, effect=_effect(judgement), after_s=after_s, is_brief=is_brief
    )
    return dataclasses.replace(row, details=details)


def _rank(judgement: Judgement) -> tuple[float, str]:
    effect = _effect(judgement)
    size = 0.0 if effect is None else effect
    worst_first = size if judgement.verdict is Verdict.IMPROVED else -size
    return worst_first, judgement.benchmark


def _row(
    judgement: Judgement, benchmark: Benchmark | None, evidence: Evidence | None, report: Report
) -> Row:
    symbol, word, tone = _WORDS[judgement.verdict]
    if judgement.reason is Reason.WAIVED:
        symbol, word, tone = "=", "waived", Tone.NEUTRAL
    effect = _effect(judgement)
    own_id, environment = report.results.origin(judgement.benchmark)
    advice = advise(judgement, own_id)
    deciding = judgement.comparisons[0] if judgement.comparisons else None
    is_edit = judgement.verdict is Verdict.ACCEPTED
    return Row(
        benchmark=Quoted(judgement.benchmark),
        suite=Quoted(judgement.suite),
        verdict=judgement.verdict,
        symbol=symbol,
        word=word,
        tone=tone,
        level=_level(judgement.verdict, report),
        times=_times(judgement),
        effect="" if effect is None else format_ratio(effect),
        interval="" if deciding is None or is_edit else interval(deciding),
        grounds=explain(judgement, benchmark, environment),
        causes=causes(judgement, evidence),
        advice=advice.text,
        command=advice.command,
        path=judgement.path,
        line=judgement.line,
    )


def _level(verdict: Verdict, report: Report) -> Level:
    if verdict in report.fails_on:
        return Level.ERROR
    if verdict is Verdict.UNDECIDED:
        return Level.ERROR if report.undecided_fails else Level.WARNING
    if verdict in {Verdict.PASSED, Verdict.NEW}:
        return Level.NONE
    return Level.NOTICE if verdict in {Verdict.IMPROVED, Verdict.ACCEPTED} else Level.WARNING


def _effect(judgement: Judgement) -> float | None:
    """Take the deciding effect; for an edited baseline, that of the edit."""
    if judgement.verdict is Verdict.ACCEPTED:
        old, new = _edit_times(judgement)
        if old is None or new is None or old <= 0 or new <= 0:  # a report may come from anybody
            return None
        return math.log(new) - math.log(old)
    return judgement.comparisons[0].log_ratio if judgement.comparisons else None


def _edit_times(judgement: Judgement) -> tuple[float | None, float | None]:
    edit = judgement.edit
    old = edit.old.median_s if edit is not None and edit.old is not None else None
    new = edit.new.median_s if edit is not None and edit.new is not None else None
    return old, new


def _shown_times(judgement: Judgement) -> tuple[float | None, float | None]:
    if judgement.verdict is Verdict.ACCEPTED:
        return _edit_times(judgement)
    return _measured_times(judgement)


def _times(judgement: Judgement) -> str:
    before, after = _shown_times(judgement)
    if before is None and after is None:
        return ""
    return " → ".join("none" if s is None else format_seconds(s) for s in (before, after))


def _measured_times(judgement: Judgement) -> tuple[float | None, float | None]:
    deciding = judgement.comparisons[0] if judgement.comparisons else None
    if deciding is not None and deciding.reference_s is not None:
        return deciding.reference_s, deciding.candidate_s or judgement.candidate_s
    before = judgement.baseline.median_s if judgement.baseline is not None else None
    return before, judgement.candidate_s


# --- below the tables ---------------------------------------------------------------------------


def _is_waived(judgement: Judgement) -> bool:
    return judgement.reason is Reason.WAIVED or bool(judgement.waiver_expires)


def _waiver(judgement: Judgement) -> Sentence:
    effect = _effect(judgement)
    size = f" ({format_ratio(effect)})" if effect is not None else ""
    expires: Sentence = (" without an end",)
    if judgement.waiver_expires:
        expires = (" until ", Quoted(shorten(judgement.waiver_expires, 40)))
    reason: Sentence = (": ", Quoted(judgement.message)) if judgement.message else ()
    return (Quoted(judgement.benchmark), f"{size} is waived", *expires, *reason, ".")


def _capped(lines: Sequence[Sentence], what: str) -> tuple[Sentence, ...]:
    if len(lines) <= _LINES_LIMIT:
        return tuple(lines)
    shown = lines[: _LINES_LIMIT - 1]
    return (*shown, (f"And {len(lines) - len(shown)} more {what}.",))
