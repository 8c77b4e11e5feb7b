"""``perfgate merge``: shards and matrix legs of one change in one report."""

from collections.abc import Sequence

import msgspec

from perfgate.errors import InputFileError, UndecidedError
from perfgate.gate import exit_status
from perfgate.model import Evidence, Judgement, Report, Results

__all__ = ["merge_reports"]


def merge_reports(legs: Sequence[tuple[str, Report]], *, expected: int | None) -> Report:
    """Combine reports, each with the name of its file.

    Legs in different environments keep their benchmarks apart by the environment's name; shards of
    one environment must not hold the same benchmark twice.

    Raises:
        UndecidedError: a leg is missing.
        InputFileError: legs are of different commits, or hold the same benchmark.
    """
    if expected is not None and len(legs) != expected:
        raise UndecidedError(f"{len(legs)} legs where {expected} were expected: one is missing")
    first_source, first = legs[0]
    for source, leg in legs[1:]:
        if leg.results.revision.commit != first.results.revision.commit:
            raise InputFileError(
                source, "results.revision.commit", f"is not that of {first_source}"
            )
    keys = {leg.results.environment.key for _, leg in legs}
    named = [(source, _named(leg) if len(keys) > 1 else leg) for source, leg in legs]
    _check_distinct(named)
    judgements = tuple(one for _, leg in named for one in leg.judgements)
    failing = tuple(dict.fromkeys(verdict for _, leg in named for verdict in leg.fails_on))
    undecided_fails = any(leg.undecided_fails for _, leg in named)
    own = exit_status(judgements, failing, undecided_fails=undecided_fails)
    statuses = {leg.exit_status for _, leg in named} | {own}
    return msgspec.structs.replace(
        first,
        evidence=tuple(one for _, leg in named for one in leg.evidence),
        results=_results([leg.results for _, leg in named]),
        judgements=judgements,
        fails_on=failing,
        undecided_fails=undecided_fails,
        notes=tuple(dict.fromkeys(note for _, leg in named for note in leg.notes)),
        exit_status=1 if 1 in statuses else max(statuses),
        duration_s=max((leg.duration_s or 0.0 for _, leg in named), default=None),
    )


def _results(parts: Sequence[Results]) -> Results:
    return msgspec.structs.replace(
        parts[0],
        benchmarks=tuple(one for part in parts for one in part.benchmarks),
        legs=tuple(leg for part in parts for leg in (part.legs or (part.environment.key,))),
    )


def _named(leg: Report) -> Report:
    """Put the environment behind each benchmark's name."""
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


def _check_distinct(legs: Sequence[tuple[str, Report]]) -> None:
    owners: dict[str, str] = {}
    for source, leg in legs:
        for judgement in leg.judgements:
            if judgement.benchmark in owners:
                other = owners[judgement.benchmark]
                raise InputFileError(source, judgement.benchmark, f"is in {other} as well")
            owners[judgement.benchmark] = source
