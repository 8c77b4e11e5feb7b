"""What Locust's workers measured, against every single request as they saw it."""

from pathlib import Path
from typing import Any

import pytest

from perfgate.stats.quantiles import nearest_rank
from tests.locust.running import (
    CLOSED,
    NEEDS_LOCUST,
    USERS,
    Load,
    eventually,
    raw_samples,
    read_run,
    run_load,
    target,
)

pytestmark = [pytest.mark.locust, NEEDS_LOCUST]

BROKEN = (
    CLOSED
    + """
    @task
    def fail(self):
        self.client.get("/broken")

    @task
    def crash(self):
        raise LookupError("the scenario itself is broken")
"""
)
OPEN = (
    USERS
    + """
class Visitor(OpenUser):
    rate_per_s = 10

    @task
    def look(self):
        self.client.get("/look")
"""
)


def assert_true(folder: Path, run: dict[str, Any]) -> None:
    """Check the counts, which must be identical, and the quantiles, within one in a hundred."""
    samples = raw_samples(folder)
    parts = {"": run["total"], **{one["name"]: one for one in run["series"]}}
    for name, part in parts.items():
        own = [one for one in samples if name in {"", f"GET {one[0]}"}]
        times = sorted(seconds for _, seconds, good in own if good)
        assert part["ok"] == len(times)
        assert sum(part["failures"].values()) == len(own) - len(times)
        for percent in (50, 90, 95, 99):
            told = part["metrics"].get(f"p{percent}")
            if told is not None:
                assert told == pytest.approx(nearest_rank(times, percent), rel=0.01)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="one-process"),
        pytest.param(("--processes", "1"), id="one-worker"),
        pytest.param(("--processes", "4"), id="four-workers"),
    ],
)
def test_counts_are_identical_and_quantiles_within_one_percent(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "users.py").write_text(CLOSED)
    with target() as url:
        ended = run_load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "12", "--time", "5s"),
            *(*options, "--limit", "p95 < 2s", "--json", "load.json"),
        )
    assert ended.status == 0, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert run["outcome"] == "passed"
    assert run["total"]["metrics"]["p99"] > 0  # there were enough for it
    assert {one["name"] for one in run["series"]} == {"GET /look", "GET /buy"}
    assert_true(tmp_path, run)


def test_workers_of_other_terminals_get_the_scenario_from_the_master(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(CLOSED)
    port = "15571"
    elsewhere = tmp_path / "elsewhere"
    (elsewhere).mkdir()
    with target() as url:
        master = Load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "8", "--time", "4s"),
            *("--master", "--expect-workers", "2", "--master-port", port),
            *("--limit", "p95 < 2s", "--json", "load.json"),
        )
        workers = [
            Load(elsewhere, "--worker", "--master-host", "127.0.0.1", "--master-port", port)
            for _ in range(2)
        ]
        ended = master.end()
        assert [worker.end().status for worker in workers] == [0, 0]
    assert ended.status == 0, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert [one["is_complete"] for one in run["generators"]] == [True, True]
    assert_true(elsewhere, run)


def test_failures_are_counted_by_kind_and_so_is_a_scenario_that_raises(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(BROKEN)
    with target() as url:
        ended = run_load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "4", "--time", "3s"),
            *("--limit", "success_rate > 95%", "--limit", "GET /look: error_rate < 1%"),
            *("--json", "load.json", "--markdown", "load.md", "--html", "load.html"),
        )
    assert ended.status == 1, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert [failure.partition(":")[0] for failure in run["failures"]] == ["success_rate > 95%"]
    by_name = {one["name"]: one for one in run["series"]}
    assert by_name["GET /broken"]["failures"].keys() == {"http_5xx"}
    assert by_name["task of Shopper"]["failures"].keys() == {"exception"}
    broken = [good for name, _, good in raw_samples(tmp_path) if name == "/broken"]
    assert sum(by_name["GET /broken"]["failures"].values()) == len(broken)
    assert "GET /broken" in (tmp_path / "load.md").read_text()
    assert "GET /broken" in (tmp_path / "load.html").read_text()


def test_a_warm_up_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(CLOSED)
    with target() as url:
        ended = run_load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "4", "--time", "5s"),
            *("--warmup", "2s", "--json", "load.json"),
        )
    assert ended.status == 0, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    counted, all_of_it = run["total"]["ok"], len(raw_samples(tmp_path))
    assert 0.3 * all_of_it < counted < 0.8 * all_of_it


@pytest.mark.parametrize(
    "options",
    [pytest.param((), id="one-process"), pytest.param(("--processes", "2"), id="two-workers")],
)
def test_a_stall_is_charged_to_all_who_would_have_arrived_in_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """One second in every four: a quarter of those who arrive as planned meet it."""
    (tmp_path / "users.py").write_text(OPEN)
    with target(stall_s=1.0, every_s=4.0) as url:
        ended = run_load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "10", "--time", "12s"),
            *("--limit", "p90 < 300ms", "--json", "load.json", *options),
        )
    assert ended.status == 1, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert run["demand"]["kind"] == "open"
    assert len(run["failures"]) == 1
    # Those of the last 12.5 % of the time meet more than half of the stall.
    assert 0.3 < run["total"]["metrics"]["p90"] < 1.2
    assert run["total"]["ok"] > 900  # of 1200 that were planned


def test_a_limit_that_is_broken_ends_a_load_early(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(CLOSED)
    with target() as url:
        load = Load(
            tmp_path,
            *("--locust", "users.py", "--host", url, "--users", "8", "--time", "60s"),
            *("--processes", "2", "--limit", "p95 < 1ms", "--abort-on-fail", "--grace", "1s"),
            *("--json", "load.json"),
        )
        eventually(load.workers, "load")
        ended = load.end()
    assert ended.status == 1, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert run["wall_s"] < 30
    assert "ended early" in run["failures"][0]
    assert_true(tmp_path, run)  # what was under way is counted, too
