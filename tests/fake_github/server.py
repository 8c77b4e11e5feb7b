"""The server: paging, permissions, faults to order; every request and answer is validated."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fake_github.description import Operation, operation
from tests.fake_github.routes import answer_to
from tests.fake_github.state import State

BLOB = "/blob/"
PREFIX = "/api/v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, message: str, **headers: str) -> Reply:
    """Return an error in GitHub's form; underscores in headers become hyphens."""
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=json.dumps(body).encode(), headers=named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(kw_only=True)
class Fault:
    """What the next requests that match get instead of an answer."""

    pattern: str
    reply: Reply
    times: int = 1
    is_done_first: bool = False
    """The request does its work, and only the answer is lost."""


@dataclass(kw_only=True)
class FakeGitHub:
    """A GitHub Enterprise Server on loopback with one repository."""

    state: State = field(default_factory=State)
    address: str = ""
    prefix: str = PREFIX
    faults: list[Fault] = field(default_factory=list)
    hooks: list[tuple[str, Callable[[State], object]]] = field(default_factory=list)
    """Run once, before the first request that matches."""
    missing: dict[str, str] = field(default_factory=dict)
    """Permissions that the token lacks: pattern of requests -> what would be accepted."""
    link_host: str = ""
    """Another host that pages are said to be on."""
    asked: list[Asked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Where a request or an answer is not as GitHub describes it."""

    @property
    def url(self) -> str:
        return f"http://{self.address}{self.prefix}"

    def fail(self, pattern: str, reply: Reply, *, times: int = 1, done_first: bool = False) -> None:
        fault = Fault(pattern=pattern, reply=reply, times=times, is_done_first=done_first)
        self.faults.append(fault)

    def lines(self, pattern: str = "") -> list[str]:
        return [one.line for one in self.asked if re.search(pattern, one.line)]

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        for pattern, hook in list(self.hooks):
            if re.search(pattern, asked.line):
                self.hooks.remove((pattern, hook))
                hook(self.state)
        fault = next((one for one in self.faults if re.search(one.pattern, asked.line)), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            if fault.is_done_first:
                self._usual(asked)
            return fault.reply
        return self._usual(asked)

    def _usual(self, asked: Asked) -> Reply:
        if asked.path.startswith(BLOB):
            _, content = self.state.artifacts[int(asked.path.removeprefix(BLOB))]
            return Reply(status=200, body=content, headers={"content-type": "application/zip"})
        path = unquote(asked.path.removeprefix(self.prefix))
        found = operation(asked.method, path)
        if found is None:
            self.problems.append(f"{asked.line}: not described")
            return refusal(404, "Not Found")
        self.problems += found.request_problems(asked.query, asked.body)
        reply = self._permitted(asked, found)
        self.problems += found.answer_problems(reply.status, reply.body)
        return reply

    def _permitted(self, asked: Asked, found: Operation) -> Reply:
        for pattern, accepted in self.missing.items():
            if re.search(pattern, asked.line):
                message = "Resource not accessible by integration"
                return refusal(403, message, x_accepted_github_permissions=accepted)
        status, body = answer_to(self.state, found, asked.query, asked.body)
        if status == 302:
            port = self.address.partition(":")[2]
            location = f"http://localhost:{port}{BLOB}{found.values['artifact_id']}"
            return Reply(status=302, headers={"location": location})
        headers = {"x-ratelimit-remaining": "900"}
        if asked.method == "GET" and "per_page" in asked.query:
            body, headers["link"] = self._page(asked, body)
        content = b"" if status == 204 else json.dumps(body).encode()
        return Reply(status=status, body=content, headers=headers)

    def _page(self, asked: Asked, body: Any) -> tuple[Any, str]:
        """Cut a list to its page; links lead to a path by number, as GitHub's do."""
        size, page = int(asked.query["per_page"]), int(asked.query.get("page", "1"))
        first, end = (page - 1) * size, page * size
        name = next((key for key in ("workflow_runs", "artifacts") if key in body), None)
        if isinstance(body, dict) and name is None:
            return body, ""
        items = body[name] if name else body
        rest = "".join(f"&{k}={v}" for k, v in asked.query.items() if k not in {"page", "per_page"})
        host = self.link_host or f"http://{self.address}"
        url = f"{host}{asked.path}?per_page={size}&page={page + 1}{rest}"
        link = f'<{url}>; rel="next"' if end < len(items) else ""
        shown = items[first:end]
        return ({**body, name: shown} if name else shown), link


@contextlib.contextmanager
def running(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """Serve on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            asked = Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                body=self.rfile.read(length),
                headers={name.lower(): value for name, value in self.headers.items()},
            )
            reply = github.answer(asked)
            head = [f"HTTP/1.1 {reply.status} X", f"content-length: {len(reply.body)}"]
            head += [f"{name}: {value}" for name, value in reply.headers.items() if value]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + reply.body)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def handle(self) -> None:
            """Answer until the client is gone; it may have had enough of an answer that lies."""
            with contextlib.suppress(ConnectionError):
                super().handle()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    github.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
