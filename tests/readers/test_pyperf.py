from pathlib import Path

import pytest

from perfgate.errors import InputFileError
from perfgate.readers.files import read_results
from tests.readers.documents import PYPERF, put, without, write


def test_each_process_with_values_is_a_run(tmp_path: Path) -> None:
    results = read_results(write(tmp_path, PYPERF))
    telco, deltablue = results.benchmarks

    assert (telco.id, deltablue.id) == ("telco", "deltablue")
    assert [run.rounds for run in telco.runs] == [3, 2]  # the first one only calibrated
    assert [run.median_s for run in telco.runs] == [0.5, 0.5]
    assert {run.iterations for run in telco.runs} == {640}  # 64 loops of 10 inner loops
    assert telco.suite == "pyperf"


@pytest.mark.parametrize(
    ("platform", "key", "kernel"),
    [
        (
            "Linux-5.8.12-200.fc32.x86_64-x86_64-with-glibc2.31",
            "linux-x86_64-cpython-3.12",
            "5.8.12-200.fc32.x86_64",
        ),
        ("macOS-14.5-arm64-arm-64bit", "darwin-arm64-cpython-3.12", ""),
        ("Windows-10-10.0.19041-SP0", "windows--cpython-3.12", ""),
    ],
)
def test_the_metadata_becomes_the_environment(
    tmp_path: Path, platform: str, key: str, kernel: str
) -> None:
    document = put(PYPERF, ("metadata", "platform"), platform)
    environment = read_results(write(tmp_path, document)).environment

    assert (environment.key, environment.kernel) == (key, kernel)
    assert (environment.cpu_model, environment.cpu_count) == ("Intel(R) Xeon(R)", 8)
    assert environment.python == "3.12.0"


def test_metadata_of_the_run_holds_over_that_of_the_benchmark(tmp_path: Path) -> None:
    document = put(PYPERF, ("benchmarks", 0, "runs", 1, "metadata"), {"loops": 2})
    telco = read_results(write(tmp_path, document)).benchmarks[0]
    assert [run.iterations for run in telco.runs] == [20, 640]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        pytest.param(("metadata", "unit"), "byte", "metadata.unit: is byte; perf", id="bytes"),
        pytest.param(
            ("benchmarks", 1, "metadata", "unit"),
            "integer",
            "benchmarks[1].metadata.unit: is integer; perfgate compares times",
            id="integers in one benchmark",
        ),
        pytest.param(
            ("benchmarks", 1, "runs", 1, "metadata"),
            {"unit": "byte"},
            "benchmarks[1].runs[1].metadata.unit: is byte",
            id="bytes in one run",
        ),
        pytest.param(
            ("benchmarks", 0, "runs", 1, "values"),
            [0.5, 0.0],
            "benchmarks[0].runs[1].values[1]: expected a number > 0.0",
            id="zero",
        ),
        pytest.param(("version",), 5, "version: is 5; pyperf 0.9.6", id="before values"),
        pytest.param(("benchmarks",), [], "benchmarks: is empty", id="empty"),
        pytest.param(("benchmarks", 1, "runs"), [], "benchmarks[1].runs: hold no", id="no runs"),
        pytest.param(
            ("benchmarks", 1, "runs"),
            [{"warmups": [[1, 0.5]]}],
            "benchmarks[1].runs: hold no values: every run only calibrated",
            id="calibration alone",
        ),
        pytest.param(
            ("benchmarks", 1, "metadata", "name"),
            "telco",
            "benchmarks[1].metadata.name: telco is there already",
            id="same name",
        ),
        pytest.param(
            ("benchmarks", 1, "metadata", "cpu_model_name"),
            "AMD EPYC",
            "benchmarks[1].metadata: differs in machine",
            id="other machine",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, place: tuple[str | int, ...], value: object, message: str
) -> None:
    path = write(tmp_path, put(PYPERF, place, value))
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_benchmark_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, without(PYPERF, ("benchmarks", 0, "metadata", "name")))
    with pytest.raises(InputFileError, match=r"benchmarks\[0\].metadata: has no name"):
        read_results(path)
