"""What goes wrong in a load of many processes: never a pass, and nothing left behind."""

import signal
import socket
from pathlib import Path

import pytest

from tests.locust.running import (
    CLOSED,
    NEEDS_LOCUST,
    USERS,
    Load,
    eventually,
    read_run,
    run_load,
    target,
)

pytestmark = [pytest.mark.locust, NEEDS_LOCUST]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "users.py").write_text(CLOSED)
    return tmp_path


def _load(folder: Path, url: str, time: str, *more: str) -> Load:
    return Load(
        folder,
        *("--locust", "users.py", "--host", url, "--users", "8", "--time", time),
        *("--limit", "p95 < 5s", "--json", "load.json", *more),
    )


def test_a_worker_that_is_killed_makes_the_load_inconclusive_and_ends_it(folder: Path) -> None:
    with target() as url:
        load = _load(folder, url, "60s", "--processes", "2")
        eventually(lambda: len(load.workers()) == 2, "both workers make load")
        load.workers()[0].kill()
        ended = load.end()
    assert ended.status == 3, ended.err + ended.out
    run = read_run(folder / "load.json")
    assert run["outcome"] == "inconclusive"
    assert any("was lost" in doubt for doubt in run["doubts"])
    assert run["wall_s"] < 40  # it did not go on for nothing
    assert [one["is_complete"] for one in run["generators"]].count(False) == 1


def test_all_workers_killed_is_no_verdict_either(folder: Path) -> None:
    with target() as url:
        load = _load(folder, url, "60s", "--processes", "2")
        eventually(lambda: len(load.workers()) == 2, "both workers make load")
        for worker in load.workers():
            worker.kill()
        ended = load.end()
    assert ended.status == 3, ended.err + ended.out


def test_a_worker_that_stands_still_makes_the_load_inconclusive_and_ends_it(folder: Path) -> None:
    with target() as url:
        load = _load(folder, url, "60s", "--processes", "2")
        eventually(lambda: len(load.workers()) == 2, "both workers make load")
        load.workers()[0].suspend()
        ended = load.end()
    assert ended.status == 3, ended.err + ended.out
    assert any("was lost" in doubt for doubt in read_run(folder / "load.json")["doubts"])


def test_a_worker_that_never_joins_makes_the_load_inconclusive(folder: Path) -> None:
    port = "15572"
    (folder / "other").mkdir()
    with target() as url:
        options = ("--master", "--expect-workers", "2", "--master-port", port, "--wait", "4s")
        load = _load(folder, url, "5s", *options)
        worker = Load(folder / "other", "--worker", "--master-port", port)
        ended = load.end()
        worker.end()
    assert ended.status == 3, ended.err + ended.out
    assert "1 of 2 workers joined within 4 s" in ended.err
    assert not (folder / "load.json").exists()


def test_a_port_that_is_taken_is_told_at_once(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_load(
            folder,
            *("--locust", "users.py", "--time", "5s", "--json", "load.json"),
            *("--master", "--expect-workers", "1", "--master-port", port),
        )
    assert ended.status == 2
    assert ended.err == f"perfgate: --master-port {port}: 127.0.0.1: Address already in use\n"
    assert not (folder / "load.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "options", [pytest.param((), id="alone"), pytest.param(("--processes", "2"), id="workers")]
)
def test_an_interrupt_ends_everything_and_writes_nothing(
    folder: Path, number: int, options: tuple[str, ...]
) -> None:
    with target() as url:
        load = _load(folder, url, "60s", *options)
        eventually(load.workers, "load")
        load.signal(number)
        ended = load.end()
    assert ended.status == 130, ended.err + ended.out
    assert ended.err.strip() == "perfgate: interrupted: nothing was judged"
    assert not (folder / "load.json").exists()


def test_locust_ends_with_a_perfgate_that_was_killed(folder: Path) -> None:
    with target() as url:
        load = _load(folder, url, "60s", "--processes", "2")
        eventually(lambda: len(load.workers()) == 2, "both workers make load")
        load.look()
        load.signal(signal.SIGKILL)
        assert load.end().status == -signal.SIGKILL  # which sees that nothing is left
    assert not (folder / "load.json").exists()


def test_a_master_that_was_killed_gives_no_verdict(folder: Path) -> None:
    with target() as url:
        load = _load(folder, url, "60s", "--processes", "2")
        eventually(lambda: len(load.workers()) == 2, "both workers make load")
        load.look()[0].kill()
        ended = load.end()
    assert ended.status == 3, ended.err + ended.out
    assert "before its result was whole" in ended.err
    assert not (folder / "load.json").exists()


def test_a_generator_that_is_saturated_makes_the_load_inconclusive(folder: Path) -> None:
    (folder / "users.py").write_text(
        USERS
        + """
class Busy(FastHttpUser):
    @task
    def work(self):
        sum(range(200_000))
        self.client.get("/look")
"""
    )
    with target() as url:
        ended = _load(folder, url, "6s").end()
    assert ended.status == 3, ended.err + ended.out
    assert any(
        "operations queued in it" in each for each in read_run(folder / "load.json")["doubts"]
    )


def test_dropped_arrivals_make_the_load_inconclusive(folder: Path) -> None:
    (folder / "users.py").write_text(
        USERS
        + """
class Visitor(OpenUser):
    rate_per_s = 50
    max_in_flight = 2

    @task
    def look(self):
        self.client.get("/look")
"""
    )
    with target(stall_s=1.0, every_s=2.0) as url:
        ended = _load(folder, url, "5s").end()
    assert ended.status == 3, ended.err + ended.out
    run = read_run(folder / "load.json")
    assert run["dropped"] > 10
    assert any(doubt.endswith("too many were under way") for doubt in run["doubts"])


def test_a_server_that_is_not_there_is_no_pass(folder: Path) -> None:
    ended = _load(folder, "http://127.0.0.1:9", "3s").end()
    assert ended.status in {1, 3}, ended.err + ended.out
    assert read_run(folder / "load.json")["total"]["failures"].keys() == {"connect"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("def broken(:\n", "SyntaxError", id="syntax"),
        pytest.param("import no_such_module\n", "ModuleNotFoundError", id="import"),
    ],
)
def test_a_broken_locustfile_is_told_with_what_locust_said(
    folder: Path, text: str, message: str
) -> None:
    (folder / "users.py").write_text(text)
    ended = _load(folder, "http://127.0.0.1:9", "3s").end()
    assert ended.status == 2
    assert "before there was any load" in ended.err.splitlines()[0]
    assert message in ended.err
