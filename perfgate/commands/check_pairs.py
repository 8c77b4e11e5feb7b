"""``perfgate check`` where old code runs beside the new one: by pairs, and by counts of both."""

import functools
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import msgspec

from perfgate.commands.approved import Approved, read_approved
from perfgate.commands.causes import with_explanations
from perfgate.commands.compare import finished_report
from perfgate.commands.counting import (
    count_side,
    counted_again,
    counts_here,
    suspects,
    uncounted_notes,
    with_counts,
)
from perfgate.commands.pairing import Pairing, PairJob, References, measure_pairs
from perfgate.commands.run import Machine, own_side, suite_plan
from perfgate.commands.trees import Trees, optional_side
from perfgate.config import Config, Suite, check_limits
from perfgate.errors import UndecidedError
from perfgate.git import Repository
from perfgate.measure.environment import describe_environment
from perfgate.measure.lockstep import Side, available_cpus
from perfgate.measure.process import collect_suites
from perfgate.measure.references import Reference, current_revision, find_merge_base, read_event
from perfgate.measure.worker import CollectedBenchmark, Collection
from perfgate.model import (
    Benchmark,
    Counts,
    Environment,
    Evidence,
    Failure,
    FailureKind,
    Note,
    NoteKind,
    Report,
    Results,
    Revision,
)

__all__ = ["check_by_pairs"]

_SHARE_FOR_COUNTS: Final = 0.5
"""Of the budget, where pairs took it all: counting looks at what the clock could not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What is checked, and what it is held against."""

    config: Config
    suites: tuple[Suite, ...]
    machine: Machine
    reference: Reference
    revision: Revision
    environment: Environment
    collections: Mapping[str, Collection]
    approved: Approved
    deadline_s: float
    """On the monotonic clock."""


def check_by_pairs(
    config: Config,
    suites: tuple[Suite, ...],
    machine: Machine,
    repository: Repository,
    *,
    base: str | None,
) -> Report:
    """Measure the candidate beside the merge base and the approved code, and judge it.

    Args:
        config: the settings.
        suites: those to check.
        machine: where, and how progress is told.
        repository: where the old code is.
        base: the revision to compare with; None: the merge base, as git and CI tell it.

    Raises:
        UndecidedError: nothing was measured.
        MeasurementError: a suite could not start, or measuring was refused.
        ReferenceTreeError: the code to compare with cannot be had.
        UsageError: a revision is wrong.
        ConfigError: a limit names something that does not exist.
    """
    reference = find_merge_base(
        repository, base=base, environ=machine.environ, event=read_event(machine.environ)
    )
    change = _change(config, suites, machine, repository, reference)
    with ExitStack() as stack:
        trees = Trees(
            config=config,
            machine=machine,
            repository=repository,
            paths=tuple(path for suite in suites for path in suite.paths),
            stack=stack,
        )
        job = _job(change, trees)
        pairing = measure_pairs(job, config, machine.progress)
        report = with_explanations(_judged(change, job, pairing, trees), job, machine.progress)
    commit = reference.base_commit
    return msgspec.structs.replace(report, base=Revision(commit=commit) if commit else None)


def _change(
    config: Config,
    suites: tuple[Suite, ...],
    machine: Machine,
    repository: Repository,
    reference: Reference,
) -> _Change:
    revision = current_revision(repository)
    deadline_s = time.monotonic() + config.budget_s
    collections = collect_suites(suite_plan(config, suites, machine))
    version = next((found.pytest_benchmark for found in collections.values()), "")
    environment = describe_environment(version)
    return _Change(
        config=config,
        suites=suites,
        machine=machine,
        reference=reference,
        revision=revision,
        environment=environment,
        collections=collections,
        approved=read_approved(config, environment, repository, reference.base_commit),
        deadline_s=deadline_s,
    )


# --- what to measure ---------------------------------------------------------------------------


def _job(change: _Change, trees: Trees) -> PairJob:
    places: dict[str, CollectedBenchmark] = {}
    suites: dict[str, str] = {}
    for suite, found in change.collections.items():
        for place in found.benchmarks:
            places[place.id] = place
            suites[place.id] = suite
    commit = change.reference.base_commit
    base = trees.side(commit, "merge base") if commit is not None else None
    return PairJob(
        candidate=own_side(change.config, change.machine),
        references=_references(trees, base, change.approved.commits, places),
        places=places,
        suites=suites,
        files=trees.paths,
        environ=change.machine.environ,
        commits=trees.commits(),
        timeout_s=change.config.timeout_s,
        rounds=change.config.rounds,
        measures_memory=change.config.measures_memory,
        deadline_s=change.deadline_s,
        seed=change.machine.seed,
    )


