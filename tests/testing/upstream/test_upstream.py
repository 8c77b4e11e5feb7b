"""The upstream over real sockets, in its own process."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from perfgate.testing.upstream import (
    Fault,
    FaultKind,
    Latency,
    LimitKind,
    LimitScope,
    RateLimit,
    Upstream,
    UpstreamError,
    start_upstream,
)

HERE = "tests.testing.upstream.crashing"


@pytest.fixture(scope="module")
def shared() -> Iterator[Upstream]:
    with start_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared: Upstream) -> Upstream:
    shared.clear_faults()
    shared.set_latency(None)
    shared.set_limits(())
    shared.forget()
    return shared


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, trust_env=False, verify=False) as client:  # noqa: S501 - plain http
        yield client


def test_the_plain_application_answers_everything(upstream: Upstream, client: httpx.Client) -> None:
    answer = client.post(f"{upstream.url}/any/thing", content=b"x" * 100_000)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_hits_are_logged_with_the_time_of_this_machine(
    upstream: Upstream, client: httpx.Client
) -> None:
    before_s = time.monotonic()
    client.get(f"{upstream.url}/a?b=c", headers={"authorization": "Bearer x"})
    client.put(f"{upstream.url}/d")
    after_s = time.monotonic()
    first, second = upstream.hits()
    assert before_s < first.at_s < second.at_s < after_s
    assert (first.method, first.path, first.status) == ("GET", "/a", 200)
    assert (first.credential, first.fault, first.is_limited) == ("Bearer x", "", False)
    assert (second.method, second.path) == ("PUT", "/d")


def test_orders_are_not_counted_as_hits(upstream: Upstream) -> None:
    upstream.inject(Fault(kind=FaultKind.RESET))
    upstream.stall(0)
    assert upstream.statistics().hits == 0


def test_the_log_is_bounded_and_the_counts_are_not(client: httpx.Client) -> None:
    with start_upstream(hit_log_size=3) as upstream:
        for number in range(5):
            client.get(f"{upstream.url}/{number}")
        assert [hit.path for hit in upstream.hits()] == ["/2", "/3", "/4"]
        assert upstream.statistics().hits == 5
        upstream.forget()
        assert (upstream.hits(), upstream.statistics().hits) == ((), 0)


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param(FaultKind.RESET, httpx.ReadError, id="reset"),
        pytest.param(FaultKind.CLOSE, httpx.RemoteProtocolError, id="close"),
        pytest.param(FaultKind.TRUNCATE, httpx.RemoteProtocolError, id="truncate"),
        pytest.param(FaultKind.GARBAGE, httpx.RemoteProtocolError, id="garbage"),
    ],
)
def test_an_answer_is_broken_on_order_and_the_next_one_is_whole(
    upstream: Upstream, client: httpx.Client, kind: FaultKind, error: type[Exception]
) -> None:
    upstream.inject(Fault(kind=kind))
    with pytest.raises(error):
        client.get(upstream.url)
    assert client.get(upstream.url).status_code == 200
    assert [hit.fault for hit in upstream.hits()] == [kind.value, ""]


def test_an_answer_that_hangs_is_given_up_and_forgotten(
    upstream: Upstream, client: httpx.Client
) -> None:
    upstream.inject(Fault(kind=FaultKind.HANG))
    with pytest.raises(httpx.ReadTimeout):
        client.get(upstream.url, timeout=0.05)
    client.get(upstream.url)
    statistics = upstream.statistics()
    assert (statistics.in_flight, statistics.by_status) == (0, {0: 1, 200: 1})


def test_a_status_is_answered_on_order(upstream: Upstream, client: httpx.Client) -> None:
    upstream.inject(Fault(kind=FaultKind.STATUS, status=502, headers={"retry-after": "7"}))
    answer = client.get(upstream.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (502, "7")


def test_a_refusal_by_order_tells_how_long_to_wait(
    upstream: Upstream, client: httpx.Client
) -> None:
    upstream.inject(Fault(kind=FaultKind.RATE_LIMITED, seconds=2.5))
    answer = client.get(upstream.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert upstream.hits()[0].is_limited is False


def test_a_refusal_by_order_speaks_of_a_limit_that_the_api_documents(client: httpx.Client) -> None:
    with start_upstream("benchmarks.upstreams.stripe:create") as upstream:
        upstream.inject(Fault(kind=FaultKind.RATE_LIMITED))
        answer = client.get(f"{upstream.url}/v1/customers")
    assert answer.status_code == 429
    assert answer.headers["stripe-rate-limited-reason"] == "global-rate"
    assert answer.headers["request-id"].startswith("req_")


def test_a_slow_body_comes_whole_and_late(upstream: Upstream, client: httpx.Client) -> None:
    upstream.inject(Fault(kind=FaultKind.SLOW_BODY, seconds=0.1))
    start_s = time.monotonic()
    with client.stream("GET", upstream.url) as answer:
        body = b"".join(answer.iter_raw(1))
    assert body == b'{"ok":true}'
    # Never sooner than ordered; how much later is the machine's affair.
    assert time.monotonic() - start_s >= 0.1


def test_latency_and_a_stall_hold_the_answer_back(upstream: Upstream, client: httpx.Client) -> None:
    upstream.set_latency(Latency(mean_s=0.05))
    start_s = time.monotonic()
    client.get(upstream.url)
    assert time.monotonic() - start_s >= 0.05
    upstream.stall(0.1)
    start_s = time.monotonic()
    client.get(upstream.url)
    # The stall began before this clock was read.
    assert time.monotonic() - start_s >= 0.08


def test_requests_do_not_wait_for_each_others_latency(upstream: Upstream) -> None:
    upstream.set_latency(Latency(mean_s=60))
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            connection = socket.create_connection(("127.0.0.1", upstream.port))
            stack.enter_context(connection)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        _eventually(lambda: upstream.statistics().in_flight == 8)
    _eventually(lambda: upstream.statistics().in_flight == 0)


def test_much_that_is_sent_ahead_is_answered_all_the_same(upstream: Upstream) -> None:
    count = 5000
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        upstream.set_latency(Latency(mean_s=0.05))
        request = b"GET / HTTP/1.1\r\nx-filler: " + b"x" * 100 + b"\r\n\r\n"
        connection.sendall(request)
        _eventually(lambda: upstream.statistics().in_flight == 1)
        upstream.set_latency(None)
        sender = threading.Thread(target=connection.sendall, args=(request * (count - 1),))
        sender.start()
        answer = b'{"ok":true}'
        seen = 0
        rest = b""
        while seen < count:
            pieces = (rest + connection.recv(65536)).split(answer)
            seen += len(pieces) - 1
            rest = pieces[-1]
        sender.join()
    assert upstream.statistics().hits == count


# --- limits ---------------------------------------------------------------------------------------


def test_a_limit_is_enforced_on_arrivals_and_comes_back_with_time(
    upstream: Upstream, client: httpx.Client
) -> None:
    upstream.set_limits([RateLimit(name="hour", limit=3, window_s=3600)])
    statuses = [client.get(upstream.url).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    upstream.advance(3600)
    assert client.get(upstream.url).status_code == 200
    assert upstream.statistics().limited == 2


def test_callers_have_limits_of_their_own(upstream: Upstream, client: httpx.Client) -> None:
    upstream.set_limits([RateLimit(name="own", limit=1, window_s=60, scope=LimitScope.CREDENTIAL)])
    keys = ["a", "a", "b"]
    answers = [client.get(upstream.url, headers={"authorization": key}) for key in keys]
    assert [answer.status_code for answer in answers] == [200, 429, 200]


def test_concurrent_requests_are_limited_until_they_are_answered(
    upstream: Upstream, client: httpx.Client
) -> None:
    upstream.set_limits([RateLimit(name="one", limit=1, kind=LimitKind.CONCURRENT)])
    upstream.inject(Fault(kind=FaultKind.SLOW_BODY, seconds=5))
    with client.stream("GET", upstream.url):
        assert client.get(upstream.url).status_code == 429
    # The client closed that connection; the place is free as soon as the server has noticed.
    _eventually(lambda: upstream.statistics().in_flight == 0)
    assert client.get(upstream.url).status_code == 200


# --- life and death -------------------------------------------------------------------------------


def test_it_stops_with_the_block_and_may_be_stopped_again() -> None:
    with start_upstream() as upstream:
        was_alive = upstream.is_alive
    assert (was_alive, upstream.is_alive) == (True, False)
    upstream.stop()


def test_after_a_kill_it_comes_back_on_the_same_port(client: httpx.Client) -> None:
    with start_upstream() as first:
        first.kill()
        with pytest.raises(httpx.ConnectError):
            client.get(first.url)
        with pytest.raises(UpstreamError, match="does not answer"):
            first.hits()
        with start_upstream(port=first.port) as second:
            assert client.get(first.url).status_code == 200
            assert second.pid != first.pid


def test_a_crash_of_the_application_is_raised_at_the_end(client: httpx.Client) -> None:
    upstream = start_upstream(f"{HERE}:on_a_request")
    assert client.get(f"{upstream.url}/path").status_code == 500
    with pytest.raises(UpstreamError, match="KeyError: '/path'"):
        upstream.stop()


@pytest.mark.parametrize(
    ("application", "problem"),
    [
        pytest.param(f"{HERE}:at_the_start", "no such database", id="raises"),
        pytest.param(f"{HERE}:missing", "has no attribute 'missing'", id="no-such-factory"),
        pytest.param("no_such_module:create", "No module named", id="no-such-module"),
    ],
)
def test_an_application_that_cannot_start_says_why(application: str, problem: str) -> None:
    with pytest.raises(UpstreamError, match=problem):
        start_upstream(application)


def test_a_port_that_is_taken_is_named() -> None:
    with (
        start_upstream() as first,
        pytest.raises(UpstreamError, match=f"cannot listen on 127.0.0.1:{first.port}"),
    ):
        start_upstream(port=first.port)


def test_an_order_that_makes_no_sense_is_an_error(upstream: Upstream) -> None:
    with pytest.raises(UpstreamError, match="time does not run backwards"):
        upstream.advance(-1)


def test_it_dies_with_the_process_that_started_it() -> None:
    code = (
        "import os, signal\n"
        "from perfgate.testing.upstream import start_upstream\n"
        "print(start_upstream().pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root
    )
    assert result.returncode == -signal.SIGKILL, result.stderr
    _wait_for_the_end_of(int(result.stdout))


def _wait_for_the_end_of(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    _eventually(lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z")


def _eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another process does in its own time."""
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        os.sched_yield()
