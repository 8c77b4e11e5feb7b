"""Frames between the parent and a measured process, over a pair of binary streams.

A frame is two big-endian 32-bit lengths (header, payload), a JSON object and raw little-endian
doubles: both ends may be different versions of Python, and a million rounds travel as bytes.
"""

import array
import json
import struct
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

__all__ = ["Channel"]

_LENGTHS: Final = struct.Struct(">II")
_LARGEST: Final = 1 << 30


class Channel:
    """One end of a conversation; every call blocks until its frame is through."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: dict[str, Any], numbers: Sequence[float] = ()) -> None:
        """Send one frame.

        Raises:
            OSError: the other end is gone.
        """
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        header = text.encode(errors="replace")  # what was no text (a file's name) cannot be stored
        payload = _to_bytes(numbers) if numbers else b""
        self._writer.write(_LENGTHS.pack(len(header), len(payload)) + header + payload)
        self._writer.flush()

    def receive(self) -> tuple[dict[str, Any], "array.array[float]"]:
        """Wait for one frame.

        Raises:
            EOFError: the other end is gone, or speaks another language.
        """
        header_length, payload_length = _LENGTHS.unpack(self._read(_LENGTHS.size))
        if header_length + payload_length > _LARGEST:
            raise EOFError("not a frame")
        try:
            message = json.loads(self._read(header_length))
        except ValueError as error:
            raise EOFError("not a frame") from error
        return message, _from_bytes(self._read(payload_length))

    def close(self) -> None:
        """Close both streams; what the other end had not read is lost."""
        for stream in (self._writer, self._reader):
            try:
                stream.close()
            except OSError:  # the other end is gone already
                continue

    def _read(self, length: int) -> bytes:
        data = self._reader.read(length)
        if len(data) < length:
            raise EOFError("the other end is gone")
        return data


def _to_bytes(numbers: Sequence[float]) -> bytes:
    values = array.array("d", numbers)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _from_bytes(data: bytes) -> "array.array[float]":
    values = array.array("d")
    values.frombytes(data[: len(data) - len(data) % values.itemsize])
    if sys.byteorder == "big":
        values.byteswap()
    return values
