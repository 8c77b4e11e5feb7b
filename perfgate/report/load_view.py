"""A load for people: every number formatted and every sentence built, for whatever shows it."""

import dataclasses
from typing import Final

from perfgate.load_run import Demand, DemandKind, LoadEngine, LoadOutcome, LoadRun, Series
from perfgate.report.text import Quoted, Sentence
from perfgate.units import (
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_seconds,
)

__all__ = ["LoadRow", "LoadView", "build_load_view"]

_UNKNOWN: Final = "?"
_OUTCOMES: Final = {
    LoadOutcome.PASSED: "passed",
    LoadOutcome.FAILED: "failed",
    LoadOutcome.INCONCLUSIVE: "inconclusive",
}
_COLUMNS: Final = ("mean", "p50", "p90", "p95", "p99", "max")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """The operations of one name."""

    name: Quoted | str
    count: str
    failed: str
    times: tuple[str, ...]
    """Under the columns of the view."""
    per_s: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadView:
    """All texts of a report on a load."""

    name: Quoted
    outcome: str
    summary: Sentence
    columns: tuple[str, ...]
    rows: tuple[LoadRow, ...]
    failures: tuple[Quoted, ...]
    doubts: tuple[Quoted, ...]
    limits: tuple[Quoted, ...]
    kinds: tuple[tuple[Quoted, str], ...]
    """What failed and how often, the most frequent first."""
    generators: tuple[tuple[Quoted, str, str, str], ...]
    """Name, operations, processor, what is amiss."""
    facts: tuple[Sentence, ...]


def build_load_view(run: LoadRun) -> LoadView:
    """Format everything that a load showed."""
    total = run.total
    kinds = sorted((total.details or total.failures).items(), key=lambda each: (-each[1], each[0]))
    return LoadView(
        name=Quoted(run.name),
        outcome=_OUTCOMES[run.outcome],
        summary=(_demand(run.demand), f", for {format_duration(run.wall_s)}"),
        columns=_COLUMNS,
        rows=(_row(total, run, "all"), *(_row(one, run, Quoted(one.name)) for one in run.series)),
        failures=tuple(map(Quoted, run.failures)),
        doubts=tuple(map(Quoted, run.doubts)),
        limits=tuple(map(Quoted, run.limits)),
        kinds=tuple((Quoted(name), f"{count:,}") for name, count in kinds),
        generators=tuple(
            (
                Quoted(one.name),
                f"{one.count:,}",
                format_percent(one.cpu_share),
                "" if one.is_complete else "did not report all that it counted",
            )
            for one in run.generators
        ),
        facts=_facts(run),
    )


def _demand(demand: Demand) -> str:
    if demand.kind is DemandKind.OPEN:
        if demand.rate_per_s is not None:
            text = f"open load of {format_number(demand.rate_per_s)} arrivals per second"
        else:  # which each user has its own of
            text = f"open load of {demand.users or 0} users"
    else:
        users = _UNKNOWN if demand.users is None else f"{demand.users}"
        text = f"closed load of {users} users"
    return f"{text} in {len(demand.stages)} stages" if demand.stages else text


def _row(series: Series, run: LoadRun, name: Quoted | str) -> LoadRow:
    return LoadRow(
        name=name,
        count=f"{series.count:,}",
        failed=f"{series.failed:,}",
        times=tuple(_time(series.metrics.get(column)) for column in _COLUMNS),
        per_s=format_number(series.ok / run.wall_s) if run.wall_s > 0 else _UNKNOWN,
    )


def _time(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else format_seconds(seconds)


def _facts(run: LoadRun) -> tuple[Sentence, ...]:
    engine = "perfgate" if run.engine is LoadEngine.IN_PROCESS else "Locust"
    facts: list[Sentence] = [
        (f"measured with {engine} ", Quoted(run.engine_version)),
        ("on ", Quoted(run.environment.cpu_model or "an unknown processor")),
    ]
    if run.total.service is not None:
        facts.append(("times count from the planned start, so that a stall is charged in full",))
    growth = run.total.metrics.get("memory_growth")
    if growth is not None:
        facts.append((f"memory grew by {format_bytes(growth)}",))
    if run.dropped:
        facts.append((f"{run.dropped:,} arrivals were dropped",))
    if run.unfinished:
        facts.append((f"{run.unfinished:,} were under way at the end and are not counted",))
    return tuple(facts)
