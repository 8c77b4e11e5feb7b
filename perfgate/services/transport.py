"""Requests over httpx and requests, with one outcome for both: a Reply, or a ServiceError.

httpx for the asynchronous services because respx and its own mock transport know it. Its successor
httpx2 is not intercepted by respx yet; it would replace httpx here and nowhere else.
"""

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import msgspec
import requests
import requests.adapters

from perfgate.services.errors import (
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RequestRefusedError,
    ServerFailedError,
    ServiceTimeoutError,
)

__all__ = ["AsyncTransport", "Call", "Reply", "SyncTransport", "decode", "error_class"]

_T = TypeVar("_T")
_SERVER_FAILED = 500
_REFUSED: dict[int, type[RequestRefusedError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a service."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    file: bytes | None = None
    """Sent as the field ``file`` of a multipart form, beside ``form``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of any status; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def decode(service: str, reply: Reply, shape: type[_T]) -> _T:
    """Read the body as JSON of this shape.

    Raises:
        InvalidResponseError: it is not; says where.
    """
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except msgspec.MsgspecError as error:
        raise InvalidResponseError(service, str(error), status=reply.status) from error


def error_class(status: int) -> type[RequestRefusedError] | type[ServerFailedError]:
    """Return the class of error that a status without a meaning of its own stands for."""
    if status >= _SERVER_FAILED:
        return ServerFailedError
    return _REFUSED.get(status, RequestRefusedError)


@functools.cache
def shared_ssl_context() -> ssl.SSLContext:
    """Return the one context of this process: building another takes some 30 ms."""
    return httpx.create_ssl_context()


class AsyncTransport:
    """One long-lived httpx client."""

    def __init__(
        self,
        service: str,
        *,
        timeout_s: float,
        max_connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = service
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=shared_ssl_context(),
            timeout=timeout_s,
            limits=httpx.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            # Credentials come from the configuration, never from ~/.netrc or a proxy's variables.
            trust_env=False,
        )

    async def send(self, call: Call) -> Reply:
        """Send the request and read the whole answer.

        Raises:
            ServiceTimeoutError: no answer in time.
            ConnectionFailedError: no connection, or one that broke.
        """
        try:
            response = await self._client.request(
                call.method,
                call.url,
                headers=call.headers,
                params=call.query or None,
                content=call.body,
                data=call.form or None,
                files=None if call.file is None else {"file": ("file", call.file)},
            )
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ServiceTimeoutError(self._service, _words(error), was_sent=False) from error
        except httpx.TimeoutException as error:
            raise ServiceTimeoutError(self._service, _words(error), was_sent=True) from error
        except httpx.ConnectError as error:
            raise ConnectionFailedError(self._service, _words(error), was_sent=False) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ConnectionFailedError(self._service, _words(error), was_sent=True) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=response.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class _SharedContextAdapter(requests.adapters.HTTPAdapter):
    """An adapter that checks certificates with the shared context instead of one of its own."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=shared_ssl_context())


class SyncTransport:
    """One long-lived session of requests; may be used from several threads."""

    def __init__(
        self,
        service: str,
        *,
        timeout_s: float,
        max_connections: int,
        adapter: requests.adapters.BaseAdapter | None = None,
    ) -> None:
        self._service = service
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False
        chosen = adapter or _SharedContextAdapter(
            pool_connections=1, pool_maxsize=max_connections, pool_block=True
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, chosen)

    def send(self, call: Call) -> Reply:
        """Send the request and read the whole answer.

        Raises:
            ServiceTimeoutError: no answer in time.
            ConnectionFailedError: no connection, or one that broke.
        """
        try:
            response = self._session.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                params=dict(call.query),
                data=dict(call.form) if call.body is None else call.body,
                files=None if call.file is None else {"file": ("file", call.file)},
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.ConnectTimeout as error:
            raise ServiceTimeoutError(self._service, _words(error), was_sent=False) from error
        except requests.Timeout as error:
            raise ServiceTimeoutError(self._service, _words(error), was_sent=True) from error
        except requests.RequestException as error:
            was_sent = "NewConnectionError" not in repr(error)
            raise ConnectionFailedError(self._service, _words(error), was_sent=was_sent) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=response.content)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
