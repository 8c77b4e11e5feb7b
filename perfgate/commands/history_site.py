"""The past as a static site: an overview, a page for each benchmark, a feed of changes."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from perfgate.commands.history import Past
from perfgate.commands.history_view import (
    STATES,
    BenchmarkShown,
    ChangeShown,
    SeriesShown,
    shortened,
    view_benchmarks,
)
from perfgate.files import write_file
from perfgate.report.charts import Axis
from perfgate.report.standalone import anchors, assets_of_site, chart_data, chips, render_linked
from perfgate.report.text import Quoted, Sentence

__all__ = ["write_site"]

_ATOM: Final = "http://www.w3.org/2005/Atom"
_FEED: Final = "changes.atom"
_FED: Final = 100
"""Latest changes that the feed holds."""
_LISTED: Final = 20
"""Latest changes that the overview holds."""
_NAMESPACE: Final = uuid.UUID("6f0b8f51-8f0e-4c55-9a3e-1d7d0c1a7c11")


class _Told:
    """A change with where it is told."""

    def __init__(self, benchmark: BenchmarkShown, series: SeriesShown, change: ChangeShown) -> None:
        self.benchmark = benchmark
        self.series = series
        self.change = change
        self.address = f"benchmarks/{benchmark.file}#{change.anchor}"


def write_site(past: Past, folder: Path) -> int:
    """Write the site into a folder, and return how many files it has.

    What else lies there stays. A page names its scripts and style by relative ways, so the folder
    works from disk and below any address.

    Raises:
        UsageError: a file cannot be written.
    """
    assets = assets_of_site()
    for name, content in assets.items():
        write_file(folder / "assets" / name, content)
    told: list[_Told] = []
    lines: list[tuple[BenchmarkShown, SeriesShown]] = []
    for benchmark in view_benchmarks(past):
        write_file(folder / "benchmarks" / benchmark.file, _benchmark_page(benchmark))
        told += (
            _Told(benchmark, one, change) for one in benchmark.series for change in one.changes
        )
        lines += ((benchmark, one) for one in benchmark.series)
    told.sort(key=lambda one: (one.change.moment, abs(one.change.effect)), reverse=True)
    write_file(folder / _FEED, _feed(told[:_FED]))
    write_file(folder / "index.html", _overview(past, lines, told))
    return len(assets) + len({benchmark.file for benchmark, _ in lines}) + 2


def _overview(
    past: Past, lines: Sequence[tuple[BenchmarkShown, SeriesShown]], told: Sequence[_Told]
) -> bytes:
    rank = {state: place for place, state in enumerate(STATES)}
    ordered = sorted(lines, key=lambda one: (rank[one[1].state], -abs(one[1].effect or 0.0)))
    names = anchors(benchmark.name for benchmark, _ in ordered)
    machines = sorted({series.machine.text for _, series in ordered})
    places = {machine: place for place, machine in enumerate(machines)}
    symbol, tone = ("✗", "bad") if past.findings else ("✓", "good")
    return render_linked(
        "history.html.j2",
        assets="assets/",
        index={
            "suites": [places[series.machine.text] for _, series in ordered],
            "times": [series.latest_s for _, series in ordered],
            "changes": [series.effect for _, series in ordered],
        },
        contents={},
        symbol=symbol,
        headline=(_headline(past),),
        tone=tone,
        opening=_opening(past),
        remarks=(("Left out", tuple((Quoted(one),) for one in past.history.warnings)),),
        what="benchmarks",
        nothing="No run is recorded.",
        lines=[(name, *pair) for name, pair in zip(names, ordered, strict=True)],
        chips=chips((series.symbol, series.state, series.tone) for _, series in ordered),
        suites=machines,
        grouped_by="Machine",
        is_linked=True,
        machines=(),
        told=told[:_LISTED],
        feed=_FEED,
    )


def _headline(past: Past) -> str:
    count = len(past.findings)
    if not past.is_long_enough:
        return "perfgate history: too few runs to tell"
    if not count:
        return "perfgate history: no slowdown that nobody has seen"
    noun = "slowdown" if count == 1 else "slowdowns"
    return f"perfgate history: {count} {noun} that no gate has shown"


def _opening(past: Past) -> tuple[Sentence, ...]:
    history = past.history
    if not history.runs:
        return ()
    commits = len({run.commit for run in history.runs})
    count = len({(one.suite, one.benchmark) for one in history.series})
    return (
        (f"{len(history.runs):,} runs of {commits:,} commits; {count:,} benchmarks.",),
        ("Up to ", Quoted(history.tip[:10]), ".") if history.tip else (),
    )


def _benchmark_page(benchmark: BenchmarkShown) -> bytes:
    axes: dict[Axis, int] = {}
    charts = [chart_data(one.plot, axes) for one in benchmark.series]
    latest = benchmark.series[0]
    contents: dict[str, Any] = {"charts": charts, "axes": list(axes)}
    return render_linked(
        "history_benchmark.html.j2",
        assets="../assets/",
        index={},
        contents=contents,
        symbol=latest.symbol,
        headline=(benchmark.name, f": {latest.state}"),
        tone=latest.tone,
        opening=(("Suite ", benchmark.suite),),
        remarks=(),
        what="runs",
        machines=(),
        benchmark=benchmark,
        feed=f"../{_FEED}",
    )


# --- the feed -----------------------------------------------------------------------------------


def _feed(told: Sequence[_Told]) -> bytes:
    """Write an Atom feed (RFC 4287); equal pasts give equal bytes."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _text(root, "title", "perfgate: changes of benchmarks")
    _text(root, "id", uuid.uuid5(_NAMESPACE, "feed").urn)
    _text(root, "updated", told[0].change.moment if told else "1970-01-01T00:00:00Z")
    _text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", "perfgate")
    ET.SubElement(root, f"{{{_ATOM}}}link", {"rel": "alternate", "href": "index.html"})
    for one in told:
        root.append(_entry(one))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n".encode()


def _entry(one: _Told) -> ET.Element:
    change, name = one.change, shortened(one.benchmark.name)
    entry = ET.Element(f"{{{_ATOM}}}entry")
    key = f"{one.benchmark.suite.text}\n{one.benchmark.name.text}\n{one.series.machine.text}"
    _text(entry, "title", f"{name}: {change.size}")
    _text(entry, "id", uuid.uuid5(_NAMESPACE, f"{key}\n{change.anchor}").urn)
    _text(entry, "updated", change.moment)
    ET.SubElement(entry, f"{{{_ATOM}}}link", {"rel": "alternate", "href": one.address})
    _text(entry, "summary", "; ".join(_summary(one)))
    return entry


def _summary(one: _Told) -> Iterator[str]:
    change = one.change
    yield f"{change.times} on {one.series.machine.text}"
    yield change.commits
    yield from (text.text for text in (change.subject, *change.remarks) if text.text)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = text
