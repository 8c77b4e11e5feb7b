import socket
import ssl
from collections.abc import Callable

import httpx
import pytest
import requests

from perfgate.load import Outcome, classify
from perfgate.load.outcomes import detail_of, outcome_of_result, status_of
from perfgate.services.errors import (
    CircuitOpenError,
    ConnectionFailedError,
    RateLimitError,
    ServerFailedError,
    ServiceTimeoutError,
)


def _raised(function: Callable[[], object]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test is about
        return error
    raise AssertionError("nothing was raised")


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _connect_error() -> httpx.ConnectError:
    error = httpx.ConnectError("no")
    error.__cause__ = socket.gaierror(-2, "unknown")
    return error


REQUEST = httpx.Request("GET", "http://x")
REPLY = httpx.Response(503, request=REQUEST)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(TimeoutError(), Outcome.TIMEOUT, id="timeout"),
        pytest.param(httpx.ReadTimeout("late"), Outcome.TIMEOUT, id="httpx-timeout"),
        pytest.param(requests.ConnectTimeout(), Outcome.TIMEOUT, id="requests-timeout"),
        pytest.param(
            ServiceTimeoutError("s", "x", was_sent=True), Outcome.TIMEOUT, id="service-timeout"
        ),
        pytest.param(ConnectionRefusedError(), Outcome.CONNECT, id="refused"),
        pytest.param(httpx.ConnectError("no"), Outcome.CONNECT, id="httpx-connect"),
        pytest.param(_connect_error(), Outcome.DNS, id="httpx-name"),
        pytest.param(
            ConnectionFailedError("s", "x", was_sent=False), Outcome.CONNECT, id="service-connect"
        ),
        pytest.param(
            ConnectionFailedError("s", "x", was_sent=True), Outcome.RESET, id="service-reset"
        ),
        pytest.param(socket.gaierror(-2, "unknown"), Outcome.DNS, id="name"),
        pytest.param(ssl.SSLCertVerificationError(), Outcome.TLS, id="certificate"),
        pytest.param(ConnectionResetError(), Outcome.RESET, id="reset"),
        pytest.param(BrokenPipeError(), Outcome.RESET, id="pipe"),
        pytest.param(httpx.ReadError("gone"), Outcome.RESET, id="httpx-read"),
        pytest.param(httpx.RemoteProtocolError("garbage"), Outcome.RESET, id="httpx-protocol"),
        pytest.param(
            httpx.HTTPStatusError("no", request=REQUEST, response=REPLY),
            Outcome.HTTP_5XX,
            id="httpx-status",
        ),
        pytest.param(RateLimitError("s", "x", status=429), Outcome.HTTP_429, id="server-limit"),
        pytest.param(RateLimitError("s", "x", status=420), Outcome.HTTP_429, id="server-quota"),
        pytest.param(RateLimitError("s", "x"), Outcome.RATE_LIMITED, id="own-limit"),
        pytest.param(CircuitOpenError("s"), Outcome.CIRCUIT_OPEN, id="breaker"),
        pytest.param(ServerFailedError("s", "x", status=500), Outcome.HTTP_5XX, id="service-5xx"),
        pytest.param(Exception("Rate limit exceeded"), Outcome.RATE_LIMITED, id="words-limit"),
        pytest.param(Exception("circuit is open"), Outcome.CIRCUIT_OPEN, id="words-breaker"),
        pytest.param(AssertionError("no"), Outcome.ASSERTION, id="assertion"),
        pytest.param(ValueError("no"), Outcome.EXCEPTION, id="anything-else"),
    ],
)
def test_an_error_is_of_its_kind(error: Exception, outcome: Outcome) -> None:
    assert classify(error) is outcome


def test_errors_of_requests_are_told_by_what_broke_underneath() -> None:
    refused = _raised(lambda: requests.get(f"http://127.0.0.1:{_closed_port()}", timeout=5))
    assert classify(refused) is Outcome.CONNECT


def test_a_detail_is_the_status_or_the_class() -> None:
    assert detail_of(ServerFailedError("s", "x", status=502)) == "status 502"
    assert detail_of(ValueError()) == "ValueError"


def test_a_result_fails_by_its_status_alone() -> None:
    assert outcome_of_result(httpx.Response(429)) is Outcome.HTTP_429
    assert outcome_of_result(httpx.Response(204)) is Outcome.OK
    assert outcome_of_result({"status_code": 500}) is Outcome.OK
    assert outcome_of_result(500) is Outcome.OK
    assert status_of(httpx.Response(418)) == 418
