"""Marks of people on series that nobody here made up; absent where the data are."""

import runpy
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from benchmarks.changepoints.scoring import Labelled, score
from perfgate.stats.changepoint import ChangeKind, describe

LOADER = next(
    (
        path
        for folder in Path(__file__).parents
        if (path := folder / "shared" / "data" / "load.py").is_file()
    ),
    None,
)
pytestmark = pytest.mark.skipif(LOADER is None, reason="the labelled series are not here")


@pytest.fixture(scope="module")
def load() -> Any:
    return runpy.run_path(str(LOADER))["labelled"]


def _means(values: list[list[float]]) -> tuple[float, ...]:
    means = [sum(version) / len(version) for version in values]
    smallest = min(mean for mean in means if mean > 0)
    return tuple(max(mean, smallest) for mean in means)


def test_marks_agree_with_those_of_people(load: Any) -> None:
    series = [
        Labelled(
            name=entry["key"],
            values=_means(entry["values"]),
            marks=tuple(entry["consensus_cp"]),
        )
        for entry in load("large")
        if entry["consensus_cp"] or entry["all_annotators_no_cp"]
    ]
    scored = score(
        (one, [change.index for change in describe(one.values).changes]) for one in series
    )
    assert scored.change_free == 43
    assert scored.f1 >= 0.7
    assert scored.falsely_marked <= 2


def _by_build(entry: dict[str, Any]) -> Iterator[tuple[str, list[float]]]:
    pairs = zip(entry["build"], entry["value"], strict=True)
    for build, group in groupby(pairs, key=lambda pair: pair[0]):
        yield build, [value for _, value in group]


def test_every_regression_is_found_and_nothing_else_is_marked(load: Any) -> None:
    """Of five kinds only one has a step; spikes, scatter and builds that differ have none."""
    for entry in load("small"):
        builds = list(_by_build(entry))
        changes = describe(_means([values for _, values in builds])).changes
        if entry["type"] != "regression":
            assert changes == (), entry["key"]
            continue
        names = [name for name, _ in builds]
        good = entry["build"][entry["change_point_last_good_index"]]
        (change,) = changes
        assert change.kind is ChangeKind.STEP
        assert abs(change.index - names.index(good)) <= 1
