"""``perfgate compare``: judge result files without measuring anything."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from perfgate.baselines.store import load_baselines, nearest_environment, parse_baselines
from perfgate.commands.selection import check_complete, with_own_suites
from perfgate.config import Config
from perfgate.errors import UndecidedError, UsageError
from perfgate.gate import exit_status, fails_on, judge, shift_note
from perfgate.git import open_repository
from perfgate.measure.environment import describe_environment
from perfgate.model import (
    Baseline,
    Benchmark,
    Evidence,
    Note,
    NoteKind,
    Report,
    Results,
)
from perfgate.readers.files import read_results

__all__ = ["against_baselines", "compare", "finished_report"]


def compare(
    current: Path,
    against: str | None,
    config: Config,
    environ: Mapping[str, str],
    *,
    is_here: bool = False,
) -> Report:
    """Judge a result file against another one, a folder of baselines, or those of a revision.

    Args:
        current: A result file in any supported format.
        against: A file, a folder, or a git revision; None: the project's own ``baselines/``.
        config: Thresholds, limits and waivers.
        environ: Passed on to git.
        is_here: The files were measured on this machine, where they do not name another.

    Raises:
        InputFileError: a file cannot be read.
        UsageError: ``against`` is no file, folder or revision.
        ConfigError: a configured suite matches no file.
        UndecidedError: there is nothing to compare with.
    """
    here = describe_environment("") if is_here else None
    results = with_own_suites(read_results(current, here), config)
    if against is not None and Path(against).is_file():
        other = with_own_suites(read_results(Path(against), here), config)
        return _against_file(results, other, config)
    check_complete(results, current)
    if against is None or Path(against).is_dir():
        folder = config.root / "baselines" if against is None else Path(against)
        return against_baselines(results, _from_folder(folder, results), config)
    return against_baselines(results, _from_revision(against, results, config, environ), config)


def _against_file(results: Results, other: Results, config: Config) -> Report:
    theirs = {one.id: one for one in other.benchmarks if one.failure is None}
    mine, reference = results.environment.cpu_model, other.environment.cpu_model
    other_cpu = reference if mine and reference and mine != reference else ""
    order = dict.fromkeys([*(one.id for one in results.benchmarks), *theirs])
    suites = {one.id: one.suite for one in (*other.benchmarks, *results.benchmarks)}
    evidence = tuple(
        Evidence(benchmark=name, suite=suites[name], other=theirs.get(name), other_cpu=other_cpu)
        for name in order
    )
    notes = []
    if any(_is_single(one) for one in (*results.benchmarks, *other.benchmarks)):
        notes.append(Note(kind=NoteKind.SINGLE_PROCESS))
    if other_cpu:
        notes.append(Note(kind=NoteKind.OTHER_HARDWARE, facts=(mine, reference)))
    return finished_report(evidence, results, config, notes=notes)


def _is_single(benchmark: Benchmark) -> bool:
    return len(benchmark.runs) == 1


Known = tuple[Mapping[str, tuple[str, Baseline]], str]
"""Suite and baseline by benchmark, and the environment they are of."""


def _from_folder(folder: Path, results: Results) -> Known:
    key = results.environment.key
    nearest = key if load_baselines(folder, key) else nearest_environment(folder, key)
    files = load_baselines(folder, nearest) if nearest else ()
    known = {name: (file.suite, line) for file in files for name, line in file.baselines.items()}
    return known, nearest or ""


def _from_revision(
    revision: str, results: Results, config: Config, environ: Mapping[str, str]
) -> Known:
    repository = open_repository(config.root, environ)
    commit = repository.commit(revision) if repository else None
    if repository is None or commit is None:
        raise UsageError(f"--against {revision}: neither a file, a folder nor a commit")
    folder = f"baselines/{results.environment.key}"
    known: dict[str, tuple[str, Baseline]] = {}
    for path in repository.list_files(commit, folder):
        content = repository.read(commit, path)
        if path.endswith(".json") and content is not None:
            file = parse_baselines(content, f"{revision}:{path}")
            known |= {name: (file.suite, line) for name, line in file.baselines.items()}
    return known, results.environment.key if known else ""


def against_baselines(results: Results, known: Known, config: Config) -> Report:
    """Judge results by committed numbers alone.

    Raises:
        UndecidedError: there are no baselines at all.
    """
    baselines, environment = known
    if not baselines:
        raise UndecidedError(
            "no baselines to compare with: record some with "
            "`perfgate update-baselines --reason TEXT`"
        )
    other = "" if environment == results.environment.key else environment
    suites = {name: suite for name, (suite, _) in baselines.items()}
    suites |= {one.id: one.suite for one in results.benchmarks}
    evidence = tuple(
        Evidence(
            benchmark=name,
            suite=suite,
            baseline=baselines[name][1] if name in baselines else None,
            baseline_environment=other if name in baselines else "",
        )
        for name, suite in sorted(suites.items())
    )
    return finished_report(evidence, results, config, notes=_baseline_notes(evidence, results))


def _baseline_notes(evidence: Sequence[Evidence], results: Results) -> list[Note]:
    notes = []
    here = results.environment.cpu_model
    others = {
        one.baseline.cpu
        for one in evidence
        if one.baseline and not results.environment.is_same_hardware(one.baseline.cpu)
    }
    if any(one.baseline_environment for one in evidence):
        names = {one.baseline_environment for one in evidence if one.baseline_environment}
        notes.append(Note(kind=NoteKind.OTHER_ENVIRONMENT, facts=tuple(sorted(names))))
    elif others:
        notes.append(Note(kind=NoteKind.OTHER_HARDWARE, facts=(here, *sorted(others))))
    if any(_is_single(one) for one in results.benchmarks):
        notes.append(Note(kind=NoteKind.SINGLE_PROCESS))
    return notes


def finished_report(
    evidence: Sequence[Evidence],
    results: Results,
    config: Config,
    *,
    notes: Sequence[Note] = (),
    is_default_branch: bool = False,
) -> Report:
    """Judge, and put everything that the verdicts rest on into one report."""
    judgements = judge(evidence, results, config, is_default_branch=is_default_branch)
    failing = fails_on(config, is_default_branch=is_default_branch)
    undecided_fails = config.undecided.value == "fail"
    shift = shift_note(judgements)
    return Report(
        evidence=tuple(evidence),
        results=results,
        judgements=judgements,
        is_default_branch=is_default_branch,
        fails_on=failing,
        undecided_fails=undecided_fails,
        notes=(*notes, shift) if shift else tuple(notes),
        exit_status=exit_status(judgements, failing, undecided_fails=undecided_fails),
    )
