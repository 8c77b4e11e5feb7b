"""``perfgate merge``: shards and matrix legs of one change in one report."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from perfgate.commands.selection import missing_shards
from perfgate.errors import InputFileError, UndecidedError, UsageError
from perfgate.gate import exit_status
from perfgate.model import Environment, Evidence, Judgement, Report, Results
from perfgate.readers.document import decode, read_document
from perfgate.readers.files import read_results
from perfgate.report.document import decode_report

__all__ = ["merge_files", "merge_reports", "merge_results"]


class _Kind(msgspec.Struct, frozen=True):
    judgements: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def merge_files(sources: Sequence[Path], *, expected: int | None) -> Report | Results:
    """Combine reports to a report, or results to results.

    Raises:
        InputFileError: a file cannot be read, or does not belong to the others.
        UsageError: a file is named twice, there are more than expected, or both kinds.
        UndecidedError: a leg is missing.
    """
    _check_count(sources, expected)
    reports: list[tuple[str, Report]] = []
    results: list[tuple[str, Results]] = []
    for source in sources:
        data = read_document(source)
        if data.lstrip().startswith(b"{") and decode(source, data, _Kind).judgements:
            reports.append((str(source), decode_report(data, str(source))))
        else:
            results.append((str(source), read_results(source)))
    if reports and results:
        raise UsageError(
            f"{reports[0][0]} is a report and {results[0][0]} holds results: merge one kind"
        )
    return merge_reports(reports) if reports else merge_results(results)


def _check_count(sources: Sequence[Path], expected: int | None) -> None:
    if len({source.resolve() for source in sources}) < len(sources):
        raise UsageError("a file is named twice")
    if expected is not None and len(sources) < expected:
        raise UndecidedError(f"{len(sources)} legs where {expected} were expected: one is missing")
    if expected is not None and len(sources) > expected:
        raise UsageError(f"{len(sources)} legs where --expect says {expected}")


def merge_results(legs: Sequence[tuple[str, Results]]) -> Results:
    """Combine the results of shards, each with the name of its file.

    Where the shards ran on different CPU models the whole has none, so that its numbers are
    compared with nothing that depends on it.

    Raises:
        UndecidedError: a shard is missing.
        InputFileError: they are of different environments or commits, or hold the same benchmark.
    """
    first_source, first = legs[0]
    _check_commits([(source, leg.revision.commit) for source, leg in legs])
    for source, leg in legs:
        if leg.environment.key != first.environment.key:
            problem = f"is of {leg.environment.key}, and {first_source} of {first.environment.key}"
            raise InputFileError(source, "environment", f"{problem}: merge their reports instead")
    _check_distinct([(source, one.id) for source, leg in legs for one in leg.benchmarks])
    names = tuple(name for source, leg in legs for name in leg.legs or (source,))
    missing = missing_shards(names)
    if missing:
        raise UndecidedError(f"{', '.join(missing)}: missing, while {', '.join(names)} is here")
    return msgspec.structs.replace(_results([leg for _, leg in legs]), legs=names)


def merge_reports(legs: Sequence[tuple[str, Report]]) -> Report:
    """Combine reports, each with the name of its file.

    Legs in different environments keep their benchmarks apart by the environment's name; legs of
    one environment must not hold the same benchmark twice.

    Raises:
        InputFileError: legs are of different commits, or hold the same benchmark.
    """
    _, first = legs[0]
    _check_commits([(source, leg.results.revision.commit) for source, leg in legs])
    results = _results([leg.results for _, leg in legs])
    named = [(source, _named(leg) if results.is_mixed else leg) for source, leg in legs]
    _check_distinct([(source, one.benchmark) for source, leg in named for one in leg.judgements])
    judgements = tuple(one for _, leg in named for one in leg.judgements)
    failing = tuple(dict.fromkeys(verdict for _, leg in named for verdict in leg.fails_on))
    undecided_fails = any(leg.undecided_fails for _, leg in named)
    own = exit_status(judgements, failing, undecided_fails=undecided_fails)
    statuses = {leg.exit_status for _, leg in named} | {own}
    return msgspec.structs.replace(
        first,
        evidence=tuple(one for _, leg in named for one in leg.evidence),
        results=msgspec.structs.replace(
            results, benchmarks=tuple(one for _, leg in named for one in leg.results.benchmarks)
        ),
        judgements=judgements,
        fails_on=failing,
        undecided_fails=undecided_fails,
        notes=tuple(dict.fromkeys(note for _, leg in named for note in leg.notes)),
        exit_status=1 if 1 in statuses else max(statuses),
        duration_s=max((leg.duration_s or 0.0 for _, leg in named), default=None),
    )


def _results(parts: Sequence[Results]) -> Results:
    """Put results together; where the CPUs of one environment differ, it has none that is known."""
    every = [one for part in parts for one in part.environments or (part.environment,)]
    by_key: dict[str, Environment] = {}
    for one in every:
        known = by_key.setdefault(one.key, one)
        if known.cpu_model != one.cpu_model:
            by_key[one.key] = msgspec.structs.replace(known, cpu_model="")
    is_mixed = len(by_key) > 1
    return msgspec.structs.replace(
        parts[0],
        environment=by_key[parts[0].environment.key],
        environments=tuple(by_key.values()) if is_mixed else (),
        benchmarks=tuple(one for part in parts for one in part.benchmarks),
        legs=tuple(leg for part in parts for leg in (part.legs or (part.environment.key,))),
    )


def _named(leg: Report) -> Report:
    """Put the environment behind each benchmark's name, where that is not done yet."""
    if leg.results.is_mixed:
        return leg
    suffix = f" ({leg.results.environment.key})"
    results = msgspec.structs.replace(
        leg.results,
        benchmarks=tuple(
            msgspec.structs.replace(one, id=one.id + suffix) for one in leg.results.benchmarks
        ),
    )
    return msgspec.structs.replace(
        leg,
        results=results,
        evidence=tuple(_renamed_evidence(one, suffix) for one in leg.evidence),
        judgements=tuple(_renamed_judgement(one, suffix) for one in leg.judgements),
    )


def _renamed_evidence(evidence: Evidence, suffix: str) -> Evidence:
    return msgspec.structs.replace(evidence, benchmark=evidence.benchmark + suffix)


def _renamed_judgement(judgement: Judgement, suffix: str) -> Judgement:
    return msgspec.structs.replace(judgement, benchmark=judgement.benchmark + suffix)


def _check_commits(legs: Sequence[tuple[str, str]]) -> None:
    first_source, first = legs[0]
    for source, commit in legs:
        if commit != first:
            mine, theirs = (one[:10] or "(unknown)" for one in (commit, first))
            problem = f"is of the commit {mine}, and {first_source} of {theirs}"
            raise InputFileError(source, "", problem)


def _check_distinct(benchmarks: Sequence[tuple[str, str]]) -> None:
    owners: dict[str, str] = {}
    for source, benchmark in benchmarks:
        if benchmark in owners:
            raise InputFileError(source, benchmark, f"is in {owners[benchmark]} as well")
        owners[benchmark] = source
