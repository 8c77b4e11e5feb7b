"""Whether 1 % more instructions are found: slowdowns seeded into functions that benchmarks call.

Which of a project's functions a benchmark calls, and how often, a profile says. One of them at a
time gets so many needless assignments that this benchmark takes the share more; others that call it
too take what they take, and those that do not call it are unchanged code.
"""

import ast
import dataclasses
import math
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy.edits import slow_down
from benchmarks.accuracy.subjects import Target
from benchmarks.counts.accuracy import CONDITIONS, Subject, record_run
from perfgate.gate import is_more
from perfgate.measure.lockstep import Side
from perfgate.measure.profiles import profile_python
from perfgate.measure.sources import source_layout

__all__ = ["Trial", "seeded", "summary"]

_SHARE: Final = 0.01
_LARGEST_SHARE: Final = 0.0115
"""More is not called 1 %: a function that one assignment more slows by more is left out."""
_MOST_LINES: Final = 5_000
_TRIAL_LINES: Final = 300
_HASH_SEEDS: Final = (1,)
"""One is enough where growth is known; perfgate takes the median of three."""
_CONDITION: Final = next(iter(CONDITIONS))
_Place = Target
_WHICHEVER: Final = ""
"""A place is the same for every benchmark that comes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A slowdown of one function, and what was counted of a benchmark."""

    benchmark: str
    function: str
    lines: int
    added: float
    """Share of the benchmark's instructions that the assignments are; 0: it does not call them."""
    grown: float
    """Share by which its count grew."""
    is_found: bool


def seeded(
    subject: Subject, environ: Mapping[str, str], *, trials: int, seed: int
) -> Iterator[list[Trial]]:
    """Yield what became of every benchmark in one slowdown after the other."""
    with tempfile.TemporaryDirectory(prefix="seeded-") as folder:
        shop = _Shop(subject, environ, Path(folder))
        places = [(name, place) for name, own in shop.calls.items() for place in own]
        random.Random(seed).shuffle(places)
        done: set[_Place] = set()
        for name, place in _in_turns(places):
            lines = math.ceil(_SHARE / shop.added(name, place, 1))
            share = shop.added(name, place, lines)
            if len(done) == trials:
                return
            if share <= _LARGEST_SHARE and lines <= _MOST_LINES and place not in done:
                done.add(place)
                yield [*shop.tried(place, lines)]


def _in_turns(places: Sequence[tuple[str, _Place]]) -> Iterator[tuple[str, _Place]]:
    """Yield one function of each benchmark, then a second of each, and so on."""
    turns: dict[str, list[_Place]] = {}
    for name, place in places:
        turns.setdefault(name, []).append(place)
    for turn in range(max(map(len, turns.values()), default=0)):
        yield from ((name, own[turn]) for name, own in turns.items() if turn < len(own))


class _Shop:
    """Where slowed copies of a project are made and counted."""

    def __init__(self, subject: Subject, environ: Mapping[str, str], folder: Path) -> None:
        self._subject = subject
        self._environ = environ
        self._folder = folder
        self._before = self._counts(subject)
        self.calls = {name: self._calls(name) for name in self._before}
        self._line = self._instructions_per_line()

    def added(self, name: str, place: _Place, lines: int) -> float:
        """Return the share of a benchmark's instructions that so many assignments are."""
        return lines * self._line * self.calls[name].get(place, 0.0) / self._before[name]

    def tried(self, place: _Place, lines: int) -> Iterator[Trial]:
        """Count with so many assignments in a function."""
        counts = self._counts(self._slowed(place, lines))
        for name, after in counts.items():
            before = self._before[name]
            yield Trial(
                benchmark=name,
                function=f"{place.file}:{place.function}",
                lines=lines,
                added=self.added(name, place, lines),
                grown=after / before - 1,
                is_found=is_more(_as_kept(before), _as_kept(after), _SHARE),
            )

    def _counts(self, subject: Subject) -> dict[str, float]:
        line = record_run(subject, self._environ, condition=_CONDITION, hash_seeds=_HASH_SEEDS)
        return dict(line["counts"])

    def _slowed(self, place: _Place, lines: int) -> Subject:
        root = self._folder / self._subject.root.name
        shutil.rmtree(root, ignore_errors=True)
        ignored = shutil.ignore_patterns(".git", ".nox", "__pycache__")
        shutil.copytree(self._subject.root, root, ignore=ignored)
        slow_down(root, {place: lines})
        return dataclasses.replace(self._subject, root=root)

    def _instructions_per_line(self) -> float:
        """Return what one assignment takes: the same everywhere in one build of Python."""
        name, place = max(
            ((name, place) for name, own in self.calls.items() for place in own),
            key=lambda one: self.calls[one[0]][one[1]] / self._before[one[0]],
        )
        after = self._counts(self._slowed(place, _TRIAL_LINES))[name]
        return (after - self._before[name]) / (_TRIAL_LINES * self.calls[name][place])

    def _calls(self, name: str) -> dict[_Place, float]:
        """Return the project's own functions that a benchmark calls, and how often per call."""
        root = self._subject.root.resolve()
        layout = source_layout(root)
        side = Side(
            name="subject",
            python=self._subject.python,
            root=root,
            source_paths=layout.paths,
            modules=layout.modules,
        )
        found: dict[_Place, float] = {}
        known: dict[Path, Mapping[int, str]] = {}
        for edge in profile_python(side, name, self._environ, timeout_s=120.0):
            path = Path(edge.function.file)
            if not any(path.is_relative_to(module) for module in layout.files):
                continue
            names = known.setdefault(path, _functions(path))
            function = names.get(edge.function.line)
            if function is not None:
                place = Target(
                    file=str(path.relative_to(root)), function=function, benchmark=_WHICHEVER
                )
                found[place] = found.get(place, 0.0) + edge.calls
        return {place: calls for place, calls in found.items() if calls == round(calls) > 0}


def _as_kept(count: float) -> float:
    """Round as a baseline line does."""
    return float(f"{count:.4g}")


def _functions(path: Path) -> dict[int, str]:
    """Name the functions of a file that run from their first line on at every call, by line.

    Of several of one name the last, where ``slow_down`` goes.
    """
    lines: dict[str, int] = {}

    def visit(nodes: Sequence[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef) and not _is_generator(node):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                lines[f"{prefix}{node.name}"] = first

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return {line: name for name, line in lines.items()}


def _is_generator(node: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node))


def summary(trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a row per suite: what was found of those that take 1 % more, and of the unchanged."""
    yield "| suite | functions | 1 % more is found | unchanged goes red | farthest from the dose |"
    yield "|---|---|---|---|---|"
    for root in dict.fromkeys(str(one["root"]) for one in trials):
        own = [one for one in trials if one["root"] == root]
        slower = [one for one in own if _SHARE <= one["added"] <= _LARGEST_SHARE]
        same = [one for one in own if not one["added"]]
        cells = (
            root,
            len({one["function"] for one in own}),
            f"{sum(one['is_found'] for one in slower)} of {len(slower)}",
            f"{sum(one['is_found'] for one in same)} of {len(same)}",
            f"{max(abs(one['grown'] - one['added']) for one in own):.2%}",
        )
        yield f"| {' | '.join(map(str, cells))} |"
