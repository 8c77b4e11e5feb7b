"""Loads as a page that stands alone: verdicts, latency over time, percentiles, what failed."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from perfgate.report.charts import Axis
from perfgate.report.load_charts import (
    Bin,
    Instant,
    Quantile,
    draw_curve,
    draw_errors,
    draw_histogram,
    draw_timeline,
)
from perfgate.report.standalone import anchors, chart_data, chips, pieces, render_page
from perfgate.report.text import Quoted, Sentence, shorten
from perfgate.units import format_number, format_percent, format_seconds

__all__ = ["LoadShown", "render_load_page"]

_OUTCOMES: Final = {
    "passed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "inconclusive": ("?", "doubt"),
    "measured": ("·", "neutral"),
}
"""How each outcome of a load is shown."""
_NAME_LIMIT: Final = 2_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadShown:
    """The operations of one name under a load; whatever is empty or None was not measured."""

    name: str
    outcome: str
    """passed, failed or inconclusive; measured for a part that nothing was asked of."""
    reasons: tuple[str, ...] = ()
    """Why it did not pass."""
    limits: tuple[str, ...] = ()
    p95_s: float | None = None
    success_rate: float | None = None
    ops_per_s: float | None = None
    facts: tuple[tuple[str, Sentence], ...] = ()
    quantiles: tuple[Quantile, ...] = ()
    histogram: tuple[Bin, ...] = ()
    timeline: tuple[Instant, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    """How many failures of each kind."""


def render_load_page(
    title: str, loads: Sequence[LoadShown], opening: Sequence[Sentence] = ()
) -> bytes:
    """Render loads as one page: no network, no other file.

    ``opening`` are sentences that stand below the verdict: the demand, the machine.
    """
    rank = {
        name: place for place, name in enumerate(("failed", "inconclusive", "passed", "measured"))
    }
    ordered = sorted(loads, key=lambda one: rank[one.outcome])
    worst = ordered[0].outcome if ordered else "inconclusive"
    symbol, tone = _OUTCOMES[worst]
    names = anchors(Quoted(one.name) for one in ordered)
    return render_page(
        "load_page.html.j2",
        index={
            "suites": [0] * len(ordered),
            "times": [one.p95_s for one in ordered],
            "changes": [one.ops_per_s for one in ordered],
        },
        contents=_contents(ordered),
        symbol=symbol,
        headline=(Quoted(shorten(title, 80)), f": {_headline(ordered, worst)}"),
        tone=tone,
        opening=tuple(opening),
        remarks=(),
        what="operations",
        nothing="Nothing was measured.",
        lines=[_line(anchor, one) for anchor, one in zip(names, ordered, strict=True)],
        chips=chips((_OUTCOMES[o.outcome][0], o.outcome, _OUTCOMES[o.outcome][1]) for o in ordered),
        suites=(),
        grouped_by="Suite",
        is_linked=False,
        machines=(),
    )


def _headline(loads: Sequence[LoadShown], worst: str) -> str:
    judged = [one.outcome for one in loads if one.outcome != "measured"]
    if not loads:
        return "nothing was measured"
    if worst in {"passed", "measured"}:
        return worst
    verb = "failed" if worst == "failed" else "cannot be told"
    return f"{judged.count(worst)} of {len(judged)} {verb}" if len(judged) > 1 else verb


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A row of the table, every number written."""

    anchor: str
    symbol: str
    word: str
    tone: str
    name: Quoted
    reasons: tuple[Quoted, ...]
    p95: str
    success: str
    per_s: str


def _line(anchor: str, load: LoadShown) -> _Line:
    symbol, tone = _OUTCOMES[load.outcome]
    return _Line(
        anchor=anchor,
        symbol=symbol,
        word=load.outcome,
        tone=tone,
        name=Quoted(load.name),
        reasons=tuple(map(Quoted, load.reasons)),
        p95="" if load.p95_s is None else format_seconds(load.p95_s),
        success="" if load.success_rate is None else format_percent(load.success_rate),
        per_s="" if load.ops_per_s is None else format_number(load.ops_per_s),
    )


def _contents(loads: Sequence[LoadShown]) -> dict[str, Any]:
    axes: dict[Axis, int] = {}
    return {"rows": [_entry(load, axes) for load in loads], "axes": list(axes)}


def _entry(load: LoadShown, axes: dict[Axis, int]) -> dict[str, Any]:
    charts = (
        draw_timeline(load.timeline),
        draw_curve(load.quantiles),
        draw_histogram(load.histogram),
        draw_errors(load.errors),
    )
    limits: list[tuple[str, Sentence]] = [("Limit", (Quoted(limit),)) for limit in load.limits]
    return {
        "name": shorten(Quoted(load.name).text, _NAME_LIMIT),
        "facts": [(name, pieces(fact)) for name, fact in (*limits, *load.facts) if fact],
        "charts": [chart_data(chart, axes) for chart in charts if chart is not None],
    }
