"""Two hosts, as network namespaces: a wire between them, and a loopback of its own on each."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.locust.running import (
    CLOSED,
    NEEDS_LOCUST,
    Load,
    eventually,
    read_run,
    target,
)
from tests.locust.test_truth import assert_true

pytestmark = [pytest.mark.locust, NEEDS_LOCUST]

MASTER, WORKER = "10.213.77.1", "10.213.77.2"
PORT, TARGET_PORT = "15575", 18081


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Two namespaces of the kernel."""

    names: tuple[str, str]

    def on(self, place: int) -> tuple[str, ...]:
        """Return what runs a command there."""
        return ("ip", "netns", "exec", self.names[place])

    def cut(self) -> None:
        """Cut the wire."""
        _ip("-n", self.names[1], "link", "set", "wire1", "down")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _connect(names: tuple[str, str]) -> None:
    for name in names:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    peer = ("peer", "name", "wire1", "netns", names[1])
    _ip("-n", names[0], "link", "add", "wire0", "type", "veth", *peer)
    for place, address in enumerate((MASTER, WORKER)):
        _ip("-n", names[place], "address", "add", f"{address}/24", "dev", f"wire{place}")
        _ip("-n", names[place], "link", "set", f"wire{place}", "up")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    names = (f"perfgate{os.getpid()}a", f"perfgate{os.getpid()}b")
    try:
        try:
            _connect(names)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"this machine makes no network namespaces: {error}")
        yield Hosts(names=names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _loads(hosts: Hosts, folder: Path, url: str, time: str) -> tuple[Load, Load, Load]:
    """Start a master and a worker on one host, and a worker on the other."""
    (folder / "users.py").write_text(CLOSED)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    master = Load(
        folder,
        *("--locust", "users.py", "--host", url, "--users", "8", "--time", time),
        *("--master", "--master-bind-host", MASTER, "--master-port", PORT),
        *("--expect-workers", "2", "--limit", "p95 < 5s", "--json", "load.json"),
        prefix=hosts.on(0),
    )
    worker = ("--worker", "--master-host", MASTER, "--master-port", PORT)
    near, far = (Load(elsewhere, *worker, prefix=hosts.on(place)) for place in (0, 1))
    return master, near, far


def test_two_hosts_count_as_one(tmp_path: Path, hosts: Hosts) -> None:
    with (
        target(port=TARGET_PORT, prefix=hosts.on(0)) as url,
        target(port=TARGET_PORT, prefix=hosts.on(1)),
    ):
        master, near, far = _loads(hosts, tmp_path, url, "5s")
        ended = master.end()
        assert [near.end().status, far.end().status] == [0, 0]
    assert ended.status == 0, ended.err + ended.out
    run = read_run(tmp_path / "load.json")
    assert all(one["count"] > 50 for one in run["generators"])
    assert_true(tmp_path / "elsewhere", run)


def test_a_host_that_is_cut_off_makes_the_load_inconclusive_and_stops(
    tmp_path: Path, hosts: Hosts
) -> None:
    with (
        target(port=TARGET_PORT, prefix=hosts.on(0)) as url,
        target(port=TARGET_PORT, prefix=hosts.on(1)),
    ):
        master, near, far = _loads(hosts, tmp_path, url, "60s")
        eventually(lambda: near.workers() and far.workers(), "both hosts make load")
        hosts.cut()
        ended = master.end()
        near.end()
        far.end()  # which hears no more of its master, and ends by itself
    assert ended.status == 3, ended.err + ended.out
    assert any("was lost" in doubt for doubt in read_run(tmp_path / "load.json")["doubts"])
