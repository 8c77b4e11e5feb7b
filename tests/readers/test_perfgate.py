import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.errors import InputFileError
from perfgate.model import (
    Benchmark,
    Environment,
    Failure,
    FailureKind,
    ProcessRun,
    Results,
    Revision,
)
from perfgate.readers.files import read_results
from perfgate.readers.perfgate import encode_results, read_perfgate_results
from tests.readers.documents import REPORT, RESULTS, put, write

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.floats(min_value=1e-12, max_value=1e9)
RUNS = st.builds(
    ProcessRun,
    rounds=st.integers(1, 10**6),
    iterations=st.integers(1, 10**6),
    min_s=SECONDS,
    median_s=SECONDS,
    low_s=st.none() | SECONDS,
    p90_s=st.none() | SECONDS,
    rss_growth_bytes=st.none() | st.integers(0, 2**40),
    metrics=st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
BENCHMARKS = st.builds(
    Benchmark,
    id=TEXTS.filter(bool),
    suite=TEXTS,
    runs=st.lists(RUNS, min_size=1, max_size=3).map(tuple),
    path=TEXTS,
) | st.builds(
    Benchmark,
    id=TEXTS.filter(bool),
    suite=TEXTS,
    failure=st.builds(Failure, kind=st.sampled_from(FailureKind), message=TEXTS),
)
EVERY_RESULTS = st.builds(
    Results,
    environment=st.builds(
        Environment, system=TEXTS, machine=TEXTS, implementation=TEXTS, python=TEXTS
    ),
    revision=st.builds(Revision, commit=TEXTS, is_dirty=st.booleans(), branch=TEXTS),
    benchmarks=st.lists(BENCHMARKS, min_size=1, max_size=4, unique_by=lambda each: each.id).map(
        tuple
    ),
    legs=st.lists(TEXTS, max_size=2).map(tuple),
)


@given(EVERY_RESULTS)
def test_what_is_written_is_read_back(results: Results) -> None:
    assert read_perfgate_results(Path("results.json"), encode_results(results)) == results


@given(EVERY_RESULTS)
def test_each_benchmark_has_a_line(results: Results) -> None:
    lines = encode_results(results).splitlines(keepends=True)
    assert len(lines) == len(results.benchmarks) + 2
    assert lines[-1].endswith(b"}\n")


def test_equal_results_give_equal_bytes() -> None:
    runs = [
        ProcessRun(rounds=1, iterations=1, min_s=1.0, median_s=1.0, metrics=metrics)
        for metrics in ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    ]
    first, second = (
        msgspec.structs.replace(
            RESULTS, benchmarks=(Benchmark(id="x.py::test_x", suite="x", runs=(run,)),)
        )
        for run in runs
    )
    assert encode_results(first) == encode_results(second)


def test_results_are_read_from_a_file(tmp_path: Path) -> None:
    assert read_results(write(tmp_path, encode_results(RESULTS))) == RESULTS


def test_results_that_were_formatted_anew_are_read(tmp_path: Path) -> None:
    assert read_results(write(tmp_path, json.loads(encode_results(RESULTS)))) == RESULTS


def test_the_results_of_a_report_are_read(tmp_path: Path) -> None:
    assert read_results(write(tmp_path, msgspec.json.encode(REPORT))) == RESULTS


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        pytest.param(("version",), 2, "version: is 2, and this perfgate reads 1", id="version"),
        pytest.param(("surprise",), 1, "object contains unknown field `surprise`", id="key"),
        pytest.param(
            ("benchmarks", 1, "runs", 0, "surprise"),
            1,
            "benchmarks[1].runs[0]: object contains unknown field `surprise`",
            id="key of a run",
        ),
        pytest.param(
            ("benchmarks", 1, "runs", 0, "min_s"),
            -1.0,
            "benchmarks[1].runs[0]: min_s must be a positive, finite number",
            id="negative time",
        ),
        pytest.param(
            ("benchmarks", 1, "runs", 0, "rounds"),
            "5",
            "benchmarks[1].runs[0].rounds: expected a whole number, got text",
            id="rounds as text",
        ),
        pytest.param(("benchmarks",), [], "benchmarks: is empty", id="empty"),
        pytest.param(
            ("benchmarks", 1, "id"),
            RESULTS.benchmarks[0].id,
            f"benchmarks[1].id: {RESULTS.benchmarks[0].id} is already in benchmarks[0]",
            id="same id",
        ),
    ],
)
def test_damaged_results_are_refused(
    tmp_path: Path, place: tuple[str | int, ...], value: object, message: str
) -> None:
    path = write(tmp_path, put(json.loads(encode_results(RESULTS)), place, value))
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_damage_in_a_report_is_placed_from_its_root(tmp_path: Path) -> None:
    document = put(json.loads(msgspec.json.encode(REPORT)), ("results", "benchmarks", 1, "id"), "")
    with pytest.raises(InputFileError, match=r"results.benchmarks\[1\]: a benchmark needs an id"):
        read_results(write(tmp_path, document))
