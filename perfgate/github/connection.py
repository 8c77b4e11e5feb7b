"""Where GitHub is and who asks: read from what Actions puts into the environment, checked once."""

import dataclasses
import datetime as dt
import time
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

from perfgate.errors import UsageError

__all__ = ["Clock", "Connection", "SystemClock", "connection_from", "origin_of"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

Origin = tuple[str, str, int | None]
"""Scheme, host and port."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An API and a token for it; URLs come without a slash at their end."""

    api_url: str
    server_url: str
    token: str = dataclasses.field(repr=False)
    ca_file: str = ""
    """Certificates to trust besides the usual ones; empty: none."""


class Clock(Protocol):
    """What the client knows of time."""

    def now(self) -> dt.datetime:
        """Return the time of day, in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""


class SystemClock:
    """The real time."""

    def now(self) -> dt.datetime:
        """Return the time of day, in UTC."""
        return dt.datetime.now(tz=dt.UTC)

    def monotonic_s(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        time.sleep(seconds)


def connection_from(environ: Mapping[str, str]) -> Connection:
    """Read GITHUB_API_URL, GITHUB_SERVER_URL, GITHUB_TOKEN or GH_TOKEN, and SSL_CERT_FILE.

    Raises:
        UsageError: there is no token, or an address that a token must not be sent to.
    """
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
    if not token:
        raise UsageError(
            "GITHUB_TOKEN is not set: give the step `env: GITHUB_TOKEN: ${{ github.token }}`"
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("GITHUB_TOKEN holds characters that no token has")
    return Connection(
        api_url=_url(environ, "GITHUB_API_URL", "https://api.github.com"),
        server_url=_url(environ, "GITHUB_SERVER_URL", "https://github.com"),
        token=token,
        ca_file=environ.get("SSL_CERT_FILE", ""),
    )


def origin_of(url: str) -> Origin | None:
    """Return the origin of a URL that may be asked; None for anything but HTTPS.

    Unencrypted only on this machine, where the tests' GitHub lives.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    is_private = parts.scheme == "http" and host in _LOOPBACK
    if not host or parts.username or not (parts.scheme == "https" or is_private):
        return None
    return parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme]


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    url = (environ.get(name) or default).rstrip("/")
    if origin_of(url) is None or "?" in url or "#" in url:
        raise UsageError(f"{name}: {url} is no address with https://")
    return url
