"""``perfgate check``: measure, hold against the references, judge."""

import enum
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import msgspec

from perfgate.baselines.provenance import approved_commits, edited_baselines
from perfgate.baselines.store import baseline_path, load_baselines, nearest_environment
from perfgate.commands.causes import with_explanations
from perfgate.commands.compare import finished_report
from perfgate.commands.counting import (
    check_counters,
    count_side,
    counts_here,
    suspects,
    uncounted_notes,
    with_counts,
)
from perfgate.commands.pairing import Pairing, PairJob, References, measure_pairs
from perfgate.commands.run import Machine, measure, own_side, suite_plan
from perfgate.commands.selection import select_suites
from perfgate.commands.trees import Trees, optional_side
from perfgate.config import Config, Suite, check_limits, check_waivers
from perfgate.errors import UndecidedError, UsageError
from perfgate.git import Repository, open_repository
from perfgate.measure.environment import describe_environment
from perfgate.measure.lockstep import Side, available_cpus
from perfgate.measure.process import collect_suites
from perfgate.measure.references import Reference, current_revision, find_merge_base, read_event
from perfgate.measure.worker import CollectedBenchmark, Collection
from perfgate.model import (
    Baseline,
    BaselineEdit,
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
    suite_name,
)

__all__ = ["CheckOptions", "Paired", "check"]


_SHARE_FOR_COUNTS: Final = 0.5
"""Of the budget, where pairs took it all: counting looks at what the clock could not."""


class Paired(enum.Enum):
    """Whether old code is run beside the new one."""

    AUTO = "auto"
    """Where there is a git repository."""
    ALWAYS = "always"
    """Or fail."""
    NEVER = "never"
    """Committed numbers alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What the command line asks for."""

    suites: tuple[str, ...] = ()
    base: str | None = None
    paired: Paired = Paired.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class _Approved:
    """What the repository says was approved, before and by this change."""

    baselines: Mapping[str, tuple[str, Baseline]]
    """Suite and line by benchmark; of edited lines the old one."""
    edits: Mapping[str, BaselineEdit]
    commits: Mapping[str, str | None]
    environment: str
    """Where the baselines are from, if not from this environment; else empty."""


def check(config: Config, options: CheckOptions, machine: Machine) -> Report:
    """Measure the candidate and judge it.

    Raises:
        UndecidedError: there are no suites, or nothing was measured.
        MeasurementError: a suite could not start, or measuring was refused.
        ReferenceTreeError: the code to compare with cannot be had.
        UsageError: a suite's name or a revision is wrong.
        ConfigError: a waiver or limit names something that does not exist.
    """
    start_s = time.monotonic()
    check_counters(config, machine.environ)
    suites = select_suites(config, options.suites)
    repository = open_repository(config.root, machine.environ)
    if options.paired is Paired.NEVER or repository is None:
        if options.paired is Paired.ALWAYS:
            raise UsageError("--paired always needs a git repository: there is no other code here")
        report = _by_numbers(config, suites, options, machine, repository)
    else:
        report = _by_pairs(config, suites, options, machine, repository)
    if not options.suites:
        check_waivers(config, [one.benchmark for one in report.evidence])
    return msgspec.structs.replace(report, duration_s=time.monotonic() - start_s)


# --- committed numbers alone -------------------------------------------------------------------


def _by_numbers(
    config: Config,
    suites: tuple[Suite, ...],
    options: CheckOptions,
    machine: Machine,
    repository: Repository | None,
) -> Report:
    # Before measuring: a damaged file is told at once.
    approved = _approved(config, describe_environment(""), repository, None)
    results = measure(config, options.suites, machine, processes=config.processes)
    notes = [] if repository else [Note(kind=NoteKind.NO_REPOSITORY)]
    notes += _hardware_notes(approved, results)
    notes += uncounted_notes(config, results.benchmarks, machine.environ)
    evidence = tuple(
        _evidence(name, suite, approved)
        for name, suite in _everything(results.benchmarks, approved, suites).items()
    )
    return finished_report(evidence, results, config, notes=notes)


def _hardware_notes(approved: _Approved, results: Results) -> list[Note]:
    if approved.environment:
        return [Note(kind=NoteKind.OTHER_ENVIRONMENT, facts=(approved.environment,))]
    cpus = {
        line.cpu
        for _, line in approved.baselines.values()
        if not results.environment.is_same_hardware(line.cpu)
    }
    if not cpus:
        return []
    here = results.environment.cpu_model or "unknown"
    return [Note(kind=NoteKind.OTHER_HARDWARE, facts=(here, *sorted(cpus)))]


def _everything(
    benchmarks: tuple[Benchmark, ...], approved: _Approved, suites: tuple[Suite, ...]
) -> dict[str, str]:
    """Return the suite of every benchmark that was measured, or approved in a chosen suite."""
    chosen = {suite.name for suite in suites}
    measured = {one.id: one.suite for one in benchmarks}
    known = {name: suite for name, (suite, _) in approved.baselines.items() if suite in chosen}
    return measured | {name: suite for name, suite in known.items() if name not in measured}


def _evidence(name: str, suite: str, approved: _Approved) -> Evidence:
    baseline = approved.baselines.get(name)
    return Evidence(
        benchmark=name,
        suite=suite,
        baseline=baseline[1] if baseline else None,
        baseline_environment=approved.environment if baseline else "",
        edit=approved.edits.get(name),
    )


