import pytest

from perfgate.commands.load_check import check_run
from perfgate.commands.load_watch import LimitWatch, describe
from perfgate.config import LoadSettings
from perfgate.load.live import Snapshot
from perfgate.load_run import Series
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData


def _watch(*limits: str, abort: bool = True, grace_s: float = 2.0) -> LimitWatch:
    settings = LoadSettings(name="x", limits=limits, grace_s=grace_s, abort_on_fail=abort)
    return LimitWatch(settings)


def _snapshot(elapsed_s: float = 10.0, ok: int = 1000, **metrics: float | None) -> Snapshot:
    return Snapshot(
        elapsed_s=elapsed_s,
        ok=ok,
        failed=0,
        dropped=0,
        per_s=100.0,
        metrics=metrics,
        times=HistogramData(scale=6),
    )


def test_a_limit_that_is_broken_ends_a_load_and_says_when() -> None:
    watch = _watch("p95 < 500ms")
    assert not watch.is_over(_snapshot(p95=0.4))
    assert watch.is_over(_snapshot(p95=0.6))
    assert watch.is_over(_snapshot(p95=0.4))  # it is over, whatever comes after
    assert watch.failures == ("p95 < 500ms: was 600 ms after 10 s: ended early",)


@pytest.mark.parametrize(
    ("watch", "snapshot"),
    [
        pytest.param(_watch("p95 < 500ms"), _snapshot(elapsed_s=1, p95=9), id="grace"),
        pytest.param(_watch("success_rate > 99%"), _snapshot(ok=5, success_rate=0.5), id="few"),
        pytest.param(_watch("p95 < 500ms"), _snapshot(p95=None), id="unknown"),
        pytest.param(_watch("p95 < 500ms"), _snapshot(p95=0.502), id="less-than-snapshots-err"),
        pytest.param(_watch("p95 < 500ms", abort=False), _snapshot(p95=9), id="not-wanted"),
        pytest.param(_watch("ops_per_s > 5"), _snapshot(ops_per_s=1), id="only-told-at-the-end"),
        pytest.param(_watch("GET /a: p95 < 1ms"), _snapshot(p95=9), id="of-one-name"),
    ],
)
def test_a_load_goes_on_where_nothing_can_be_told(watch: LimitWatch, snapshot: Snapshot) -> None:
    assert not watch.is_over(snapshot)
    assert watch.failures == ()


def test_rates_are_exact_and_get_no_margin() -> None:
    assert _watch("success_rate > 95%").is_over(_snapshot(success_rate=0.949))


def test_each_limit_is_told_once_and_as_it_was_when_it_ended_the_load() -> None:
    watch = _watch("p95 < 500ms", "max < 1s")
    assert watch.is_over(_snapshot(p95=0.6, max=0.9))
    told = watch.joined_with(("p95 < 500ms: was 610 ms", "max < 1s: was 1.20 s"))
    assert told == ("p95 < 500ms: was 600 ms after 10 s: ended early", "max < 1s: was 1.20 s")


def test_the_line_for_people_says_how_far_it_is() -> None:
    assert describe(_snapshot(p95=0.0123)) == "10 s  1,000 ok  0 failed  100/s  p95 12.3 ms"


def _total(count: int) -> Series:
    histogram = ExponentialHistogram()
    histogram.record_many([0.1] * count)
    return Series(name="", ok=count, times=histogram.data())


@pytest.mark.parametrize(
    ("limit", "failures", "doubts"),
    [
        pytest.param("p95 < 1s", (), (), id="kept"),
        pytest.param("p95 < 50ms", ("p95 < 50ms: was 100 ms",), (), id="broken"),
        pytest.param("p99 < 1s", (), ("p99 < 1s: too few operations (100)",), id="too-few"),
        pytest.param("GET /a: p95 < 1s", (), (), id="name-kept"),
        pytest.param(
            "GET /a: p95 < 10ms", ("GET /a: p95 < 10ms: was 20.0 ms",), (), id="name-broken"
        ),
        pytest.param(
            "GET /b: p95 < 1s",
            ("GET /b: p95 < 1s: nothing is called GET /b (there are: GET /a)",),
            (),
            id="name-unknown",
        ),
    ],
)
def test_limits_hold_for_all_or_for_one_name(
    limit: str, failures: tuple[str, ...], doubts: tuple[str, ...]
) -> None:
    metrics = {"p95": 0.1, "p99": None}
    by_name = {"GET /a": (80, {"p95": 0.02})}
    assert check_run([limit], _total(100), metrics, by_name, ()) == (failures, doubts)


def test_where_nothing_ended_nothing_is_broken_and_the_doubt_stays() -> None:
    assert check_run(["p95 < 1s"], _total(0), {}, {}, ("no operation succeeded",)) == (
        (),
        ("no operation succeeded",),
    )
