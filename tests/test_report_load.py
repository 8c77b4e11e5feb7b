import json
import re

import msgspec
import pytest

from perfgate.load_run import (
    LOAD_SCHEMA,
    Demand,
    DemandKind,
    Generator,
    LoadEngine,
    LoadOutcome,
    LoadRun,
    Moment,
    Series,
)
from perfgate.report.load_html import render_load_html
from perfgate.report.load_pages import render_load_markdown, render_load_text
from perfgate.stats.histogram import ExponentialHistogram
from tests.command_line import ENVIRONMENT
from tests.markdown_page import page
from tests.page_contents import contents_of

HOSTILE = '</title><script>alert("|`*x*@all #1")</script>\x1b[31m\u202e'


def _series(name: str, times_s: list[float]) -> Series:
    histogram = ExponentialHistogram()
    histogram.record_many(times_s)
    return Series(
        name=name,
        ok=len(times_s),
        failures={"http_5xx": 2},
        metrics={"mean": 0.2, "p95": 0.3},
        times=histogram.data(),
    )


RUN = LoadRun(
    schema=LOAD_SCHEMA,
    name="checkout",
    engine=LoadEngine.LOCUST,
    engine_version="2.47.0",
    demand=Demand(kind=DemandKind.OPEN, rate_per_s=50),
    environment=ENVIRONMENT,
    wall_s=10.0,
    total=_series("", [0.01, 0.02, 0.02, 0.3]),
    series=(_series("GET /a", [0.1]),),
    generators=(
        Generator(name="host_1", count=4, cpu_share=0.25),
        Generator(name="host_2", count=2, cpu_share=0.5, is_complete=False),
    ),
    limits=("p95 < 1s",),
    failures=("p95 < 1s: was 2",),
    doubts=("worker host_2 was lost",),
    outcome=LoadOutcome.FAILED,
)


def test_the_text_shows_numbers_reasons_and_the_verdict_last() -> None:
    lines = render_load_text(RUN).splitlines()
    assert lines[0] == "open load of 50 arrivals per second, for 10 s"
    assert " ".join(lines[1].split()).startswith("operations ended failed mean p50 p90 p95")
    assert lines[2].split()[:5] == ["all", "6", "2", "200", "ms"]
    assert "2 x http_5xx" in lines
    assert "failed: p95 < 1s: was 2" in lines
    assert "in doubt: worker host_2 was lost" in lines
    assert lines[-1] == "checkout: failed"


def test_the_page_holds_every_name_and_fetches_nothing() -> None:
    html = render_load_html(RUN).decode()
    assert not re.search(r"<img|<iframe|@import|src=|href=\"(?!#|data:)", html)
    assert "default-src 'none'" in html.replace("&#39;", "'")
    for text in ("all operations", "GET /a", "p95 &lt; 1s: was 2", "open load of 50 arrivals"):
        assert text in html, text


def test_an_opened_row_tells_who_made_the_load_and_how_it_went() -> None:
    moments = tuple(Moment(at_s=at_s, count=3, failed=1, median_s=0.01) for at_s in (1.0, 2.0))
    html = render_load_html(msgspec.structs.replace(RUN, timeline=moments))
    total, part = contents_of(html)["rows"]
    facts = json.dumps(total["facts"])
    assert "host_2" in facts
    assert "did not report all that it counted" in facts
    titles = [[chart["title"] for chart in one["charts"]] for one in (total, part)]
    assert titles[0][0] == "Latency over time"
    assert "Latency over time" not in titles[1]


@pytest.mark.parametrize("field", ["name", "failures", "doubts", "limits", "engine_version"])
def test_text_of_others_is_never_markup(field: str) -> None:
    value = HOSTILE if field in {"name", "engine_version"} else (HOSTILE,)
    run = msgspec.structs.replace(RUN, **{field: value})
    html = render_load_html(run).decode()
    assert "<script>alert" not in html
    assert html.count("</title>") == 1
    assert "\x1b" not in html + render_load_text(run)
    assert "\u202e" not in html + render_load_text(run)
    shown = "".join(page(render_load_markdown(run)).parts)
    assert "script" not in shown
    assert "<em" not in shown


def test_names_of_operations_are_never_markup() -> None:
    series = msgspec.structs.replace(RUN.series[0], name=HOSTILE)
    total = msgspec.structs.replace(RUN.total, failures={HOSTILE: 1}, details={HOSTILE: 1})
    run = msgspec.structs.replace(RUN, series=(series,), total=total)
    assert "<script>alert" not in render_load_html(run).decode()
    lines = render_load_markdown(run).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert "script" not in "".join(page(render_load_markdown(run)).parts)
    assert len(table) == 4 + 3  # the pipe in the name makes no other row


def test_a_load_without_any_success_is_shown() -> None:
    empty = Series(name="", ok=0, failures={"connect": 5}, times=ExponentialHistogram().data())
    run = msgspec.structs.replace(RUN, total=empty, series=())
    assert "5" in render_load_html(run).decode()
    assert "?" in render_load_text(run)
    assert "5 x connect" in render_load_text(run)
