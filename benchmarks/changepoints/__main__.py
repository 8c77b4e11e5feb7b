"""Print how well each method finds the change points that people marked.

``python -m benchmarks.changepoints [FOLDER]`` takes the folder with ``load.py`` and the labelled
series; without one it looks beside the repository. A method whose package is missing is left out.

Each is given its defaults, and the settings that score best on one half, by hash of the name, are
scored on the other half: so no figure of the last columns was learned from what it is scored on.
"""

import importlib.util
import runpy
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.changepoints.methods import METHODS, Method
from benchmarks.changepoints.scoring import Labelled, Score, half_of, score

_TOLERATED: Final = 3 / 43
"""Share of the change-free series that may be marked by settings that are chosen."""


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    loader = Path(arguments[0], "load.py") if arguments else _found("load.py")
    if loader is None or not loader.is_file():
        print("skipped: no folder with load.py and the labelled series")
        return
    series = list(_series(runpy.run_path(str(loader))))
    free = sum(not one.marks for one in series)
    print(
        f"{len(series)} series, {sum(len(one.marks) for one in series)} marks, {free} change-free"
    )
    print(
        f"{'method':<20}{'settings':<28}{'P':>6}{'R':>6}{'F1':>7}{'marked':>8}{'ms':>8}"
        f"{'  tuned on the other half: F1, marked':<40}"
    )
    for method in METHODS:
        if method.needs and importlib.util.find_spec(method.needs) is None:
            print(f"{method.name:<20}left out: {method.needs} is not installed")
            continue
        print(_row(method, series), flush=True)


def _found(name: str) -> Path | None:
    for folder in Path(__file__).resolve().parents:
        path = folder / "shared" / "data" / name
        if path.is_file():
            return path
    return None


def _series(loader: Mapping[str, Any]) -> Iterator[Labelled]:
    for entry in loader["labelled"]("large"):
        if entry["consensus_cp"] or entry["all_annotators_no_cp"]:
            means = [sum(version) / len(version) for version in entry["values"]]
            smallest = min(mean for mean in means if mean > 0)  # a clock that stood still
            values = tuple(max(mean, smallest) for mean in means)
            yield Labelled(name=entry["key"], values=values, marks=tuple(entry["consensus_cp"]))


def _row(method: Method, series: Sequence[Labelled]) -> str:
    found: dict[str, list[tuple[Labelled, Sequence[int]]]] = {}
    default = next(iter(method.settings))
    spent_s = 0.0
    for name, find in method.settings.items():
        start_s = time.perf_counter()
        found[name] = [(one, find(one.values)) for one in series]
        if name == default:
            spent_s = time.perf_counter() - start_s
    own = score(found[default])
    tuned = ""
    for half in (0, 1):
        chosen = max(found, key=lambda name: _worth(score(_part(found[name], half))))
        other = score(_part(found[chosen], 1 - half))
        tuned += f"  {other.f1:.3f}, {other.falsely_marked} of {other.change_free} ({chosen})"
    return (
        f"{method.name:<20}{default:<28}{own.precision:>6.2f}{own.recall:>6.2f}{own.f1:>7.3f}"
        f"{own.falsely_marked:>5} of {own.change_free}{spent_s / len(series) * 1e3:>6.1f}{tuned}"
    )


def _part(
    found: Sequence[tuple[Labelled, Sequence[int]]], half: int
) -> list[tuple[Labelled, Sequence[int]]]:
    return [(one, marks) for one, marks in found if half_of(one) == half]


def _worth(scored: Score) -> tuple[bool, float]:
    return scored.falsely_marked <= _TOLERATED * scored.change_free, scored.f1


if __name__ == "__main__":
    main(sys.argv[1:])
