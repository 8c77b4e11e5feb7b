"""What became of an operation: one of few kinds, whatever library raised or returned it.

No client library is imported to know its errors: they are told by their names and by the status
that they carry, so an installed httpx costs nothing and a missing one breaks nothing.
"""

import enum
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["Outcome", "classify", "detail_of", "outcome_of_result", "status_of"]


class Outcome(enum.Enum):
    """The kind of an operation's end."""

    OK = "ok"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    DNS = "dns"
    TLS = "tls"
    RESET = "reset"
    """The connection broke, or carried what is no answer."""
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    ASSERTION = "assertion"
    RATE_LIMITED = "rate_limited"
    """A limit on this side refused it: nothing was sent."""
    CIRCUIT_OPEN = "circuit_open"
    CANCELLED = "cancelled"
    """The operation cancelled itself, or waited for something that was."""
    EXCEPTION = "exception"


_FIRST_REFUSAL: Final = 400
_TOO_MANY: Final = frozenset({420, 429})
"""420 is what Twitter once and Cloudinary still answers beyond a quota."""
_FIRST_SERVER_ERROR: Final = 500
_LAST_STATUS: Final = 599
_LONGEST_CHAIN: Final = 10

_NAMES: Final = {
    "AssertionError": Outcome.ASSERTION,
    "TimeoutError": Outcome.TIMEOUT,
    "TimeoutException": Outcome.TIMEOUT,  # httpx
    "Timeout": Outcome.TIMEOUT,  # requests
    "ServiceTimeoutError": Outcome.TIMEOUT,
    "RateLimitError": Outcome.RATE_LIMITED,
    "CircuitOpenError": Outcome.CIRCUIT_OPEN,
    "CircuitBreakerError": Outcome.CIRCUIT_OPEN,  # pybreaker, circuitbreaker
    "CircuitBreakerOpenError": Outcome.CIRCUIT_OPEN,
}
_TRANSPORT_NAMES: Final = {
    "gaierror": Outcome.DNS,
    "NameResolutionError": Outcome.DNS,  # urllib3
    "ClientConnectorDNSError": Outcome.DNS,  # aiohttp
    "SSLError": Outcome.TLS,
    "ClientSSLError": Outcome.TLS,  # aiohttp
    "ConnectionRefusedError": Outcome.CONNECT,
    "NewConnectionError": Outcome.CONNECT,  # urllib3
    "ConnectError": Outcome.CONNECT,  # httpx
    "ClientConnectorError": Outcome.CONNECT,  # aiohttp
    "ConnectionResetError": Outcome.RESET,
    "ConnectionAbortedError": Outcome.RESET,
    "BrokenPipeError": Outcome.RESET,
    "BrokenResourceError": Outcome.RESET,  # anyio, trio
    "IncompleteReadError": Outcome.RESET,
    "ServerDisconnectedError": Outcome.RESET,  # aiohttp
    "NetworkError": Outcome.RESET,  # httpx: reads and writes
    "ProtocolError": Outcome.RESET,  # httpx, urllib3
    "ChunkedEncodingError": Outcome.RESET,  # requests
    "ConnectionError": Outcome.RESET,
}
_UNSENT: Final = {Outcome.DNS: 3, Outcome.TLS: 2, Outcome.CONNECT: 1, Outcome.RESET: 0}
"""Of several causes in a chain the one that says most."""


def classify(error: BaseException) -> Outcome:
    """Return what kind of end an exception stands for.

    A status that it carries decides; then its own name; then what broke underneath; and for an
    exception of no known name, words such as "rate limit" in its text.
    """
    outcome = _of_status(status_of(error))
    if outcome is not None:
        return outcome
    outcome = _named(error, _NAMES)
    if outcome is not None:
        return outcome
    broken = [found for each in _chain(error) if (found := _transport(each)) is not None]
    if broken:
        return max(broken, key=lambda found: _UNSENT[found])
    return _worded(str(error).lower())


def detail_of(error: BaseException) -> str:
    """Name what happened within its kind: the status, or the class of the exception."""
    status = status_of(error)
    return type(error).__name__ if status is None else f"status {status}"


def status_of(value: object) -> int | None:
    """Return the HTTP status that an exception or a reply carries; None for none."""
    for holder in (value, getattr(value, "response", None)):
        for name in ("status_code", "status", "http_status", "code"):
            status = getattr(holder, name, None)
            if type(status) is int and 100 <= status <= _LAST_STATUS:  # noqa: PLR2004 - HTTP
                return status
    return None


def outcome_of_result(result: object) -> Outcome:
    """Return what an answer stands for that was returned, not raised: its status tells.

    A client that does not raise for a status would pass a server that refuses everything.
    """
    status = getattr(result, "status_code", None)
    if status is None:
        status = getattr(result, "status", None)
    return (_of_status(status) if type(status) is int else None) or Outcome.OK


def _of_status(status: int | None) -> Outcome | None:
    if status is None or not _FIRST_REFUSAL <= status <= _LAST_STATUS:
        return None
    if status in _TOO_MANY:
        return Outcome.HTTP_429
    return Outcome.HTTP_5XX if status >= _FIRST_SERVER_ERROR else Outcome.HTTP_4XX


def _named(error: BaseException, names: dict[str, Outcome]) -> Outcome | None:
    for kind in type(error).__mro__:
        if kind.__name__ in names:
            return names[kind.__name__]
    return None


def _transport(error: Any) -> Outcome | None:
    if isinstance(error, socket.gaierror):
        return Outcome.DNS
    if isinstance(error, ssl.SSLError):
        return Outcome.TLS
    if type(error).__name__ == "ConnectionFailedError":
        return Outcome.RESET if getattr(error, "may_have_happened", True) else Outcome.CONNECT
    return _named(error, _TRANSPORT_NAMES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _worded(text: str) -> Outcome:
    if "rate limit" in text or "too many requests" in text:
        return Outcome.RATE_LIMITED
    if "circuit" in text and "open" in text:
        return Outcome.CIRCUIT_OPEN
    return Outcome.EXCEPTION
