import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perfgate.errors import InputFileError
from perfgate.model import Benchmark, Results, Revision
from perfgate.readers.files import read_results
from tests.readers.documents import put, pytest_benchmark, without, write

# what each version wrote into one benchmark and its stats, as its as_dict says
OLDEST_STATS = {"min", "max", "mean", "median", "rounds", "iterations", "iqr", "q1", "q3", "stddev"}
OLDEST_STATS |= {"iqr_outliers", "stddev_outliers", "outliers"}
NEWEST_STATS = OLDEST_STATS | {"ld15iqr", "hd15iqr", "ops", "total"}
OLDEST = {"group", "name", "fullname", "options", "stats"}
NEWEST = OLDEST | {"params", "param", "extra_info"}


def in_shape(keys: set[str], stats: set[str], version: str) -> dict[str, Any]:
    document = pytest_benchmark()
    document["version"] = version
    document["benchmarks"] = [
        {name: value for name, value in entry.items() if name in keys}
        | {"stats": {name: value for name, value in entry["stats"].items() if name in stats}}
        for entry in document["benchmarks"]
    ]
    return document


def read(folder: Path, document: object) -> Results:
    return read_results(write(folder, document))


def only(results: Results) -> Benchmark:
    (benchmark,) = results.benchmarks
    return benchmark


@pytest.mark.parametrize(
    ("version", "keys", "stats"),
    [
        pytest.param("2.5.0", OLDEST, OLDEST_STATS, id="2.5 without extra_info and parameters"),
        pytest.param("3.0.0", NEWEST, NEWEST_STATS - {"ops", "total"}, id="3.0 without ops"),
        pytest.param("3.1.0", NEWEST, NEWEST_STATS - {"total"}, id="3.1"),
        pytest.param("3.4.1", NEWEST, NEWEST_STATS, id="3.4"),
        pytest.param("4.0.0", NEWEST, NEWEST_STATS, id="4.0"),
        pytest.param("5.2.3", NEWEST, NEWEST_STATS, id="5.2"),
    ],
)
def test_every_version_is_read(
    tmp_path: Path, version: str, keys: set[str], stats: set[str]
) -> None:
    results = read(tmp_path, in_shape(keys, stats, version))

    assert results.environment.pytest_benchmark == version
    assert [each.id for each in results.benchmarks] == [
        each["fullname"] for each in pytest_benchmark()["benchmarks"]
    ]


def test_a_key_of_a_version_to_come_is_no_damage(tmp_path: Path) -> None:
    document = put(pytest_benchmark(1), ("benchmarks", 0, "stats", "p99"), 1.0)
    assert only(read(tmp_path, document)).id == document["benchmarks"][0]["fullname"]


def test_without_raw_rounds_nothing_is_made_up(tmp_path: Path) -> None:
    document = pytest_benchmark(1)
    stats = document["benchmarks"][0]["stats"]
    (run,) = only(read(tmp_path, document)).runs

    assert (run.min_s, run.median_s, run.max_s) == (stats["min"], stats["median"], stats["max"])
    assert (run.mean_s, run.iqr_s) == (stats["mean"], stats["iqr"])
    assert (run.rounds, run.iterations) == (stats["rounds"], stats["iterations"])
    assert (run.low_s, run.p90_s, run.p95_s, run.p99_s) == (None, None, None, None)


def test_from_raw_rounds_every_number_is_computed(tmp_path: Path) -> None:
    document = pytest_benchmark(1, rounds=40)
    stats = document["benchmarks"][0]["stats"]
    stats |= {"min": 1e-12, "iqr": 77.0, "median": 1e-12}  # what the file says is not used
    ordered = sorted(stats["data"])
    (run,) = only(read(tmp_path, document)).runs

    assert run.min_s == ordered[0]
    assert run.low_s == ordered[3]
    assert run.median_s == (ordered[19] + ordered[20]) / 2
    assert run.iqr_s == ordered[29] - ordered[9]
    assert run.p90_s == ordered[35]
    assert run.p95_s is None


def test_raw_rounds_that_were_cut_are_refused(tmp_path: Path) -> None:
    document = pytest_benchmark(1, rounds=40)
    del document["benchmarks"][0]["stats"]["data"][7]
    with pytest.raises(InputFileError, match=r"benchmarks\[0\].stats.data: holds 39 rounds where"):
        read(tmp_path, document)


def test_numbers_in_an_impossible_order_are_refused(tmp_path: Path) -> None:
    document = put(pytest_benchmark(1), ("benchmarks", 0, "stats", "median"), 1e6)
    with pytest.raises(InputFileError, match=r"benchmarks\[0\].stats: min, median and max"):
        read(tmp_path, document)


def test_a_benchmark_that_was_run_again_is_refused(tmp_path: Path) -> None:
    document = pytest_benchmark()
    document["benchmarks"].append(document["benchmarks"][1])
    with pytest.raises(
        InputFileError, match=r"benchmarks\[4\].fullname: .* is already in benchmarks\[1\]"
    ):
        read(tmp_path, document)


