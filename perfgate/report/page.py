"""A report as a page that stands alone."""

from collections.abc import Sequence
from typing import Any, Final

from perfgate.model import Report
from perfgate.report.charts import Axis
from perfgate.report.standalone import anchors, chart_data, chips, pieces, render_page
from perfgate.report.text import shorten
from perfgate.report.view import Row, build_view

__all__ = ["render_html"]

_NAME_LIMIT: Final = 2_000
"""Characters of a name that an opened row shows."""


def render_html(report: Report) -> bytes:
    """Render a report as a page that stands alone: no network, no other file."""
    view = build_view(report, has_details=True)
    rows = [row for section in view.sections for row in section.rows]
    names = anchors(row.benchmark for row in rows)
    suites = sorted({row.suite.text for row in rows})
    return render_page(
        "report.html.j2",
        index=_index(rows, suites),
        contents=_contents(rows),
        symbol=view.symbol,
        headline=view.headline,
        tone=view.tone.value,
        opening=(view.commits, view.environment),
        remarks=(("Worth knowing", view.notes), ("Waivers", view.waivers)),
        what="benchmarks",
        nothing="No benchmark was measured.",
        lines=list(zip(names, rows, strict=True)),
        chips=chips((row.symbol, row.word, row.tone.value) for row in rows),
        suites=suites,
        grouped_by="Suite",
        is_linked=False,
        machines=view.machines,
    )


# --- what the page's script gets ----------------------------------------------------------------


def _index(rows: Sequence[Row], suites: Sequence[str]) -> dict[str, Any]:
    """Return what sorting and filtering go by, beside what stands in the table itself."""
    places = {suite: place for place, suite in enumerate(suites)}
    details = [row.details for row in rows]
    return {
        "suites": [places[row.suite.text] for row in rows],
        "times": [None if one is None else _sortable(one.after_s) for one in details],
        "changes": [None if one is None else _sortable(one.effect) for one in details],
    }


def _sortable(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _contents(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what an opened row is drawn from."""
    axes: dict[Axis, int] = {}
    entries = [_entry(row, axes) for row in rows]
    return {"rows": entries, "axes": list(axes)}


def _entry(row: Row, axes: dict[Axis, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": shorten(row.benchmark.text, _NAME_LIMIT)}
    if row.is_settled:
        entry["why"] = pieces(row.why)
    if row.advice:
        entry["advice"] = row.advice
    if row.command is not None:
        entry["command"] = row.command.line
    if row.details is not None:
        entry["facts"] = [(name, pieces(fact)) for name, fact in row.details.facts]
        entry["charts"] = [chart_data(chart, axes) for chart in row.details.charts]
    return entry
