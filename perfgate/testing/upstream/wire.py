"""Requests and responses of HTTP/1.1: parsed from bytes and written to bytes, without sockets.

No routing, no state, no time: only what is on the wire. Bodies come by length or in chunks.
"""

import http
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

__all__ = [
    "BadRequestError",
    "Part",
    "Request",
    "Response",
    "form_tree",
    "json_response",
    "parse_request",
    "render_response",
]

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
_HEAD_END = b"\r\n\r\n"
_BODILESS = frozenset({204, 304})
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}
_JSON = {"content-type": "application/json"}


class BadRequestError(Exception):
    """The client sent what is not HTTP/1.1, or more than is taken; carries the status to answer."""

    def __init__(self, status: int, problem: str) -> None:
        self.status = status
        super().__init__(problem)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a multipart form; ``filename`` is None for a plain value."""

    name: str
    filename: str | None
    content: bytes


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request as it arrived; header names are in lower case, repeated headers are joined."""

    method: str
    path: str
    """Still percent-encoded; without the query."""
    query_string: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The query; the last of repeated names wins."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def segments(self) -> tuple[str, ...]:
        """The path, decoded and cut at its slashes."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to send more over this connection."""
        return self.headers.get("connection", "").lower() != "close"

    def form(self) -> list[tuple[str, str]]:
        """Decode a form-encoded body, in order, repeated names kept."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def json(self) -> Any:
        """Decode a JSON body.

        Raises:
            msgspec.DecodeError: the body is not JSON.
        """
        return msgspec.json.decode(self.body)

    def parts(self) -> tuple[Part, ...]:
        """Decode a multipart body; empty where the content type is another."""
        match = re.search(r'boundary="?([^";]+)"?', self.headers.get("content-type", ""))
        if match is None:
            return ()
        boundary = b"--" + match[1].encode()
        chunks = (b"\r\n" + self.body).split(b"\r\n" + boundary)[1:-1]
        return tuple(_parse_part(chunk) for chunk in chunks)


def _parse_part(chunk: bytes) -> Part:
    head, _, content = chunk.partition(_HEAD_END)
    text = head.decode("utf-8", "replace")
    name = re.search(r'\bname="([^"]*)"', text)
    filename = re.search(r'\bfilename="([^"]*)"', text)
    return Part(
        name=name[1] if name else "",
        filename=filename[1] if filename else None,
        content=content,
    )


class Response(msgspec.Struct, frozen=True, gc=False):
    """One answer; the engine adds the content length."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        """Add headers; given ones replace those of the same name."""
        return Response(self.status, {**self.headers, **headers}, self.body)


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a JSON document."""
    return Response(
        status, _JSON if headers is None else {**_JSON, **headers}, msgspec.json.encode(value)
    )


def parse_request(buffer: bytearray) -> Request | None:
    """Take one complete request from the front of the buffer; None until it is complete.

    Raises:
        BadRequestError: the bytes can never become a request that is taken.
    """
    end = buffer.find(_HEAD_END)
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES:
            raise BadRequestError(431, "the head is too large")
        return None
    method, target, headers = _parse_head(buffer[:end].decode("latin-1"))
    start = end + len(_HEAD_END)
    if "transfer-encoding" in headers:
        chunked = _parse_chunks(buffer, start)
        if chunked is None:
            return None
        body, after = chunked
    else:
        after = start + _content_length(headers)
        if len(buffer) < after:
            return None
        body = bytes(buffer[start:after])
    del buffer[:after]
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)


def wants_continue(buffer: bytearray) -> bool:
    """Tell whether the client waits for leave to send the body of its incomplete request."""
    end = buffer.find(_HEAD_END)
    return end >= 0 and b"100-continue" in buffer[:end].lower()


def _parse_head(text: str) -> tuple[str, str, dict[str, str]]:
    lines = text.split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise BadRequestError(400, "no request line of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if not separator:
            raise BadRequestError(400, "a header without a colon")
        name = name.lower()
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return words[0], words[1], headers


def _content_length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length")
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise BadRequestError(400, "a content length that is not a number")
    if int(text) > MAX_BODY_BYTES:
        raise BadRequestError(413, "the body is too large")
    return int(text)


def _parse_chunks(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Join the chunks from ``start``; None until the last one is there. Trailers are dropped."""
    pieces: list[bytes] = []
    position = start
    while True:
        line_end = buffer.find(b"\r\n", position)
        if line_end < 0:
            return None
        try:
            size = int(buffer[position:line_end].split(b";")[0], 16)
        except ValueError as error:
            raise BadRequestError(400, "a chunk without a size") from error
        if size > MAX_BODY_BYTES or line_end - start > MAX_BODY_BYTES:
            raise BadRequestError(413, "the body is too large")
        data = line_end + 2
        if size == 0:
            end = buffer.find(b"\r\n", data)
            return None if end < 0 else (b"".join(pieces), end + 2)
        if len(buffer) < data + size + 2:
            return None
        pieces.append(bytes(buffer[data : data + size]))
        position = data + size + 2


def render_response(response: Response, *, for_head: bool = False, is_last: bool = False) -> bytes:
    """Write the bytes of an answer.

    Args:
        response: The answer.
        for_head: The request was HEAD: the length is told, the body is not sent.
        is_last: The connection closes after this answer, and says so.
    """
    line = _STATUS_LINES.get(response.status)
    if line is None:
        line = f"HTTP/1.1 {response.status} Other\r\n".encode()
    head = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
    if response.status in _BODILESS:
        length, body = "", b""
    else:
        length = f"content-length: {len(response.body)}\r\n"
        body = b"" if for_head else response.body
    closing = "connection: close\r\n" if is_last else ""
    return b"".join((line, f"{head}{length}{closing}\r\n".encode("latin-1", "replace"), body))


def form_tree(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Nest a form of bracketed names: ``metadata[order]=7`` is ``{"metadata": {"order": "7"}}``.

    Indexed and empty brackets (``items[0][price]``, ``expand[]``) become lists.
    """
    tree: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = re.split(r"\]\[|\[|\]", name.removesuffix("]"))
        node = tree
        key = first
        for part in rest:
            node = node.setdefault(key, {})
            key = part or str(len(node))
        node[key] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {key: _listed(value) for key, value in node.items()}
    if values and all(key == str(index) for index, key in enumerate(values)):
        return list(values.values())
    return values