@pytest.mark.parametrize(
    ("fullname", "suite", "path"),
    [
        ("benchmarks/test_stripe.py::test_refund", "stripe", "benchmarks/test_stripe.py"),
        ("bench_io.py::TestDisk::test_read[a::b/c.py]", "io", "bench_io.py"),
        ("src/perf/parsing.py::test_x", "parsing", "src/perf/parsing.py"),
        ("test_.py::test_x", "test_", "test_.py"),
        ("test_alone", "", ""),
    ],
)
def test_suite_and_path_come_from_the_id(
    tmp_path: Path, fullname: str, suite: str, path: str
) -> None:
    benchmark = only(
        read(tmp_path, put(pytest_benchmark(1), ("benchmarks", 0, "fullname"), fullname))
    )
    assert (benchmark.id, benchmark.suite, benchmark.path) == (fullname, suite, path)


def test_only_finite_numbers_of_extra_info_become_metrics(tmp_path: Path) -> None:
    extra = {"bytes": 12, "ratio": 0.5, "ok": True, "impl": "x", "none": None, "list": [1]}
    extra |= {"nested": {"x": 1}, "huge": 10**400}
    document = put(pytest_benchmark(1), ("benchmarks", 0, "extra_info"), extra)
    assert only(read(tmp_path, document)).runs[0].metrics == {"bytes": 12.0, "ratio": 0.5}


def test_a_benchmark_without_any_name_is_refused(tmp_path: Path) -> None:
    document = put(pytest_benchmark(1), ("benchmarks", 0, "fullname"), "")
    document["benchmarks"][0]["name"] = ""
    with pytest.raises(InputFileError, match=r"benchmarks\[0\].name: is empty"):
        read(tmp_path, document)


def test_a_file_may_say_nothing_of_the_machine(tmp_path: Path) -> None:
    environment = read(tmp_path, without(pytest_benchmark(1), ("machine_info",))).environment
    assert (environment.system, environment.cpu_model, environment.cpu_count) == ("", "", None)


def test_a_file_may_say_nothing_of_the_commit(tmp_path: Path) -> None:
    assert read(tmp_path, without(pytest_benchmark(1), ("commit_info",))).revision == Revision()


def test_the_machine_becomes_the_environment(tmp_path: Path) -> None:
    environment = read(tmp_path, pytest_benchmark(1)).environment

    assert environment.key == "linux-x86_64-cpython-3.12"
    assert environment.python_build == "main Jun  8 2024 18:29:57"
    assert environment.cpu_model == "AMD EPYC 7763 64-Core Processor"
    assert environment.cpu_count == 4
    assert environment.kernel == "6.8.0-1015-azure"


@pytest.mark.parametrize(
    ("cpu", "model"),
    [
        pytest.param({"brand": "Intel(R) i7"}, "Intel(R) i7", id="before cpuinfo 6"),
        pytest.param({}, "", id="nothing was found out"),
        pytest.param(None, "", id="none"),
    ],
)
def test_the_cpu_may_be_little_known(tmp_path: Path, cpu: object, model: str) -> None:
    results = read(tmp_path, put(pytest_benchmark(1), ("machine_info", "cpu"), cpu))
    assert results.environment.cpu_model == model


@pytest.mark.parametrize(
    ("commit", "expected"),
    [
        pytest.param(
            {"id": "abc", "dirty": True, "branch": "main"},
            Revision(commit="abc", is_dirty=True, branch="main"),
            id="commit",
        ),
        pytest.param({"id": "unversioned"}, Revision(), id="no repository"),
        pytest.param({"id": "unknown", "error": "exit 128"}, Revision(), id="no commits"),
        pytest.param(
            {"id": "abc", "branch": "(detached head)"}, Revision(commit="abc"), id="detached"
        ),
        pytest.param({"id": "abc", "branch": None}, Revision(commit="abc"), id="no branch"),
    ],
)
def test_the_commit_becomes_the_revision(
    tmp_path: Path, commit: object, expected: Revision
) -> None:
    assert read(tmp_path, put(pytest_benchmark(1), ("commit_info",), commit)).revision == expected


def test_what_the_installed_pytest_benchmark_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_sums.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 'a|b'])\n"
        "def test_sum(benchmark, n):\n"
        "    benchmark.extra_info['items'] = 3\n"
        "    assert benchmark.pedantic(sum, args=([1, 2],), rounds=40, iterations=50) == 3\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-json=out.json", "test_sums.py"]
    # In a worker of pytest-xdist, which this test may run in, pytest-benchmark measures nothing.
    environ = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120, env=environ)
    results = read_results(tmp_path / "out.json")

    assert [each.id for each in results.benchmarks] == [
        "test_sums.py::test_sum[1]",
        "test_sums.py::test_sum[a|b]",
    ]
    assert all(each.suite == "sums" for each in results.benchmarks)
    assert all(each.runs[0].metrics == {"items": 3.0} for each in results.benchmarks)
    raw = json.loads((tmp_path / "out.json").read_bytes())["benchmarks"]
    for benchmark, entry in zip(results.benchmarks, raw, strict=True):
        (run,) = benchmark.runs
        assert (run.rounds, run.iterations) == (40, 50)
        assert run.median_s == pytest.approx(entry["stats"]["median"])
        assert run.mean_s == pytest.approx(entry["stats"]["mean"])
