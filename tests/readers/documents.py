"""Documents for the tests of readers: small, whole, and easy to damage in one place."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks.synthetic import pytest_benchmark_document
from perfgate.errors import InputFileError
from perfgate.model import Benchmark as BenchmarkResult
from perfgate.model import Environment, ProcessRun, Report, Results, Revision, Verdict
from perfgate.readers.files import read_results

RESULTS = Results(
    environment=Environment(
        system="linux", machine="x86_64", implementation="cpython", python="3.12.4"
    ),
    revision=Revision(commit="1f0e3dad", branch="main"),
    benchmarks=tuple(
        BenchmarkResult(
            id=f"benchmarks/test_parser.py::test_parse[{size}]",
            suite="parser",
            path="benchmarks/test_parser.py",
            runs=(ProcessRun(rounds=5, iterations=2, min_s=0.1, median_s=0.2, metrics={"b": 1.0}),),
        )
        for size in ("small", "large")
    ),
)
REPORT = Report(
    results=RESULTS,
    judgements=(),
    is_default_branch=False,
    fails_on=(Verdict.REGRESSED,),
    undecided_fails=True,
    exit_status=0,
)
PYPERF: dict[str, Any] = {
    "version": "1.0",
    "metadata": {
        "unit": "second",
        "platform": "Linux-5.8.12-200.fc32.x86_64-x86_64-with-glibc2.31",
        "python_version": "3.12.0 (64-bit) revision f58631be11",
        "python_implementation": "cpython",
        "cpu_model_name": "Intel(R) Xeon(R)",
        "cpu_count": 8,
    },
    "benchmarks": [
        {
            "metadata": {"name": name, "loops": 64, "inner_loops": 10},
            "runs": [
                {"metadata": {"calibrate_loops": 64}, "warmups": [[1, 0.25]]},
                {"values": [0.5, 0.25, 0.75]},
                {"values": [0.5, 0.5], "warmups": [[64, 0.5]]},
            ],
        }
        for name in ("telco", "deltablue")
    ],
}

ODD_NUMBERS = st.sampled_from([0, -1, 1e308, 5e-324, 10**40, float("nan"), float("inf"), True])
VALUES = st.recursive(
    st.none() | st.booleans() | ODD_NUMBERS | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def pytest_benchmark(count: int = 4, rounds: int | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        json.dumps(pytest_benchmark_document(count, rounds=rounds))
    )
    return document  # whose parts are no longer shared between benchmarks


def write(folder: Path, document: object, name: str = "results.json") -> Path:
    path = folder / name
    if isinstance(document, bytes):
        path.write_bytes(document)
    elif isinstance(document, str):
        path.write_text(document, encoding="utf-8")
    else:
        path.write_text(json.dumps(document, indent=4), encoding="utf-8")
    return path


def put(document: Any, place: tuple[str | int, ...], value: object) -> Any:
    """Return a copy with another value in one place."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


def without(document: Any, place: tuple[str | int, ...]) -> Any:
    """Return a copy that lacks one place."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    del inner[place[-1]]
    return changed


def places(document: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [place] if place else []
    if isinstance(document, dict):
        for key, value in document.items():
            found += places(value, (*place, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            found += places(value, (*place, index))
    return found


def read_or_refused(path: Path) -> Results | None:
    try:
        return read_results(path)
    except InputFileError as error:
        assert str(error).isprintable()  # noqa: PT017 - the law is about either outcome
        return None
