"""One JSON document from outside: its bytes, its strict decoding, and its faults as one line.

Nothing here knows the keys of a format. msgspec checks types and bounds; what it lets pass without
a word (a key that appears twice in one object) is found with the standard library's parser.
"""

import json
import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from perfgate.errors import InputFileError

__all__ = [
    "SIZE_LIMIT_BYTES",
    "Count",
    "Seconds",
    "check_keys",
    "decode",
    "fault",
    "finite_numbers",
    "has_plain_keys",
    "read_document",
]

SIZE_LIMIT_BYTES: Final = 1 << 30
"""A file of this size or more is refused."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
"""A time that something took; the bound keeps sums of a million rounds finite."""
Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""At least one, and exact in any JSON reader."""

_T = TypeVar("_T")
_TEXT_LIMIT: Final = 300
_TOO_DEEP: Final = "is nested too deeply to be a result file"
_WHERE: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<place>.*)`\Z", re.DOTALL)
_AT_BYTE: Final = re.compile(r" \(byte (?P<byte>\d+)\)\Z")
_TYPES: Final = re.compile(r"(?:(?<=xpected )|(?<=got ))`(?P<names>[a-z |]+)`")
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
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def fault(path: Path, place: str, problem: str) -> InputFileError:
    """Say what is wrong with a file: one line, whatever the texts from outside hold."""
    return InputFileError(_one_line(str(path)), _one_line(_cut(place)), _one_line(_cut(problem)))


def read_document(path: Path) -> bytes:
    """Read a file that is to hold one document in UTF-8.

    Raises:
        InputFileError: it cannot be read, is too large, empty, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_size_to_read(path, os.fstat(file.fileno())))
    except FileNotFoundError:
        raise fault(path, "", "does not exist") from None
    except IsADirectoryError:
        raise fault(path, "", "is a directory; name a result file in it") from None
    except OSError as error:
        raise fault(path, "", f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a null character in the name
        raise fault(path, "", f"cannot be read: {error}") from error
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
        raise fault(path, f"{place}{dot}{inner}", _plain(_WHERE.sub("", message))) from error
    except msgspec.DecodeError as error:
        raise _syntax_fault(path, bytes(data), str(error)) from error
    except RecursionError:
        raise fault(path, place, _TOO_DEEP) from None


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
        raise fault(path, place, _TOO_DEEP) from None
    except ValueError as error:  # in a part that msgspec skipped over
        raise fault(path, place, f"is not JSON: {error}") from error
    if found is not None:
        dot = "." if place and not found.place.startswith("[") else ""
        raise fault(path, f"{place}{dot}{found.place}", found.problem)


def finite_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Pick the numbers; booleans, texts and what is nested say nothing that can be compared."""
    numbers = {}
    for name, value in values.items():
        if type(value) is float or type(value) is int:
            try:
                number = float(value)
            except OverflowError:
                continue
            if math.isfinite(number):
                numbers[name] = number
    return numbers


def _size_to_read(path: Path, status: os.stat_result) -> int:
    if stat.S_ISFIFO(status.st_mode):
        return SIZE_LIMIT_BYTES - 1
    if not stat.S_ISREG(status.st_mode):
        raise fault(path, "", "is not a file")
    if status.st_size >= SIZE_LIMIT_BYTES:
        raise fault(path, "", "is 1 GiB or larger; write results without raw rounds (stats.data)")
    return status.st_size


def _check_text(path: Path, data: bytes) -> None:
    if not data.strip():
        raise fault(path, "", "is empty")
    for mark, problem in _MARKS:
        if data.startswith(mark):
            raise fault(path, "", problem)
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise fault(path, _position(data, error.start), "is not UTF-8") from error


def _syntax_fault(path: Path, data: bytes, message: str) -> InputFileError:
    at = _AT_BYTE.search(message)
    if at is None:
        return fault(path, "", "is cut short: the JSON in it does not end")
    byte = int(at["byte"])
    window = data[max(0, byte - 1) : byte + len("-Infinity")]
    if any(constant in window for constant in _CONSTANTS):
        return _constant_fault(path, data, byte)
    problem = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    return fault(path, _position(data, byte), f"is not JSON: {problem}")


def _constant_fault(path: Path, data: bytes, byte: int) -> InputFileError:
    try:
        found = _first_fault(data)
    except (ValueError, RecursionError):  # broken elsewhere too: the line alone must do
        found = None
    if found is None or not found.is_constant:
        found = _Fault(_position(data, byte), _constant_problem("NaN or Infinity"))
    return fault(path, found.place, found.problem)


def _position(data: bytes, byte: int) -> str:
    line = data.count(b"\n", 0, byte) + 1
    column = byte - data.rfind(b"\n", 0, byte)
    return f"line {line}, column {column}"


def _plain(message: str) -> str:
    message = _TYPES.sub(_type_in_words, message)
    return message[:1].lower() + message[1:]


def _type_in_words(types: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(name, name) for name in types["names"].split(" | "))


def _one_line(text: str) -> str:
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."


class _Fault:
    """A finding on its way out of the document; collects its place from the inside."""

    def __init__(self, place: str, problem: str, *, is_constant: bool = True) -> None:
        self.place = place
        self.problem = problem
        self.is_constant = is_constant


def _constant_problem(name: str) -> str:
    return (
        f"{name} is not JSON: a number (of extra_info, say) was not finite; "
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


def _outwards(found: _Fault, pairs: Sequence[tuple[str, Any]]) -> _Fault | None:
    for key, value in pairs:
        indices = _indices(found, value)
        if indices is not None:
            found.place = f".{key}{indices}{found.place}"
            return found
    return None


def _indices(found: _Fault, value: object) -> str | None:
    """Return the list indices that lead to the found, empty if it is the value itself."""
    if value is found:
        return ""
    if isinstance(value, list):
        for index, item in enumerate(value):
            inner = _indices(found, item)
            if inner is not None:
                return f"[{index}]{inner}"
    return None
