"""What stands below the tables: doubts, what could have been found, the machine, the code."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from perfgate.model import Environment, Judgement, Note, NoteKind, ReferenceKind, Revision
from perfgate.report.sentences import name_commit, name_cpu
from perfgate.report.text import Quoted, Sentence, join, plain, shorten
from perfgate.units import format_ratio

__all__ = ["approved_code", "findable", "footnote", "name_count", "revision", "where"]

_SHOWN: Final = 6
"""Facts of one kind that are named before the rest is only counted."""
_NOTES: Final[Mapping[NoteKind, str]] = {
    NoteKind.SINGLE_PROCESS: (
        "One side ran in a single process, so how much processes differ is unknown: "
        "the threshold alone decided."
    ),
    NoteKind.OTHER_HARDWARE: "Some baselines come from another CPU; their times were not compared.",
    NoteKind.OTHER_ENVIRONMENT: (
        "This environment has no baselines; those of the nearest one say what was approved, "
        "and their times were not compared."
    ),
    NoteKind.DIRTY: "The working tree had changes that are not committed.",
    NoteKind.SHIFTED: "Nearly all benchmarks moved in the same direction.",
    NoteKind.REFERENCE_DROPPED: "The approved code could not be had; the merge base served alone.",
    NoteKind.REFERENCE_FAILED: "Some benchmarks do not run on the old code.",
    NoteKind.REFERENCE_ALTERED: "The old code did not run with all that it had then.",
    NoteKind.NO_REPOSITORY: "No git repository was found, so only committed times could be used.",
    NoteKind.BUDGET: "The time budget ran out before everything was measured.",
    NoteKind.UNCOUNTED: "Instructions were not counted, and time decides alone.",
    NoteKind.UNEXPLAINED: "Which functions became slower was not found out everywhere.",
    NoteKind.UNPINNED: "The processes could not be pinned to one CPU, which makes times noisier.",
}


def footnote(note: Note) -> Sentence:
    """Write a footnote with the facts that belong to it."""
    facts = _facts([fact for fact in note.facts if fact.strip()])
    return (_NOTES[note.kind], *facts)


def _facts(facts: Sequence[str]) -> Sentence:
    if not facts:
        return ()
    shown = facts[:_SHOWN]
    rest = f", and {len(facts) - len(shown)} more)" if len(facts) > len(shown) else ")"
    quoted = join([(Quoted(fact),) for fact in shown], ", ")
    return (" (", *quoted, rest)


def where(environments: Sequence[Environment]) -> Sentence:
    """Name the machines that measured."""
    shown = [_where(one) for one in environments[:_SHOWN]]
    rest = len(environments) - len(shown)
    return ("Measured on ", *join(shown, "; on "), f"; and on {rest} more" if rest else "")


def _where(environment: Environment) -> Sentence:
    cpus = f" with {environment.cpu_count} CPUs" if environment.cpu_count else ""
    return (*name_cpu(environment.cpu_model), f"{cpus}, ", Quoted(environment.key))


def revision(state: Revision) -> Sentence:
    """Name a state of the code by commit and branch; empty without a repository."""
    commit = name_commit(state.commit)
    if not commit:
        return ()
    branch: Sentence = (" on ", Quoted(shorten(state.branch, 80))) if state.branch.strip() else ()
    return (*commit, *branch, " with uncommitted changes" if state.is_dirty else "")


def approved_code(judgements: Iterable[Judgement]) -> Sentence:
    """Name the approved commits that were measured; empty where none was."""
    commits = dict.fromkeys(
        comparison.commit
        for judgement in judgements
        for comparison in judgement.comparisons
        if comparison.reference is ReferenceKind.APPROVED and comparison.commit
    )
    if not commits:
        return ()
    if len(commits) == 1:
        return ("the approved code ", *name_commit(*commits))
    return (
        f"the approved code of {len(commits)} commits",
        *_facts([plain(name_commit(commit)) for commit in commits]),
    )


def findable(judgements: Sequence[Judgement]) -> tuple[Sentence, ...]:
    """Say what the run could have found, over the comparisons that decided."""
    deciding = [j.comparisons[0].smallest_findable for j in judgements if j.comparisons]
    known = [effect for effect in deciding if effect is not None]
    unknown = len(deciding) - len(known)
    parts: list[Sentence] = []
    if known:
        median, worst = format_ratio(statistics.median(known)), format_ratio(max(known))
        smallest = f"{median} (median), {worst} (worst)"
        parts.append((f"The smallest slowdown that this run could have found: {smallest}.",))
    if unknown:
        parts.append(
            (f"For {name_count(unknown)} it is unknown.",)
            if known
            else ("Which slowdown this run could have found is unknown.",)
        )
    return (join(parts),) if parts else ()


def name_count(count: int) -> str:
    """Count benchmarks in words: 1 benchmark, 2 benchmarks."""
    return f"{count} benchmark" if count == 1 else f"{count} benchmarks"
