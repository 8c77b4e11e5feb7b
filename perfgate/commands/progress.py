"""A bar with the time that is left, for a person who waits at a terminal."""

import contextlib
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from perfgate.measure.process import Progress

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(title: str, stream: TextIO) -> Iterator[Progress]:
    """Draw on a stream while measuring runs, and leave nothing behind."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        yield _Shown(bar, bar.add_task(title, total=0))


class _Shown(Progress):
    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._steps = 0

    def plan(self, steps: int) -> None:
        self._steps += steps
        self._bar.update(self._task, total=self._steps)

    def step(self, name: str) -> None:
        del name
        self._bar.advance(self._task)
