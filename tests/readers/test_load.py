import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfgate.errors import InputFileError
from perfgate.load_run import (
    LOAD_SCHEMA,
    Demand,
    DemandKind,
    LoadEngine,
    LoadOutcome,
    LoadRun,
    Series,
    encode_load_run,
)
from perfgate.model import FailureKind
from perfgate.readers.files import read_results
from perfgate.stats.histogram import ExponentialHistogram
from tests.command_line import ENVIRONMENT


def _series(name: str, times_s: list[float]) -> Series:
    histogram = ExponentialHistogram()
    histogram.record_many(times_s)
    return Series(
        name=name,
        ok=len(times_s),
        metrics={"success_rate": 1.0, "p95": 0.3, "ops_per_s": 12.5},
        times=histogram.data(),
    )


RUN = LoadRun(
    schema=LOAD_SCHEMA,
    name="checkout",
    engine=LoadEngine.LOCUST,
    engine_version="2.47.0",
    demand=Demand(kind=DemandKind.CLOSED, users=5),
    environment=ENVIRONMENT,
    wall_s=10.0,
    total=_series("", [0.1, 0.2, 0.3]),
    series=(_series("GET /a", [0.1]), _series("GET /b", [0.2, 0.3])),
    outcome=LoadOutcome.PASSED,
)


def _write(folder: Path, run: LoadRun) -> Path:
    path = folder / "load.json"
    path.write_bytes(encode_load_run(run))
    return path


def test_the_whole_load_and_each_name_are_benchmarks_of_one_process(tmp_path: Path) -> None:
    results = read_results(_write(tmp_path, RUN))
    assert [one.id for one in results.benchmarks] == [
        "load:checkout",
        "load:checkout::GET /a",
        "load:checkout::GET /b",
    ]
    assert {one.suite for one in results.benchmarks} == {"load.checkout"}
    (run,) = results.benchmarks[0].runs
    assert (run.rounds, run.p95_s) == (3, 0.3)
    assert run.median_s == pytest.approx(0.2, rel=0.006)
    assert run.metrics == {"success_rate": 1.0, "ops_per_s": 12.5}


def test_a_load_in_doubt_has_no_numbers(tmp_path: Path) -> None:
    run = msgspec.structs.replace(RUN, doubts=("worker a was lost",))
    results = read_results(_write(tmp_path, run))
    for benchmark in results.benchmarks:
        assert benchmark.failure is not None
        assert benchmark.failure.kind is FailureKind.UNFIT
        assert "worker a was lost" in benchmark.failure.message


def test_a_name_that_never_succeeded_has_failed(tmp_path: Path) -> None:
    broken = Series(name="GET /c", ok=0, failures={"http_5xx": 4}, times=_series("", []).times)
    run = msgspec.structs.replace(RUN, series=(broken,))
    benchmark = read_results(_write(tmp_path, run)).benchmarks[1]
    assert benchmark.failure is not None
    assert benchmark.failure.message == "no operation succeeded: 4 x http_5xx"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"schema": "perfgate/load-2"}, "schema", id="version"),
        pytest.param({"series": [{"name": ""}]}, "series[0]", id="incomplete"),
        pytest.param({"unknown": 1}, "unknown", id="unknown-key"),
        pytest.param({"wall_s": "long"}, "wall_s", id="type"),
        pytest.param({"doubts": None}, "doubts", id="null"),
    ],
)
def test_a_damaged_load_is_refused_by_its_place(
    tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    document = json.loads(encode_load_run(RUN)) | change
    path = tmp_path / "load.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert place in str(caught.value)


def test_a_histogram_that_lost_times_is_refused(tmp_path: Path) -> None:
    document = json.loads(encode_load_run(RUN))
    document["series"][1]["ok"] = 5
    path = tmp_path / "load.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError, match=r"series\[1\].times: holds 2 times, and 5 succeeded"):
        read_results(path)


def test_half_a_file_is_no_load(tmp_path: Path) -> None:
    path = _write(tmp_path, RUN)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputFileError):
        read_results(path)
