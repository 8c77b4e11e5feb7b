"""The models without sockets: transports for httpx and requests that ask an engine directly.

What is measured through them is the client alone; what is tested through them can share one clock
with the client.
"""

import io
from urllib.parse import urlsplit

import httpx
import requests
import requests.adapters
from requests.structures import CaseInsensitiveDict

from perfgate.testing.upstream import Engine, Request, Response

__all__ = ["EngineAdapter", "EngineTransport"]


class EngineTransport(httpx.AsyncBaseTransport):
    """Answers an asynchronous httpx client."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the engine."""
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = _ask(self._engine, request.method, request.url.raw_path.decode(), headers, body)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


class EngineAdapter(requests.adapters.BaseAdapter):
    """Answers a session of requests."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        """Ask the engine."""
        url = urlsplit(request.url or "")
        target = f"{url.path}?{url.query}" if url.query else url.path
        body = request.body or b""
        answer = _ask(
            self._engine,
            request.method or "",
            target,
            {name.lower(): str(value) for name, value in request.headers.items()}
            | {"host": url.netloc},
            body.encode() if isinstance(body, str) else body,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Hold nothing that would need closing."""


def _ask(
    engine: Engine, method: str, target: str, headers: dict[str, str], body: bytes
) -> Response:
    path, _, query = target.partition("?")
    answer = engine.arrive(Request(method, path, query, headers, body))
    engine.leave(answer)
    return answer.response
