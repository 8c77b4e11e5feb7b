"""How marks are scored: one to one with those of people, within three points, all series pooled."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Labelled", "Score", "half_of", "score"]

TOLERANCE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A series with the change points that people agreed on; none: all called it change-free."""

    name: str
    values: tuple[float, ...]
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a method got right."""

    precision: float
    recall: float
    falsely_marked: int
    change_free: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; zero where nothing was right."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def half_of(series: Labelled) -> int:
    """Say in which half a series is, by a hash of its name: 0 or 1."""
    return hashlib.sha256(series.name.encode()).digest()[-1] % 2


def score(found: Iterable[tuple[Labelled, Sequence[int]]]) -> Score:
    """Pool the marks of all series."""
    right = marked = wanted = falsely = free = 0
    for series, marks in found:
        right += _matched(sorted(series.marks), sorted(marks))
        marked += len(marks)
        wanted += len(series.marks)
        free += not series.marks
        falsely += bool(marks) and not series.marks
    return Score(
        precision=right / marked if marked else 0.0,
        recall=right / wanted if wanted else 0.0,
        falsely_marked=falsely,
        change_free=free,
    )


def _matched(wanted: Sequence[int], marks: Sequence[int]) -> int:
    """Count the most pairs, one to one: for equal tolerances taking the earliest is best."""
    rest = list(marks)
    count = 0
    for want in wanted:
        near = [mark for mark in rest if abs(mark - want) <= TOLERANCE]
        if near:
            rest.remove(near[0])
            count += 1
    return count