def _approved(
    config: Config,
    environment: Environment,
    repository: Repository | None,
    base_commit: str | None,
) -> _Approved:
    folder = config.root / "baselines"
    key = environment.key
    nearest = key if load_baselines(folder, key) else nearest_environment(folder, key)
    files = load_baselines(folder, nearest) if nearest else ()
    lines = {name: (file.suite, line) for file in files for name, line in file.baselines.items()}
    other = "" if nearest == key else nearest or ""
    if repository is None:
        return _Approved(baselines=lines, edits={}, commits={}, environment=other)
    paths = [baseline_path(folder, nearest or key, file.suite) for file in files]
    edits = dict(edited_baselines(repository, base_commit, paths)) if base_commit else {}
    for name, edit in edits.items():
        if edit.old is not None:
            suite = lines[name][0] if name in lines else suite_name(name.partition("::")[0])
            lines[name] = (suite, edit.old)
        else:
            lines.pop(name, None)
    commits = approved_commits(repository, paths)
    return _Approved(
        baselines=lines,
        edits=edits,
        # What this change itself approves is the candidate's own code: nothing to compare with.
        commits={name: commit for name, commit in commits.items() if name not in edits},
        environment=other,
    )


# --- pairs -------------------------------------------------------------------------------------


def _by_pairs(
    config: Config,
    suites: tuple[Suite, ...],
    options: CheckOptions,
    machine: Machine,
    repository: Repository,
) -> Report:
    reference = find_merge_base(
        repository,
        base=options.base,
        environ=machine.environ,
        event=read_event(machine.environ),
    )
    revision = current_revision(repository)
    deadline_s = time.monotonic() + config.budget_s
    collections = collect_suites(suite_plan(config, suites, machine))
    version = next((found.pytest_benchmark for found in collections.values()), "")
    environment = describe_environment(version)
    is_default = reference.is_default_branch
    base_commit = None if is_default else reference.commit
    approved = _approved(config, environment, repository, base_commit)
    with ExitStack() as stack:
        trees = Trees(
            config=config,
            machine=machine,
            repository=repository,
            paths=tuple(path for suite in suites for path in suite.paths),
            stack=stack,
        )
        job = _job(config, machine, trees, collections, approved, reference, deadline_s)
        pairing = measure_pairs(job, config, machine.progress)
        benchmarks, base_counts = _counted(
            pairing.benchmarks(job), suites, config, machine, job, approved
        )
        benchmarks = (*benchmarks, *_broken(collections))
        if not benchmarks and not pairing.out_of_budget:
            raise UndecidedError(
                "nothing was measured: no test in the suites uses the benchmark fixture"
            )
        check_limits(config, benchmarks)
        results = Results(environment=environment, revision=revision, benchmarks=benchmarks)
        late = {name: job.suites[name] for name in pairing.out_of_budget}
        known = (_everything(benchmarks, approved, suites) | late).items()
        evidence = (
            _paired_evidence(_evidence(name, suite, approved), job, pairing)
            for name, suite in known
        )
        report = finished_report(
            [_with_counts(one, base_counts, base_commit) for one in evidence],
            results,
            config,
            notes=[
                *_pair_notes(trees, pairing, revision),
                *uncounted_notes(config, benchmarks, machine.environ),
            ],
            is_default_branch=is_default,
        )
        report = with_explanations(report, job, machine.progress)
    return msgspec.structs.replace(
        report, base=Revision(commit=base_commit) if base_commit else None
    )


def _paired_evidence(evidence: Evidence, job: PairJob, pairing: Pairing) -> Evidence:
    name = evidence.benchmark
    return msgspec.structs.replace(
        evidence,
        pairs=pairing.samples(name, job) if name in job.references else (),
        is_out_of_budget=name in pairing.out_of_budget,
    )


def _with_counts(
    evidence: Evidence, base_counts: Mapping[str, Counts], base_commit: str | None
) -> Evidence:
    counts = base_counts.get(evidence.benchmark)
    if counts is None:
        return evidence
    return msgspec.structs.replace(evidence, base_counts=counts, base_commit=base_commit or "")


def _counted(
    benchmarks: tuple[Benchmark, ...],
    suites: tuple[Suite, ...],
    config: Config,
    machine: Machine,
    job: PairJob,
    approved: _Approved,
) -> tuple[tuple[Benchmark, ...], Mapping[str, Counts]]:
    """Count the candidate, and the merge base where the candidate takes more than approved."""
    if not counts_here(config, machine.environ):
        return benchmarks, {}

    def count(side: Side, names: Iterable[str]) -> Mapping[str, Counts]:
        return count_side(
            side,
            suites,
            config,
            machine.environ,
            machine.progress,
            names=frozenset(names),
            deadline_s=max(job.deadline_s, time.monotonic() + _SHARE_FOR_COUNTS * config.budget_s),
        )

    counted = with_counts(benchmarks, count(job.candidate, [one.id for one in benchmarks]))
    lines = {name: line for name, (_, line) in approved.baselines.items()}
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


def _job(  # noqa: PLR0913, PLR0917 - private, called once
    config: Config,
    machine: Machine,
    trees: Trees,
    collections: Mapping[str, Collection],
    approved: _Approved,
    reference: Reference,
    deadline_s: float,
) -> PairJob:
    places: dict[str, CollectedBenchmark] = {}
    suites: dict[str, str] = {}
    for suite, found in collections.items():
        for place in found.benchmarks:
            places[place.id] = place
            suites[place.id] = suite
    base = None
    if reference.commit is not None and not reference.is_default_branch:
        base = trees.side(reference.commit, "merge base")
    return PairJob(
        candidate=own_side(config, machine),
        references=_references(trees, base, approved.commits, places),
        places=places,
        suites=suites,
        files=trees.paths,
        environ=machine.environ,
        commits=trees.commits(),
        timeout_s=config.timeout_s,
        rounds=config.rounds,
        measures_memory=config.measures_memory,
        deadline_s=deadline_s,
        seed=machine.seed,
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


def _pair_notes(trees: Trees, pairing: Pairing, revision: Revision) -> list[Note]:
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
