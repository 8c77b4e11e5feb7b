"""What each interval of a load showed, told from snapshots of all that came before."""

import pytest

from perfgate.load.live import Snapshot
from perfgate.load.timeline import Timeline
from perfgate.load_run import Moment
from perfgate.stats.histogram import ExponentialHistogram


def _timeline(seconds: list[list[float]], failed: int = 0) -> tuple[Moment, ...]:
    """Return the moments of a load in which these times ended within each second."""
    timeline, histogram, ok = Timeline(), ExponentialHistogram(), 0
    for place, times_s in enumerate(seconds, 1):
        histogram.record_many(times_s)
        ok += len(times_s)
        timeline.add(
            Snapshot(
                elapsed_s=float(place),
                ok=ok,
                failed=failed * place,
                dropped=0,
                per_s=0.0,
                metrics={},
                times=histogram.data(),
            )
        )
    return timeline.moments()


def test_a_stall_stands_where_it_was() -> None:
    quick, slow = [0.01] * 200, [0.01] * 150 + [1.0] * 50
    moments = _timeline([quick, slow, quick])
    assert [one.count for one in moments] == [200, 200, 200]
    assert [one.median_s for one in moments] == pytest.approx([0.01] * 3, rel=0.006)
    assert [one.p99_s for one in moments] == pytest.approx([0.01, 1.0, 0.01], rel=0.006)


def test_what_failed_counts_and_has_no_time() -> None:
    (first, second) = _timeline([[], [0.5] * 3], failed=2)
    assert (first.count, first.failed, first.median_s) == (2, 2, None)
    assert (second.count, second.failed, second.p99_s) == (5, 2, None)
    assert second.median_s == pytest.approx(0.5, rel=0.006)


def test_a_scale_that_grew_coarser_on_the_way_loses_nothing() -> None:
    timeline, histogram = Timeline(), ExponentialHistogram()
    for place, times_s in enumerate([[0.01] * 10, [0.02] * 10], 1):
        histogram.record_many(times_s)
        histogram.downscale(6 - place)
        timeline.add(
            Snapshot(
                elapsed_s=float(place),
                ok=10 * place,
                failed=0,
                dropped=0,
                per_s=0.0,
                metrics={},
                times=histogram.data(),
            )
        )
    assert [one.median_s for one in timeline.moments()] == pytest.approx([0.01, 0.02], rel=0.03)


def test_a_long_load_has_fewer_and_longer_intervals() -> None:
    moments = _timeline([[0.01] * 2] * 1_501)
    assert len(moments) <= 600
    assert sum(one.count for one in moments) == 3_002
    assert moments[-1].at_s == 1_501.0
    assert [one.at_s for one in moments] == sorted(one.at_s for one in moments)
