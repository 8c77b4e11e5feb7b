"""Outside text in GitHub's Markdown: code spans, in which nothing is markup.

Nor is anything there a mention, reference, link or emoji, which GitHub looks for everywhere else.
"""

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from perfgate.report.text import PIECE_LIMIT, Quoted, Sentence, shorten

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["cell", "markdown", "markdown_template"]

_FENCE_LIMIT: Final = 8
"""Longest run of back-ticks that a fence answers; Markdown engines stop at 80."""
_UNBROKEN_LIMIT: Final = 84
"""Characters of code that a table on GitHub holds on one line beside two columns of numbers."""
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def markdown(value: str | Quoted | Sentence) -> str:
    """Write our own words as they are and pieces from outside as code spans."""
    if isinstance(value, str):
        return value
    pieces = (value,) if isinstance(value, Quoted) else value
    return "".join(_code_span(p.text) if isinstance(p, Quoted) else p for p in pieces)


def cell(sentence: Sentence) -> str:
    """Write a sentence for a table cell, where a pipe needs a backslash even within code.

    A piece that cannot be broken into lines loses its middle, so that no column leaves the screen.
    """
    pieces = [_breakable(p) if isinstance(p, Quoted) else p for p in sentence]
    return markdown(tuple(pieces)).replace("|", r"\|")


@functools.cache  # compiling one takes longer than filling it in
def markdown_template(name: str) -> "Template":
    """Load a template of Markdown; what it is given goes through ``markdown``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perfgate.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown: finalize puts outside text into code spans
        finalize=markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda value: cell((value,))
    return environment.get_template(name)


def _breakable(piece: Quoted) -> Quoted:
    if max(map(len, piece.text.split(" "))) <= _UNBROKEN_LIMIT:
        return piece
    return Quoted(shorten(piece.text, _UNBROKEN_LIMIT))


def _code_span(text: str) -> str:
    text = shorten(text, PIECE_LIMIT) or " "
    if _longest_run(text) > _FENCE_LIMIT:
        text = text.replace("`", r"\x60")
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    span = f"{fence}{pad}{text}{pad}{fence}"
    # Hebrew or Arabic would turn the numbers behind it around, and the line if it stands first.
    return f'<span dir="ltr">{span}</span>' if _is_right_to_left(text) else span


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _is_right_to_left(text: str) -> bool:
    return not text.isascii() and any(
        unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text
    )
