"""One JSON document from outside: its bytes, its strict decoding, and its faults as one line.

Nothing here knows a format. msgspec checks types and bounds; what it lets pass without a word
(a key that appears twice in one object) is found with the standard library's parser.
"""

import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from perfgate.errors import InputFileError

__all__ = ["SIZE_LIMIT_BYTES", "check_keys", "decode", "fault", "has_plain_keys", "read_document"]

SIZE_LIMIT_BYTES: Final = 1 << 30
"""A file of this size or more is refused."""

_T = TypeVar("_T")
_TEXT_LIMIT: Final = 300
_TOO_DEEP: Final = "is nested too deeply to be a result file"
_WHERE: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<place>.*)`\Z", re.DOTALL)
_AT_BYTE: Final = re.compile(r" \(byte (?P<byte>\d+)\)\Z")
_SPACED_COLON: Final = re.compile(rb'"[ \t\r\n]+:')
_CONSTANTS: Final = (b"NaN", b"Infinity")
_MARKS: Final = (
    (b"\xef\xbb\xbf", "starts with a byte order mark; save it as plain UTF-8"),
    (b"\xff\xfe", "is UTF-16; save it as plain UTF-8"),
    (b"\xfe\xff", "is UTF-16; save it as plain UTF-8"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
)
_WORDS: Final = {
    "`float`": "a number",
    "`int`": "a whole number",
    "`str`": "text",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "null",
}


def fault(path: Path, place: str, problem: str) -> NoReturn:
    """Refuse a file, in one line whatever the texts hold that came from outside.

    Raises:
        InputFileError: always.
    """
    raise InputFileError(_one_line(str(path)), _one_line(place), _one_line(problem)) from None


def read_document(path: Path) -> bytes:
    """Read a file that is to hold one document in UTF-8.

    Raises:
        InputFileError: it cannot be read, is too large, empty, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_size_to_read(path, os.fstat(file.fileno())))
    except FileNotFoundError:
        fault(path, "", "does not exist")
    except IsADirectoryError:
        fault(path, "", "is a directory; name a result file in it")
    except OSError as error:
        fault(path, "", f"cannot be read: {error.strerror}")
    _check_text(path, data)
    return data


def decode(path: Path, data: bytes | msgspec.Raw, kind: type[_T], place: str = "") -> _T:
    """Decode JSON into a type; ``place`` is where in the file this part of it stands.

    Raises:
        InputFileError: it is not JSON, or does not fit the type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        message = str(error)
        where = _WHERE.search(message)
        inner = where["place"] if where else ""
        dot = "." if place and inner and not inner.startswith("[") else ""
        fault(path, f"{place}{dot}{inner}", _plain(_WHERE.sub("", message)))
    except msgspec.DecodeError as error:
        _refuse_syntax(path, bytes(data), str(error))
    except RecursionError:
        fault(path, place, _TOO_DEEP)


def has_plain_keys(data: bytes, count: int) -> bool:
    """Say whether a document has no more than ``count`` keys, with every colon next to its key.

    With ``count`` different keys decoded from it, none can then be there twice. False proves
    nothing (a text may hold what looks like a key), and asks for :func:`check_keys`.
    """
    return data.count(b'":') <= count and _SPACED_COLON.search(data) is None


def check_keys(path: Path, data: bytes | msgspec.Raw, place: str = "") -> None:
    """Refuse a document that has a key twice in one object; readers would differ in which holds.

    Raises:
        InputFileError: names the key and where it stands.
    """
    try:
        found = _first_fault(bytes(data))
    except RecursionError:
        fault(path, place, _TOO_DEEP)
    if found is not None:
        dot = "." if place and not found.place.startswith("[") else ""
        fault(path, f"{place}{dot}{found.place}", found.problem)


def _size_to_read(path: Path, status: os.stat_result) -> int:
    if stat.S_ISFIFO(status.st_mode):
        return SIZE_LIMIT_BYTES - 1
    if not stat.S_ISREG(status.st_mode):
        fault(path, "", "is not a file")
    if status.st_size >= SIZE_LIMIT_BYTES:
        fault(path, "", "is 1 GiB or larger; write results without raw rounds (stats.data)")
    return status.st_size


def _check_text(path: Path, data: bytes) -> None:
    if not data.strip():
        fault(path, "", "is empty")
    for mark, problem in _MARKS:
        if data.startswith(mark):
            fault(path, "", problem)
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        fault(path, _position(data, error.start), "is not UTF-8")


def _refuse_syntax(path: Path, data: bytes, message: str) -> NoReturn:
    at = _AT_BYTE.search(message)
    if at is None:
        fault(path, "", "is cut short: the JSON in it does not end")
    byte = int(at["byte"])
    window = data[max(0, byte - 1) : byte + len("-Infinity")]
    if any(constant in window for constant in _CONSTANTS):
        _refuse_constant(path, data, byte)
    problem = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    fault(path, _position(data, byte), f"is not JSON: {problem}")


def _refuse_constant(path: Path, data: bytes, byte: int) -> NoReturn:
    try:
        found = _first_fault(data)
    except (ValueError, RecursionError):  # broken elsewhere too: the line alone must do
        found = None
    if found is None or not found.is_constant:
        found = _Fault(_position(data, byte), _constant_problem("NaN or Infinity"))
    fault(path, found.place, found.problem)


def _position(data: bytes, byte: int) -> str:
    line = data.count(b"\n", 0, byte) + 1
    column = byte - data.rfind(b"\n", 0, byte)
    return f"line {line}, column {column}"


def _plain(message: str) -> str:
    for word, plain in _WORDS.items():
        message = message.replace(word, plain)
    return message[:1].lower() + message[1:]


def _one_line(text: str) -> str:
    if len(text) > _TEXT_LIMIT:
        text = text[: _TEXT_LIMIT - 3] + "..."
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


class _Fault:
    """A finding on its way out of the document; collects its place from the inside."""

    def __init__(self, place: str, problem: str, *, is_constant: bool = True) -> None:
        self.place = place
        self.problem = problem
        self.is_constant = is_constant


def _constant_problem(name: str) -> str:
    return (
        f"{name} is not JSON; it comes from a number in extra_info that is not finite: "
        "leave it out there, then measure again"
    )


def _first_fault(data: bytes) -> _Fault | None:
    """Parse and throw away; return the first double key or constant that JSON does not know.

    Objects turn into None as soon as they are complete, so memory stays at one copy of the text.
    """
    found: list[_Fault] = []

    def on_object(pairs: list[tuple[str, Any]]) -> _Fault | None:
        if found:
            return _outwards(found[0], pairs)
        if len(dict(pairs)) == len(pairs):
            return None
        keys = [key for key, _ in pairs]
        twice = next(key for index, key in enumerate(keys) if key in keys[:index])
        found.append(_Fault(f".{twice}", "this key is there twice", is_constant=False))
        return found[0]

    def on_constant(name: str) -> _Fault | None:
        if found:
            return None
        found.append(_Fault("", _constant_problem(name)))
        return found[0]

    # float for whole numbers too: int refuses more than 4300 digits with an error of its own
    root = json.loads(
        data, object_pairs_hook=on_object, parse_constant=on_constant, parse_int=float
    )
    if not found:
        return None
    if isinstance(root, list):
        _outwards(found[0], [("", root)])
    found[0].place = found[0].place.lstrip(".")
    return found[0]


def _outwards(fault: _Fault, pairs: Sequence[tuple[str, Any]]) -> _Fault | None:
    for key, value in pairs:
        indices = _indices(fault, value)
        if indices is not None:
            fault.place = f".{key}{indices}{fault.place}"
            return fault
    return None


def _indices(fault: _Fault, value: object) -> str | None:
    """Return the list indices that lead to the fault, empty if it is the value itself."""
    if value is fault:
        return ""
    if isinstance(value, list):
        for index, item in enumerate(value):
            inner = _indices(fault, item)
            if inner is not None:
                return f"[{index}]{inner}"
    return None
