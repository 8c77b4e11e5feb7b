import anyio
import pytest

from perfgate.load import Closed, Live, Open, Snapshot, run_async, run_threads
from perfgate.stats.quantiles import nearest_rank

pytestmark = pytest.mark.anyio


class Seen:
    """Keeps snapshots, and ends the load at the one of that number."""

    def __init__(self, last: int = 1_000_000) -> None:
        self.snapshots: list[Snapshot] = []
        self._last = last

    def __call__(self, snapshot: Snapshot) -> bool:
        self.snapshots.append(snapshot)
        return len(self.snapshots) >= self._last


async def _wait() -> None:
    await anyio.sleep(0.001)


async def _fail() -> None:
    await anyio.sleep(0.001)
    raise LookupError


async def test_snapshots_show_a_load_while_it_runs() -> None:
    seen = Seen()
    result = await run_async(
        _wait, Closed(concurrency=3, duration_s=0.2), observer=Live(seen, period_s=0.02)
    )
    counts = [snapshot.ok for snapshot in seen.snapshots]
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= result.ok
    assert not result.is_aborted


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(Closed(concurrency=3, duration_s=60), id="closed"),
        pytest.param(Open(rate_per_s=300, duration_s=60), id="open"),
    ],
)
async def test_an_observer_ends_a_load_and_what_was_measured_is_kept(model: Closed | Open) -> None:
    seen = Seen(last=3)
    result = await run_async(_wait, model, observer=Live(seen, period_s=0.02))
    assert len(seen.snapshots) == 3
    assert result.is_aborted
    assert result.ok >= seen.snapshots[-1].ok > 0
    assert result.wall_s < 10
    assert result.doubts[0].startswith("aborted")


async def test_failures_are_seen_as_they_come() -> None:
    seen = Seen(last=2)
    await run_async(_fail, Closed(duration_s=60), observer=Live(seen, period_s=0.02))
    last = seen.snapshots[-1]
    assert last.failed > 0
    assert last.metrics["success_rate"] == 0
    assert last.metrics["p95"] is None


async def test_times_of_a_snapshot_are_those_of_the_result_within_one_percent() -> None:
    seen = Seen()
    result = await run_async(
        _wait, Open(rate_per_s=1000, duration_s=0.5), observer=Live(seen, period_s=0.1)
    )
    last = seen.snapshots[-1]
    times = sorted(result.times.all_s())[: last.ok]
    assert last.metrics["p50"] == pytest.approx(nearest_rank(times, 50), rel=0.5)
    assert last.metrics["max"] is not None


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_load_on_threads_is_shown_and_ended_likewise(concurrency: int) -> None:
    seen = Seen(last=3)
    result = run_threads(
        lambda: sum(range(1000)),
        Closed(concurrency=concurrency, duration_s=60),
        observer=Live(seen, period_s=0.02),
    )
    assert result.is_aborted
    assert result.wall_s < 10
    assert result.ok >= seen.snapshots[-1].ok > 0
