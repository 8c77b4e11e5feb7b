from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.load import Closed, LoadResult, Open
from perfgate.load.models import Model
from perfgate.load.result import Times

MS = 1_000_000


def _result(
    model: Model,
    *,
    service_ms: int = 100,
    lateness_ms: float = 0.0,
    concurrency: float = 10.0,
    cpu_s: float = 0.1,
    floor_s: float | None = None,
    **fields: Any,
) -> LoadResult:
    service = Times([service_ms * MS] * 100)
    return LoadResult(
        model=model,
        times=service,
        service=service,
        lateness=Times([round(lateness_ms * MS)] * 100),
        failures={},
        ok=100,
        censored=0,
        wall_s=1.0,
        cpu_s=cpu_s,
        concurrency=concurrency,
        harness_floor_s=floor_s,
        **fields,
    )


CLOSED = Closed(concurrency=10, operations=100)
OPEN = Open(rate_per_s=100, duration_s=1)


@pytest.mark.parametrize(
    ("result", "doubts"),
    [
        pytest.param(_result(CLOSED), (), id="closed"),
        pytest.param(_result(OPEN), (), id="open"),
        pytest.param(
            _result(CLOSED, concurrency=8.9),
            ("only 8.9 of 10 operations were under way",),
            id="concurrency",
        ),
        pytest.param(
            _result(CLOSED, cpu_s=0.91),
            ("this process was busy 91% of the time: operations queued in it",),
            id="busy",
        ),
        pytest.param(
            _result(Closed(operations=100), concurrency=0.1, cpu_s=1.0), (), id="alone-and-busy"
        ),
        pytest.param(_result(OPEN, lateness_ms=9.9), (), id="a-tenth-late"),
        pytest.param(
            _result(OPEN, lateness_ms=11),
            ("5 % of the starts were 11 ms late or more (10 ms allowed)",),
            id="late",
        ),
        pytest.param(_result(OPEN, service_ms=1, lateness_ms=1.9), (), id="as-timers-are"),
        pytest.param(
            _result(CLOSED, longest_stall_s=0.3),
            ("an operation kept all others waiting for 300 ms",),
            id="stalled",
        ),
        pytest.param(_result(CLOSED, longest_stall_s=0.19), (), id="hardly-stalled"),
        pytest.param(_result(Closed(operations=9), longest_stall_s=3.0), (), id="stalled-alone"),
        pytest.param(
            _result(OPEN, tracer="a profiler"),
            ("a profiler was active and slows everything",),
            id="traced",
        ),
        pytest.param(
            _result(OPEN, tracer="a profiler", longest_stall_s=0.3, is_real_time=False),
            (),
            id="virtual-time",
        ),
    ],
)
def test_a_load_that_was_not_what_was_asked_for_is_doubtful(
    result: LoadResult, doubts: tuple[str, ...]
) -> None:
    assert result.doubts == doubts


def test_times_near_the_harness_itself_are_marked() -> None:
    assert _result(CLOSED, floor_s=0.006).is_below_floor
    assert not _result(CLOSED, floor_s=0.004).is_below_floor
    assert not _result(CLOSED).is_below_floor


@pytest.mark.parametrize(("count", "known"), [(5, 0), (6, 1), (35, 1), (36, 2), (72, 3), (368, 4)])
def test_a_percentile_is_kept_only_with_enough_operations(count: int, known: int) -> None:
    metrics = Times(range(1, count + 1)).metrics()
    percentiles = [metrics[name] for name in ("p50", "p90", "p95", "p99")]
    assert [value is not None for value in percentiles] == [True] * known + [False] * (4 - known)
    assert metrics["median"] == metrics["p50"]


def test_a_deviation_is_that_of_all_times() -> None:
    assert Times([MS, 3 * MS]).stdev_s == pytest.approx(0.001414, rel=1e-3)
    assert Times([MS]).stdev_s is None


def test_nothing_measured_is_no_number() -> None:
    assert set(Times([]).metrics().values()) == {None}


@given(st.lists(st.integers(1, 10**12), min_size=1), st.integers(0, 100))
def test_a_quantile_is_a_time_that_was_taken(durations: list[int], percent: int) -> None:
    quantile = Times(durations).quantile_s(percent)
    assert quantile in {duration / 1e9 for duration in durations}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({}, id="endless"),
        pytest.param({"operations": 0}, id="none"),
        pytest.param({"operations": 1, "concurrency": 0}, id="nobody"),
        pytest.param({"operations": 1, "deadline_s": 0.0}, id="no-time"),
    ],
)
def test_a_closed_load_that_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"operations|positive"):
        Closed(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"rate_per_s": 0.0}, id="no-rate"),
        pytest.param({"duration_s": -1.0}, id="no-time"),
        pytest.param({"max_in_flight": 0}, id="nobody"),
        pytest.param({"drain_s": -1.0}, id="backwards"),
    ],
)
def test_an_open_load_that_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"positive|at least"):
        Open(**({"rate_per_s": 1.0, "duration_s": 1.0} | arguments))  # type: ignore[arg-type]
