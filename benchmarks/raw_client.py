"""The cheapest HTTP client there is: what a server can do, without a client library in the way."""

import asyncio
import socket

__all__ = ["drive"]


class _Caller(asyncio.Protocol):
    """Sends the same request again as soon as the answer of known length is complete."""

    def __init__(self, request: bytes, left: list[int], done: asyncio.Event) -> None:
        self._request = request
        self._left = left
        self._done = done
        self._answer = b""
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send()

    def _send(self) -> None:
        if self._left[0] <= 0:
            self._transport.close()
            return
        self._left[0] -= 1
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.rpartition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        assert head.startswith(b"HTTP/1.1 200 "), head
        self._answer = b""
        self.answered += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's name
        self._done.set()


def drive(port: int, *, requests: int, connections: int, request: bytes | None = None) -> int:
    """Send the requests in a closed loop over the connections; return how many were answered."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        left = [requests]
        callers = []
        for _ in range(connections):
            done = asyncio.Event()
            caller = _Caller(request or _GET, left, done)
            await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
            callers.append((caller, done))
        for _, done in callers:
            await done.wait()
        return sum(caller.answered for caller, _ in callers)

    return asyncio.run(run())


_GET = b"GET /anything HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: raw\r\naccept: */*\r\n\r\n"
