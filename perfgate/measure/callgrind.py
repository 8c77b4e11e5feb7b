"""What callgrind wrote: instructions of each C function, in its profile format, version 1."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["NativeFunction", "read_callgrind"]

_SPECIFICATION: Final = re.compile(r"(fn|ob|fl|fi|fe|cfn|cob|cfl|cfi)=(?:\((\d+)\))?\s*(.*)")
_RECURSION: Final = re.compile(r"'\d+$")
"""Callgrind numbers the levels of a function that calls itself."""
_COST: Final = re.compile(r"[+*\-\d]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeFunction:
    """A C function and the instructions that it took itself."""

    name: str
    file: str
    """Of its source; empty where the program has no debug information."""
    library: str
    instructions: int


def read_callgrind(file: Path) -> tuple[NativeFunction, ...]:
    """Read a dump; functions that bear one name in one library are added up.

    Lines with a cost belong to the function named before them, except the one behind ``calls=``,
    which is what a called function took (valgrind.org/docs/manual/cl-format.html).
    """
    taken: dict[tuple[str, str, str], int] = {}
    for key, instructions in _costs(file):
        taken[key] = taken.get(key, 0) + instructions
    return tuple(
        NativeFunction(name=name, file=source, library=library, instructions=instructions)
        for (name, source, library), instructions in taken.items()
    )


def _costs(file: Path) -> Iterator[tuple[tuple[str, str, str], int]]:
    names: dict[tuple[str, str], str] = {}
    current = {"fn": "", "ob": "", "fl": ""}
    is_call = False
    with file.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if found := _SPECIFICATION.match(line):
                _place(found, names, current)
            elif line.startswith("calls="):
                is_call = True
            elif _COST.match(line):
                if not is_call:
                    yield (current["fn"], current["fl"], current["ob"]), _cost(line)
                is_call = False


def _place(
    found: "re.Match[str]", names: dict[tuple[str, str], str], current: dict[str, str]
) -> None:
    """Note a name and, unless it is that of a called function, where costs belong from here on."""
    what, number, text = found.groups()
    kind = _KINDS[what]
    name = names.setdefault((kind, number), text.strip()) if number else text.strip()
    if what in {"fn", "ob", "fl"}:
        current[what] = "" if name == "???" else _RECURSION.sub("", name)


_KINDS: Final = {
    **dict.fromkeys(("fn", "cfn"), "function"),
    **dict.fromkeys(("ob", "cob"), "object"),
    **dict.fromkeys(("fl", "fi", "fe", "cfl", "cfi"), "file"),
}


def _cost(line: str) -> int:
    numbers = line.split()
    return int(numbers[1]) if len(numbers) > 1 else 0