def _references(
    trees: Trees, base: Side | None, commits: Mapping[str, str | None], names: Iterable[str]
) -> dict[str, References]:
    """Return what each benchmark is held against; each distinct commit is checked out once."""
    wanted = {commit for name in names if (commit := commits.get(name)) is not None}
    sides = {commit: optional_side(trees, commit, "approved") for commit in sorted(wanted)}
    found = {}
    for name in names:
        commit = commits.get(name)
        side = sides[commit] if commit is not None else None
        found[name] = References(merge_base=base, approved=None if side == base else side)
    return found


# --- what was measured -------------------------------------------------------------------------


def _judged(change: _Change, job: PairJob, pairing: Pairing, trees: Trees) -> Report:
    counted, base_counts = _counted(change, job, pairing.benchmarks(job))
    benchmarks = (*counted, *_broken(change.collections))
    if not benchmarks and not pairing.out_of_budget:
        raise UndecidedError(
            "nothing was measured: no test in the suites uses the benchmark fixture"
        )
    check_limits(change.config, benchmarks)
    return finished_report(
        tuple(_evidence(change, job, pairing, benchmarks, base_counts)),
        Results(environment=change.environment, revision=change.revision, benchmarks=benchmarks),
        change.config,
        notes=[
            *_notes(trees, pairing, change.revision),
            *uncounted_notes(change.config, benchmarks, change.machine.environ),
        ],
        is_default_branch=change.reference.is_default_branch,
    )


def _counted(
    change: _Change, job: PairJob, benchmarks: tuple[Benchmark, ...]
) -> tuple[tuple[Benchmark, ...], Mapping[str, Counts]]:
    """Count the candidate, and the merge base where the candidate takes more than approved."""
    config, machine = change.config, change.machine
    if not counts_here(config, machine.environ):
        return benchmarks, {}

    def count(side: Side, names: Iterable[str]) -> Mapping[str, Counts]:
        return count_side(
            side,
            change.suites,
            config,
            machine.environ,
            machine.progress,
            names=frozenset(names),
            deadline_s=max(job.deadline_s, time.monotonic() + _SHARE_FOR_COUNTS * config.budget_s),
        )

    lines = change.approved.lines
    counted = with_counts(benchmarks, count(job.candidate, [one.id for one in benchmarks]))
    counted = counted_again(counted, lines, config, functools.partial(count, job.candidate))
    base = next((one.merge_base for one in job.references.values() if one.merge_base), None)
    more = suspects(counted, lines, config)
    return counted, count(base, more) if base is not None else {}


def _broken(collections: Mapping[str, Collection]) -> tuple[Benchmark, ...]:
    """Return a file that could not be collected as a benchmark that failed."""
    return tuple(
        Benchmark(
            id=name or suite,
            suite=suite,
            failure=Failure(kind=FailureKind.RAISED, message=text),
            path=name.split("::")[0],
        )
        for suite, found in collections.items()
        for name, text in found.errors
    )


def _evidence(
    change: _Change,
    job: PairJob,
    pairing: Pairing,
    benchmarks: tuple[Benchmark, ...],
    base_counts: Mapping[str, Counts],
) -> Iterator[Evidence]:
    known = {one.id: one.suite for one in benchmarks}
    late = {name: job.suites[name] for name in pairing.out_of_budget}
    for evidence in change.approved.evidence({**known, **late}, change.suites):
        name = evidence.benchmark
        counts = base_counts.get(name)
        yield msgspec.structs.replace(
            evidence,
            pairs=pairing.samples(name, job) if name in job.references else (),
            is_out_of_budget=name in pairing.out_of_budget,
            base_counts=counts,
            base_commit=change.reference.base_commit or "" if counts else "",
        )


def _notes(trees: Trees, pairing: Pairing, revision: Revision) -> list[Note]:
    notes = [Note(kind=NoteKind.DIRTY)] if revision.is_dirty else []
    found = {
        NoteKind.REFERENCE_DROPPED: trees.dropped,
        NoteKind.REFERENCE_FAILED: [f"{name}: {why}" for name, why in pairing.dropped.items()],
        NoteKind.REFERENCE_ALTERED: trees.warnings,
    }
    notes += [Note(kind=kind, facts=tuple(facts)) for kind, facts in found.items() if facts]
    if pairing.out_of_budget:
        left = f"{len(pairing.out_of_budget)} benchmarks were left"
        notes.append(Note(kind=NoteKind.BUDGET, facts=(left,)))
    if available_cpus() == (None,):
        notes.append(Note(kind=NoteKind.UNPINNED))
    return notes
