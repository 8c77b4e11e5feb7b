"""Text from outside, kept apart from our own: sentences, visible characters, shell quoting.

A sentence is a sequence of our own words and of quoted pieces from outside (names, messages,
branches, CPU models). Each renderer decides how a quoted piece is shown, and none can forget to.
"""

import dataclasses
import re
import shlex
import unicodedata
from collections.abc import Iterable
from typing import Final, TypeAlias

__all__ = [
    "PIECE_LIMIT",
    "Quoted",
    "Sentence",
    "join",
    "plain",
    "quote_shell",
    "shorten",
    "visible",
]

PIECE_LIMIT: Final = 240
"""Characters of a piece from outside that a sentence shows."""
_MARKS: Final = frozenset({"Mn", "Me"})
_MARKS_LIMIT: Final = 4
"""Marks that a character of a living language bears at most."""
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Printable by the standard, yet nothing is seen: letters and marks that hide in names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Quoted:
    """A piece of text from outside: data, never markup; on one line and visible throughout."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))


Sentence: TypeAlias = tuple[str | Quoted, ...]


def visible(text: str) -> str:
    r"""Show every control, format, bidirectional or invisible character as an escape (``\x1b``).

    So are marks that stand first or are piled up: they would paint over what stands around.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = _MARKS_LIMIT
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in _MARKS else 0
        is_plain = char.isprintable() and char not in _BLANKS and marks <= _MARKS_LIMIT
        shown.append(char if is_plain else _escape(char))
    return "".join(shown)


def _escape(char: str) -> str:
    code = ord(char)
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(char)
    if named:
        return named
    if code <= 0xFF:  # noqa: PLR2004 - the range of \x
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - range of \u


def shorten(text: str, limit: int) -> str:
    """Cut the middle out of a long text; the end of a node id says more than its middle."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def plain(sentence: Iterable[str | Quoted]) -> str:
    """Write a sentence as plain text, for places that know no markup; long pieces lose a middle."""
    return "".join(
        shorten(piece.text, PIECE_LIMIT) if isinstance(piece, Quoted) else piece
        for piece in sentence
    )


def join(sentences: Iterable[Sentence], separator: str = " ") -> Sentence:
    """Put sentences behind one another; empty ones leave no gap."""
    pieces: list[str | Quoted] = []
    for sentence in sentences:
        if pieces and sentence:
            pieces.append(separator)
        pieces.extend(sentence)
    return tuple(pieces)


def quote_shell(text: str) -> str:
    """Quote one argument for a POSIX shell, on one line and without an invisible character.

    Text that cannot be printed uses the ``$'...'`` form (bash, zsh, POSIX 2024), byte by byte.
    """
    if visible(text) == text:
        return shlex.quote(text)
    quoted = re.sub(r"[\\']", r"\\\g<0>", text)
    return "$'" + "".join(c if visible(c) == c else _bytes(c) for c in quoted) + "'"


def _bytes(char: str) -> str:
    errors = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", errors))
