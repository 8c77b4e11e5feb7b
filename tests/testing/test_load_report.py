import json
import math
from array import array

import anyio

from benchmarks.service_load.performance import PerformanceBenchmark
from perfgate.load import Closed, LoadResult
from perfgate.load.outcomes import Outcome
from perfgate.load.result import FailureGroup, Times
from perfgate.testing.load_report import LoadReport, Reported
from perfgate.testing.measurement import Measurement
from perfgate.testing.verdict import LoadVerdict
from tests.markdown_page import page


def _entry(
    name: str, *limits: str, ok: int = 100, failed: int = 0, growth: int | None = 1_500_000
) -> Reported:
    times = Times(array("q", [20_000_000] * ok))
    group = FailureGroup(count=failed, details={}, examples=(), times=Times([1] * failed))
    load = LoadResult(
        model=Closed(operations=100),
        times=times,
        service=times,
        lateness=Times([]),
        failures={Outcome.RESET: group} if failed else {},
        ok=ok,
        censored=0,
        wall_s=2.0,
        cpu_s=0.1,
        concurrency=1.0,
    )
    measurement = Measurement(name=name, load=load, memory_growth_bytes=growth)
    return Reported(service="shop", measurement=measurement, limits=limits)


REPORT = LoadReport(
    entries=(
        _entry("get", "p95 < 30ms"),
        _entry("pay|<b>@all</b>", "success_rate > 95%", ok=90, failed=10, growth=-2000),
        _entry("few", "p95 < 1s", ok=10, growth=None),
        _entry("none", "mean < 1s", ok=0),
    )
)


def test_the_table_says_what_was_measured_and_below_it_what_did_not_pass() -> None:
    assert REPORT.as_text().splitlines() == [
        "Verdict       Operation              Mean     p95      Success  Per second  Memory",
        "passed        shop: get              20.0 ms  20.0 ms  100 %    50          +1.50 MB",
        "failed        shop: pay|<b>@all</b>  20.0 ms  20.0 ms  90 %     45          -2.00 kB",
        "inconclusive  shop: few              20.0 ms  ?        100 %    5           ?",
        "failed        shop: none             ?        ?        ?        0           +1.50 MB",
        "shop: pay|<b>@all</b>: success_rate > 95%: was 90 %",
        "shop: few: p95 < 1s: too few operations (10)",
        "shop: none: mean < 1s: no operation ended",
    ]


def test_markdown_keeps_what_comes_from_outside_in_code() -> None:
    shown = page(REPORT.as_markdown())
    assert "shop: pay|<b>@all</b>" in shown.code
    assert "shop: few" in shown.code
    assert "p95 < 1s: too few operations (10)" in shown.code
    assert "@all" not in "".join(shown.parts)


def test_json_holds_every_number_and_null_for_what_is_unknown() -> None:
    document = json.loads(REPORT.as_json())
    assert document["verdict"] == "failed"
    names = [each["name"] for each in document["measurements"]]
    assert names == ["get", "pay|<b>@all</b>", "few", "none"]
    get, pay, few, _ = document["measurements"]
    assert get["metrics"]["p95"] == 0.02
    assert pay["errors"] == {"reset": 10}
    assert pay["failures"] == ["success_rate > 95%: was 90 %"]
    assert few["metrics"]["p95"] is None
    assert few["metrics"]["memory_growth"] is None


def test_the_worst_verdict_is_the_verdict() -> None:
    passed, failed, unsure, _ = REPORT.entries
    assert LoadReport(entries=(passed,)).verdict is LoadVerdict.PASSED
    assert LoadReport(entries=(passed, unsure)).verdict is LoadVerdict.INCONCLUSIVE
    assert LoadReport(entries=(passed, unsure, failed)).verdict is LoadVerdict.FAILED
    assert LoadReport(entries=()).verdict is LoadVerdict.INCONCLUSIVE


def test_each_service_is_measured_alone_at_once_and_at_a_rate() -> None:
    said: list[str] = []
    benchmark = PerformanceBenchmark(scale=0.05, say=said.append)
    report = anyio.run(benchmark.run)
    assert [text.partition(":")[0] for text in said] == (
        ["stripe"] * 3 + ["contentful"] * 3 + ["cloudinary"] * 3
    )
    for entry in report.entries:
        assert entry.measurement.success_rate_percent == 100
        assert entry.measurement.load.count >= 10
        assert not math.isnan(entry.measurement.avg_response_time_ms)
        # Whether it was as fast as wanted is for the measurement to say, not for this test.
        assert "error" not in entry.check.reason


def test_the_page_holds_every_entry_with_its_verdict() -> None:
    page = REPORT.as_html("shop").decode()
    assert page.count('id="benchmark:') == 4
    assert "<bdi>shop: pay|&lt;b&gt;@all&lt;/b&gt;</bdi>" in page
    assert "success_rate &gt; 95%: was 90 %" in page
