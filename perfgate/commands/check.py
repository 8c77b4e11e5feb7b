"""``perfgate check``: measure, hold against the references, judge."""

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from perfgate.commands.approved import Approved, read_approved
from perfgate.commands.check_pairs import check_by_pairs
from perfgate.commands.compare import finished_report
from perfgate.commands.counting import check_counters, count_side, counted_again, uncounted_notes
from perfgate.commands.run import Machine, measure, own_side
from perfgate.commands.selection import select_suites
from perfgate.config import Config, Suite, check_waivers
from perfgate.errors import UsageError
from perfgate.git import Repository, open_repository
from perfgate.measure.environment import describe_environment
from perfgate.model import Counts, Note, NoteKind, Report, Results

__all__ = ["CheckOptions", "Paired", "check"]


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
        report = check_by_pairs(config, suites, machine, repository, base=options.base)
    if not options.suites:
        check_waivers(config, [one.benchmark for one in report.evidence])
    return msgspec.structs.replace(report, duration_s=time.monotonic() - start_s)


def _by_numbers(
    config: Config,
    suites: tuple[Suite, ...],
    options: CheckOptions,
    machine: Machine,
    repository: Repository | None,
) -> Report:
    """Judge by committed numbers alone."""
    # Before measuring: a damaged file is told at once.
    approved = read_approved(config, describe_environment(""), repository, None)
    results = measure(config, options.suites, machine, processes=config.processes)
    results = _counted_again(results, approved, config, suites, machine)
    measured = {one.id: one.suite for one in results.benchmarks}
    return finished_report(
        approved.evidence(measured, suites),
        results,
        config,
        notes=[
            *([] if repository else [Note(kind=NoteKind.NO_REPOSITORY)]),
            *_hardware_notes(approved, results),
            *uncounted_notes(config, results.benchmarks, machine.environ),
        ],
    )


def _counted_again(
    results: Results,
    approved: Approved,
    config: Config,
    suites: tuple[Suite, ...],
    machine: Machine,
) -> Results:
    def count(names: frozenset[str]) -> Mapping[str, Counts]:
        side = own_side(config, machine)
        return count_side(side, suites, config, machine.environ, machine.progress, names=names)

    counted = counted_again(results.benchmarks, approved.lines, config, count)
    return msgspec.structs.replace(results, benchmarks=counted)


def _hardware_notes(approved: Approved, results: Results) -> list[Note]:
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
