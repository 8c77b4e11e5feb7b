"""The sockets of an upstream: an ``asyncio.Protocol`` that speaks HTTP/1.1 and can break it."""

import asyncio
import socket
import struct

from perfgate.testing.upstream.control import CONTROL_PREFIX, control
from perfgate.testing.upstream.engine import Answer, Engine
from perfgate.testing.upstream.faults import FaultKind
from perfgate.testing.upstream.wire import (
    BadRequestError,
    Request,
    Response,
    parse_request,
    render_response,
    wants_continue,
)

__all__ = ["BACKLOG", "Connection"]

BACKLOG = 1024
MAX_UNREAD_BYTES = 256 * 1024
"""What a client may send ahead while its first request is not yet answered."""
SLOW_BODY_PIECES = 10
GARBAGE = b"\x16\x03\x01\x00\xa5 this is no HTTP \x00\xff\xfe\r\n\r\n"
_LINGER_0 = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, as they came."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._loop = loop
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._pending: Answer | None = None
        self._told_to_continue = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection; answers leave at once, without Nagle's delay."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._engine.connections += 1
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's name
        """Forget what nobody waits for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending is not None:
            self._leave()

    def data_received(self, data: bytes) -> None:
        """Take what arrived; answer as far as requests are complete."""
        self._buffer += data
        if self._pending is None:
            self._proceed()
        elif len(self._buffer) > MAX_UNREAD_BYTES and self._transport.is_reading():
            self._transport.pause_reading()

    def _proceed(self) -> None:
        while self._pending is None and self._buffer and not self._transport.is_closing():
            try:
                request = parse_request(self._buffer)
            except BadRequestError as error:
                self._buffer.clear()
                refusal = Response(
                    error.status, {"content-type": "text/plain"}, str(error).encode()
                )
                self._transport.write(render_response(refusal, is_last=True))
                self._transport.close()
                return
            if request is None:
                self._wait_for_more()
                break
            self._told_to_continue = False
            if request.path.startswith(CONTROL_PREFIX):
                self._transport.write(render_response(control(self._engine, request)))
            else:
                self._serve(request)
        if self._pending is None and not self._transport.is_reading():
            self._transport.resume_reading()

    def _wait_for_more(self) -> None:
        if not self._told_to_continue and wants_continue(self._buffer):
            self._told_to_continue = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, request: Request) -> None:
        answer = self._pending = self._engine.arrive(request)
        if answer.delay_s <= 0:
            self._respond(request, answer)
        else:
            self._timer = self._loop.call_later(answer.delay_s, self._respond_late, request, answer)

    def _respond_late(self, request: Request, answer: Answer) -> None:
        self._timer = None
        self._respond(request, answer)
        self._proceed()

    def _respond(self, request: Request, answer: Answer) -> None:
        is_last = not request.keeps_alive
        data = render_response(answer.response, for_head=request.method == "HEAD", is_last=is_last)
        kind = answer.fault.kind if answer.fault is not None else FaultKind.STATUS
        if kind in (FaultKind.STATUS, FaultKind.RATE_LIMITED):
            self._transport.write(data)
            self._leave()
            if is_last:
                self._transport.close()
        elif kind is not FaultKind.HANG:
            self._break(kind, data, answer)

    def _break(self, kind: FaultKind, data: bytes, answer: Answer) -> None:
        if kind is FaultKind.SLOW_BODY:
            self._send_slowly(data, answer)
            return
        if kind is FaultKind.RESET:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
            self._transport.abort()
            return
        if kind is FaultKind.TRUNCATE:
            end = data.find(b"\r\n\r\n") + 4
            self._transport.write(data[: end + (len(data) - end) // 2])
        elif kind is FaultKind.GARBAGE:
            self._transport.write(GARBAGE)
        self._transport.close()

    def _send_slowly(self, data: bytes, answer: Answer) -> None:
        end = data.find(b"\r\n\r\n") + 4
        self._transport.write(data[:end])
        size = max(1, -(-(len(data) - end) // SLOW_BODY_PIECES))
        pieces = [data[at : at + size] for at in range(end, len(data), size)]
        seconds = answer.fault.seconds if answer.fault is not None else 0.0
        self._send_next(pieces, seconds / max(1, len(pieces)))

    def _send_next(self, pieces: list[bytes], pause_s: float) -> None:
        self._timer = None
        if not pieces:
            self._leave()
            self._proceed()
            return
        self._timer = self._loop.call_later(pause_s, self._send_piece, pieces, pause_s)

    def _send_piece(self, pieces: list[bytes], pause_s: float) -> None:
        self._transport.write(pieces[0])
        self._send_next(pieces[1:], pause_s)

    def _leave(self) -> None:
        if self._pending is not None:
            self._engine.leave(self._pending)
            self._pending = None
