"""Transports that answer from memory: what a client costs by itself, without model or sockets."""

import re

import httpx
import requests
import requests.adapters

from benchmarks.upstreams.in_process import EngineAdapter, EngineTransport
from perfgate.testing.upstream import Engine

__all__ = ["ReplayAdapter", "ReplayTransport"]

_Key = tuple[str, str, int]


class ReplayTransport(httpx.AsyncBaseTransport):
    """Asks the engine once for each different request, and repeats its answer from then on."""

    def __init__(self, engine: Engine) -> None:
        self._origin = EngineTransport(engine)
        self._answers: dict[_Key, httpx.Response] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Repeat, or ask."""
        key = (request.method, str(request.url), hash(await request.aread()))
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = await self._origin.handle_async_request(request)
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, content=answer.content
        )


class ReplayAdapter(requests.adapters.BaseAdapter):
    """Asks the engine once for each different request, and repeats its answer from then on."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._origin = EngineAdapter(engine)
        self._answers: dict[_Key, requests.Response] = {}

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        """Repeat, or ask; requests keeps the content with the answer, so it can be read again."""
        key = (request.method or "", request.url or "", hash(_without_boundary(request)))
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._origin.send(request)
        return answer

    def close(self) -> None:
        """Hold nothing that would need closing."""


def _without_boundary(request: requests.PreparedRequest) -> bytes | str:
    """Return the body without what differs between two forms of the same content."""
    body = request.body or b""
    match = re.search("boundary=(.+)", str(request.headers.get("content-type", "")))
    if match is None or isinstance(body, str):
        return body
    return body.replace(match[1].encode(), b"")
