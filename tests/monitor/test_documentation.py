"""``docs/monitoring.md`` against the product: its example, metrics and names."""

import os
import re
from pathlib import Path

import prometheus_client
import pytest

from perfgate.monitor import PerformanceMonitor, Threshold
from perfgate.monitor.conventions import ALERTS, COUNTERS, DURATION
from perfgate.monitor.events import EXCEEDED, RESOLVED
from perfgate.monitor.prometheus import PrometheusCollector
from perfgate.readers.files import read_results

TEXT = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")


def test_the_example_runs_and_what_it_saves_can_be_gated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    exec(compile(program, "docs/monitoring.md", "exec"), {"__name__": "example"})  # noqa: S102 - ours
    assert os.listdir() == ["monitor.json"]  # noqa: PTH208 - the folder it runs in
    assert [one.id for one in read_results(Path("monitor.json")).benchmarks] == [
        "search:query",
        "stripe:create_customer",
    ]
    shown = capsys.readouterr().out
    assert shown.startswith("max < 5s\n3 operations in ")


def _rows(heading: str) -> list[list[str]]:
    table = TEXT.split(heading, 1)[1].split("\n\n")[0 if heading.startswith("|") else 1]
    return [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in table.splitlines()[2:]]


def test_every_metric_that_is_named_can_have_a_threshold() -> None:
    named = {name for row in _rows("| metric |") for name in row}
    assert named == {
        *("max", "median", "p50", "p90", "p95", "p99", "mean"),
        *("error_rate", "success_rate", "ops_per_s"),
    }
    units = {"ops_per_s": "5", "error_rate": "1%", "success_rate": "1%"}
    for name in named:
        assert Threshold(expression=f"{name} < {units.get(name, '1s')}").metric == name


def test_every_name_that_is_exported_is_listed_as_it_is_scraped() -> None:
    named = {name for row in _rows("| OpenTelemetry |") for name in row}
    assert named == {DURATION, ALERTS, *COUNTERS}
    registry = prometheus_client.CollectorRegistry()
    registry.register(PrometheusCollector(PerformanceMonitor()))
    scraped = {family.name for family in registry.collect()}
    listed = re.findall(r"\| `(perfgate_\w+)` \|", TEXT)
    assert {name.removesuffix("_total") for name in listed} == scraped


def test_the_events_are_named() -> None:
    assert f"`{EXCEEDED}`" in TEXT
    assert f"`{RESOLVED}`" in TEXT
