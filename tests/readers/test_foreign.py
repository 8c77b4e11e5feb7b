"""Files of other tools: what becomes of their numbers, and that damage never gets through."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfgate.errors import InputFileError
from perfgate.model import Benchmark, Environment
from perfgate.readers.files import read_results
from perfgate.readers.perfgate import encode_results
from tests.readers.documents import VALUES, places, put, read_or_refused, without, write

SAMPLES = Path(__file__).parent / "samples"
READ = sorted(
    path.name
    for path in SAMPLES.iterdir()
    if path.name not in {"README.md", "gobench-failed.txt", "wrk-without-latency.txt"}
)
JSON = [name for name in READ if name.endswith(".json") and name != "asv.json"]
FUZZ = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def sample(name: str) -> dict[str, Benchmark]:
    return {one.id: one for one in read_results(SAMPLES / name).benchmarks}


def document(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def test_each_run_of_a_command_is_a_process_for_hyperfine() -> None:
    found = sample("hyperfine.json")
    times = [result["times"] for result in document("hyperfine.json")["results"]]
    assert [[run.low_s for run in one.runs] for one in found.values()] == times
    assert found["sleep 0.01"].runs[0].metrics["success_rate"] == 1.0
    assert all(one.suite == "hyperfine" for one in found.values())


def test_hyperfine_without_its_times_has_one_mean(tmp_path: Path) -> None:
    changed = without(document("hyperfine.json"), ("results", 0, "times"))
    first = read_results(write(tmp_path, changed)).benchmarks[0]
    assert [run.low_s for run in first.runs] == [changed["results"][0]["mean"]]


def test_hyperfine_keeps_memory_and_failed_commands(tmp_path: Path) -> None:
    changed = put(document("hyperfine.json"), ("results", 0, "memory_usage_byte"), [4096] * 6)
    changed = put(changed, ("results", 0, "exit_codes"), [0, 1, None, 0, 0, 0])
    run = read_results(write(tmp_path, changed)).benchmarks[0].runs[0]
    assert run.metrics == {"peak_memory": 4096.0, "success_rate": pytest.approx(4 / 6)}


def test_each_repetition_of_google_benchmark_is_a_run() -> None:
    found = sample("google_benchmark.json")
    fill = found["BM_Fill/64/min_time:0.010"]
    first = document("google_benchmark.json")["benchmarks"][0]
    assert len(fill.runs) == first["repetitions"] == 4
    assert fill.runs[0].low_s == pytest.approx(first["real_time"] * 1e-9)
    assert fill.runs[0].iterations == first["iterations"]
    assert fill.runs[0].metrics["bits"] == 32
    assert fill.runs[0].metrics["cpu_s"] == pytest.approx(first["cpu_time"] * 1e-9)
    slow = found["BM_Slow/min_time:0.010/real_time"].runs[0]
    assert 1e-6 < slow.low_s < 1e-2  # type: ignore[operator]  # its unit is us
    broken = found["BM_Broken"].failure
    assert broken is not None
    assert (broken.kind.value, broken.message) == ("raised", "no input")


def test_google_benchmark_that_reports_aggregates_alone_has_its_median() -> None:
    found = sample("google_benchmark_aggregates.json")["BM_Fill/64/min_time:0.010"]
    entries = document("google_benchmark_aggregates.json")["benchmarks"]
    median = next(one for one in entries if one["aggregate_name"] == "median")
    assert [run.low_s for run in found.runs] == [pytest.approx(median["real_time"] * 1e-9)]


def test_asv_gives_one_run_for_each_combination_of_parameters() -> None:
    found = sample("asv.json")
    timed = {name for name, one in found.items() if one.runs}
    assert timed == {
        "suite.Parsing.time_parse(10, 'json')",
        "suite.Parsing.time_parse(10, 'text')",
        "suite.Parsing.time_parse(1000, 'json')",
        "suite.time_plain",
    }
    plain = found["suite.time_plain"].runs[0]
    assert (plain.rounds, plain.iterations) == (4, 794)  # its samples, and stats_number
    assert plain.median_s == pytest.approx(1.563485894536644e-05)  # its result
    kinds = {name: one.failure.kind.value for name, one in found.items() if one.failure}
    assert kinds == {
        "suite.Parsing.mem_data": "skipped",
        "suite.Parsing.time_parse(1000, 'text')": "skipped",
        "suite.time_broken": "raised",
        "suite.track_count": "skipped",
    }


def test_the_machine_of_asv_becomes_the_environment(tmp_path: Path) -> None:
    text = (SAMPLES / "asv.json").read_text()
    machine = {"arch": "x86_64", "cpu": "EPYC", "num_cpu": "2", "os": "Linux 6.1", "python": "3.12"}
    text = text.replace(
        '"params": {"machine": "sample", ', f'"params": {json.dumps(machine)}, "_": {{'
    )
    text = text.replace('"python": "/usr/bin/python3.11"', '"python": "3.12"')
    results = read_results(write(tmp_path, text))
    assert results.environment.key == "linux-x86_64-cpython-3.12"
    assert (results.environment.cpu_model, results.environment.cpu_count) == ("EPYC", 2)
    assert results.revision.commit.startswith("5ecff927")


def test_each_line_of_go_is_a_run_with_its_other_units_beside_it() -> None:
    results = read_results(SAMPLES / "gobench.txt")
    found = {one.id: one for one in results.benchmarks}
    long = found["example.com/sample.BenchmarkRepeat/long"]
    assert [run.low_s for run in long.runs] == pytest.approx([885.6e-9, 3731e-9, 605.1e-9])
    assert long.runs[0].metrics == {
        "MB_per_s": 1129.2,
        "chars_per_op": 1000,
        "B_per_op": 1024,
        "allocs_per_op": 1,
    }
    assert (results.environment.key, results.environment.cpu_model) == (
        "linux-x86_64-go",
        "AMD EPYC",
    )
    assert results.environment.cpu_count == 2


def test_names_of_go_keep_numbers_of_processors_that_differ(tmp_path: Path) -> None:
    text = "BenchmarkA 10 5 ns/op\nBenchmarkA-4 10 2 ns/op\nBenchmarkA-4 10 3 ns/op\n"
    found = read_results(write(tmp_path, text)).benchmarks
    assert [(one.id, len(one.runs)) for one in found] == [("BenchmarkA", 1), ("BenchmarkA-4", 2)]


def test_locust_is_judged_by_its_mean_which_is_not_rounded() -> None:
    raw = document("locust.json")[0]
    run = sample("locust.json")["GET /index.html"].runs[0]
    mean_s = raw["total_response_time"] / raw["num_requests"] / 1000
    assert run.low_s == run.mean_s == pytest.approx(mean_s)
    assert (run.median_s, run.p95_s) == (0.004, 0.008)  # as Locust rounded them
    assert run.rounds == raw["num_requests"]
    assert sample("locust.json")["GET /missing?id=[id]"].runs[0].metrics["error_rate"] == 1


def test_quantiles_of_locust_are_those_of_its_counts(tmp_path: Path) -> None:
    counts = {"0": 60, "2": 30, "7": 10}
    changed = put(document("locust.json"), (0, "response_times"), counts)
    changed = put(changed, (0, "num_requests"), 100)
    run = read_results(write(tmp_path, changed)).benchmarks[0].runs[0]
    assert (run.median_s, run.p90_s, run.p95_s) == (0.0005, 0.002, 0.007)


def test_the_csv_of_locust_has_the_same_benchmarks() -> None:
    found = sample("locust_stats.csv")
    assert list(found) == list(sample("locust.json"))
    run = found["GET /index.html"].runs[0]
    assert run.rounds == 287
    assert run.low_s == pytest.approx(0.004212867787546107)
    assert run.metrics["ops_per_s"] == pytest.approx(144.4970920291072)


@pytest.mark.parametrize(
    ("name", "gated"),
    [
        pytest.param(
            "k6-summary-export.json",
            [
                "http_req_duration",
                "http_req_duration{expected_response:true}",
                "iteration_duration",
            ],
            id="summary-export",
        ),
        pytest.param(
            "k6-handle-summary.json",
            ["http_req_duration", "iteration_duration", "checkout_time"],
            id="handleSummary",
        ),
        pytest.param("k6-machine-readable.json", ["http_req_duration"], id="machine-readable"),
    ],
)
def test_k6_is_judged_by_the_median_of_its_durations(name: str, gated: list[str]) -> None:
    found = sample(name)
    assert list(found) == gated
    run = found["http_req_duration"].runs[0]
    assert run.rounds == 600
    assert (run.low_s, run.p95_s) == pytest.approx((0.0048, 0.0096))
    assert run.metrics["ops_per_s"] == pytest.approx(59.87, rel=1e-3)
    assert run.metrics["success_rate"] == pytest.approx(590 / 600)


def test_a_trend_that_k6_did_not_count_has_no_quantiles_to_hold_limits_against() -> None:
    run = sample("k6-summary-export.json")["http_req_duration{expected_response:true}"].runs[0]
    assert (run.rounds, run.p95_s) == (1, None)


@pytest.mark.parametrize(
    ("name", "title", "seconds", "metrics"),
    [
        pytest.param("vegeta.json", "vegeta", 0.002254306, {"success_rate": 0.996}, id="vegeta"),
        pytest.param("oha.json", "oha", 0.0032, {"success_rate": 827 / 832}, id="oha"),
        pytest.param(
            "wrk.txt",
            "http://127.0.0.1:18765/index.html",
            0.00101,
            {"ops_per_s": 1251.19, "success_rate": 1},
            id="wrk",
        ),
        pytest.param(
            "wrk2.txt",
            "http://127.0.0.1:8080/index.html",
            0.006643,
            {"ops_per_s": 100.01, "error_rate": 5 / 2005},
            id="wrk2",
        ),
        pytest.param("histogram.hgrm", "histogram", 0.006643, {}, id="HdrHistogram"),
    ],
)
def test_a_load_test_is_judged_by_its_median_request(
    name: str, title: str, seconds: float, metrics: dict[str, float]
) -> None:
    run = sample(name)[title].runs[0]
    assert run.low_s == run.median_s == pytest.approx(seconds)
    assert {key: run.metrics[key] for key in metrics} == pytest.approx(metrics)


def test_the_custom_json_of_the_action_takes_times_and_rates_and_skips_the_rest() -> None:
    found = sample("custom.json")
    times = {name: one.runs[0].low_s for name, one in found.items() if one.runs}
    assert times == pytest.approx({"checkout": 0.0125, "search": 3.2e-6, "throughput": 1 / 80})
    skipped = found["memory used"].failure
    assert skipped is not None
    assert skipped.message.startswith("100 Megabytes: neither a time nor a rate")


def test_of_the_action_s_history_the_newest_point_counts() -> None:
    results = read_results(SAMPLES / "data.js")
    found = {one.id: one for one in results.benchmarks}
    fib = found["Go Benchmark: BenchmarkFib10"]
    assert [run.low_s for run in fib.runs] == pytest.approx([650e-9, 654e-9])
    per_second = found["Python Benchmark: tests/test_fib.py::test_fib"].runs[0]
    assert per_second.low_s == pytest.approx(1 / 41513.27)
    assert results.revision.commit == f"{2:040x}"


def test_a_tool_whose_direction_contradicts_the_unit_is_not_gated(tmp_path: Path) -> None:
    text = (SAMPLES / "data.js").read_text().replace('"go"', '"customBiggerIsBetter"')
    found = read_results(write(tmp_path, text)).benchmarks
    assert [one.id for one in found if one.runs] == [
        "Python Benchmark: tests/test_fib.py::test_fib"
    ]


HERE = Environment(
    system="linux", machine="x86_64", implementation="cpython", python="3.12", cpu_model="EPYC"
)


def test_what_does_not_say_where_it_was_measured_can_be_told() -> None:
    told = read_results(SAMPLES / "vegeta.json", HERE).environment
    assert (told.key, told.cpu_model) == ("linux-x86_64-vegeta", "EPYC")
    assert read_results(SAMPLES / "vegeta.json").environment.key == "vegeta"
    stated = read_results(SAMPLES / "gobench.txt", HERE).environment
    assert stated.cpu_model == "AMD EPYC"


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        pytest.param(
            "hyperfine.json",
            ("results", 0, "times", 2),
            0,
            "results[0].times[2]: expected a number > 0.0",
            id="hyperfine: time of zero",
        ),
        pytest.param(
            "hyperfine.json",
            ("results", 1, "command"),
            "sleep 0.01",
            "results[1].command: sleep 0.01 is there already",
            id="hyperfine: twice",
        ),
        pytest.param(
            "hyperfine.json",
            ("results", 0, "exit_codes"),
            [0],
            "results[0].exit_codes: holds 1 values where there are 6 times",
            id="hyperfine: codes",
        ),
        pytest.param("hyperfine.json", ("results",), [], "holds no benchmark", id="nothing"),
        pytest.param(
            "google_benchmark.json",
            ("benchmarks", 0, "time_unit"),
            "fortnight",
            "benchmarks[0].time_unit: invalid enum value",
            id="google: unit",
        ),
        pytest.param(
            "google_benchmark.json",
            ("benchmarks", 1, "real_time"),
            0,
            "benchmarks[1].real_time: is no positive time",
            id="google: zero",
        ),
        pytest.param(
            "locust.json",
            (0, "num_requests"),
            3,
            "[0].response_times: counts 427 requests where num_requests says 3",
            id="locust: counts",
        ),
        pytest.param(
            "locust.json",
            (1, "response_times"),
            {"-4": 1},
            "[1].response_times",
            id="locust: key",
        ),
        pytest.param(
            "k6-summary-export.json",
            ("metrics", "http_req_duration", "med"),
            99.0,
            "metrics.http_req_duration: median is larger than p90",
            id="k6: order",
        ),
        pytest.param(
            "k6-handle-summary.json",
            ("metrics", "http_req_duration", "values", "med"),
            "fast",
            "metrics.http_req_duration.values: Expected `float`, got `str`",
            id="k6: text",
        ),
        pytest.param(
            "vegeta.json",
            ("latencies", "50th"),
            0,
            "latencies: min is larger than median",
            id="vegeta: zero",
        ),
        pytest.param("vegeta.json", ("requests",), 0, "requests: expected", id="vegeta: none"),
        pytest.param(
            "oha.json",
            ("statusCodeDistribution",),
            {},
            "latencyPercentiles: has no request",
            id="oha: nothing answered",
        ),
        pytest.param(
            "custom.json",
            (1, "name"),
            "checkout",
            "[1].name: checkout is there already",
            id="custom: twice",
        ),
        pytest.param("custom.json", (0, "value"), "12", "[0].value: expected", id="custom: text"),
    ],
)
def test_damage_is_refused_by_its_place(
    tmp_path: Path, name: str, place: tuple[str | int, ...], value: object, message: str
) -> None:
    path = write(tmp_path, put(document(name), place, value))
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: {message}")


GO = "BenchmarkA-2 10 5 ns/op\n"
CUT = "is cut short"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(GO + "BenchmarkB-2 10 7 n", "is cut short: its last line", id="go: cut"),
        pytest.param(GO + "BenchmarkB-2 ten 7 ns/op\n", "line 2: has no number", id="go: no count"),
        pytest.param(GO + "BenchmarkB-2 10 7 ns/op 3\n", "line 2: is not made of", id="go: odd"),
        pytest.param(GO + "BenchmarkB-2 10 7 B/op\n", "line 2: holds no ns/op", id="go: no time"),
        pytest.param(
            GO + "BenchmarkB-2 10 0 ns/op\n", "line 2: is no positive time", id="go: zero"
        ),
        pytest.param(GO + "panic: no\n", "line 2: the tests failed", id="go: panic"),
        pytest.param(
            "goos: linux\n" + GO + "goos: plan9\n", "line 3: is of goos plan9", id="go: two"
        ),
        pytest.param("Running 1s test @ http://x/\n 1 requests in", CUT, id="wrk: cut"),
        pytest.param(
            "Type,Name,Request Count,Failure Count,Median Response Time\nGET,/,1\n",
            "row 2: has no Failure Count",
            id="csv: no column",
        ),
        pytest.param("window.BENCHMARK_DATA = {", CUT, id="data.js: cut"),
        pytest.param(
            'window.BENCHMARK_DATA = {"entries": {"A": []}}', "entries.A: is empty", id="data.js"
        ),
        pytest.param('{"commit_hash": "a", "result_columns": [], "version": 1}', "version: is 1"),
    ],
)
def test_damaged_text_is_refused_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gobench-failed.txt", "line 7: the tests failed"),
        ("wrk-without-latency.txt", "holds no median: run wrk with --latency"),
    ],
)
def test_output_without_what_is_compared_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read_results(SAMPLES / name)


def test_the_table_of_formats_knows_every_reader() -> None:
    page = (SAMPLES.parents[2] / "docs" / "formats.md").read_text().lower()
    folder = SAMPLES.parents[2] / "perfgate" / "readers"
    shared = {"__init__", "document", "files", "scales", "summary"}
    names = {path.stem for path in folder.glob("*.py")} - shared
    tables = {name.replace("_", " ").replace("gobench", "go test -bench") for name in names}
    tables = {
        name.replace("pytest ", "pytest-").replace("github action ", "github-action-")
        for name in tables
    }
    assert [name for name in sorted(tables) if f"| {name}" not in page.replace("`", "")] == []


# --- laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READ)
def test_what_was_read_survives_being_written(tmp_path: Path, name: str) -> None:
    results = read_results(SAMPLES / name)
    assert read_results(write(tmp_path, encode_results(results))) == results


@pytest.mark.parametrize("name", READ)
def test_a_file_that_is_cut_is_refused_or_whole_to_its_last_line(tmp_path: Path, name: str) -> None:
    content = (SAMPLES / name).read_bytes()
    whole = {one.id for one in read_results(SAMPLES / name).benchmarks}
    for length in range(0, len(content) - 2, 31):
        results = read_or_refused(write(tmp_path, content[:length], name))
        if results is not None:  # a text of lines is whole up to each of them
            assert name in {"gobench.txt", "locust_stats.csv"}
            assert {one.id for one in results.benchmarks} <= whole


@given(data=st.data(), name=st.sampled_from(READ))
@FUZZ
def test_a_file_with_any_bytes_changed_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    content = bytearray((SAMPLES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    results = read_or_refused(write(tmp_path, bytes(content), name))
    if results is not None:
        assert read_results(write(tmp_path, encode_results(results))) == results


@given(data=st.data(), name=st.sampled_from(JSON))
@FUZZ
def test_a_file_with_any_other_value_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    whole = document(name)
    place = data.draw(st.sampled_from(places(whole)))
    changed = (
        without(whole, place) if data.draw(st.booleans()) else put(whole, place, data.draw(VALUES))
    )
    results = read_or_refused(write(tmp_path, changed, name))
    if results is not None:
        assert read_results(write(tmp_path, encode_results(results))) == results


@given(data=st.data())
@FUZZ
def test_a_line_of_text_with_any_other_word_is_read_or_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([name for name in READ if not name.endswith(".json")]))
    lines = (SAMPLES / name).read_text().split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    words = lines[at].split(" ")
    word = data.draw(st.integers(0, len(words) - 1))
    words[word] = data.draw(
        st.sampled_from(["", "nan", "inf", "1e999", "-1", "0", "1_0", "٣", "9" * 400, "0.0.1"])
        | st.text(max_size=6)
    )
    lines[at] = " ".join(words)
    read_or_refused(write(tmp_path, "\n".join(lines), name))
