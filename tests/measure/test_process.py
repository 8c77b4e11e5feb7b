from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from perfgate.errors import MeasurementError
from perfgate.measure.process import collect_suites
from perfgate.model import Benchmark, Failure, FailureKind
from tests.measure.behaviours import ASYNC, BROKEN, FEATURES, NAMES
from tests.measure.suites import FILE, measure, plan_of, run_of, with_processes, write

Measured = Mapping[str, Benchmark]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    root = write(tmp_path_factory.mktemp("features"), {FILE: FEATURES})
    return measure(with_processes(plan_of(root), 2))


@pytest.fixture(scope="module")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return measure(plan_of(write(tmp_path_factory.mktemp("unfit"), {FILE: ASYNC})))


@pytest.fixture(scope="module")
def broken_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("broken"), {FILE: BROKEN})


@pytest.fixture(scope="module")
def broken(broken_root: Path) -> Measured:
    return measure(replace(plan_of(broken_root), timeout_s=6.0))


# --- what a suite may do


def test_every_benchmark_is_measured_once_in_the_order_of_the_file(features: Measured) -> None:
    assert tuple(features) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_has_a_run_from_every_process(features: Measured, name: str) -> None:
    benchmark = features[name]
    assert (benchmark.failure, len(benchmark.runs)) == (None, 2)


def test_a_benchmark_knows_its_file_and_line(features: Measured) -> None:
    lines = FEATURES.splitlines()
    benchmark = features["TestClass::test_method"]
    assert benchmark.path == FILE
    assert benchmark.line is not None
    assert lines[benchmark.line - 1].strip().startswith("def test_method")


def test_setup_and_teardown_of_a_pedantic_benchmark_run_once_per_round(features: Measured) -> None:
    run = run_of(features["test_pedantic_teardown"])
    assert run.metrics == {"setup": 12.0, "call": 12.0, "teardown": 12.0}


def test_a_pedantic_benchmark_keeps_its_rounds_and_iterations(features: Measured) -> None:
    run = run_of(features["test_pedantic_iterations"])
    assert (run.rounds, run.iterations) == (8, 5)


def test_the_warm_up_of_a_pedantic_benchmark_is_not_counted(features: Measured) -> None:
    run = run_of(features["test_pedantic_warm_up"])
    assert (run.rounds, run.metrics["calls"]) == (6, 10.0)


def test_numbers_in_extra_info_are_metrics_and_nothing_else_is(features: Measured) -> None:
    assert run_of(features["test_extra_info"]).metrics == {"before": 3.0, "after": 2.5}


def test_autouse_fixtures_surround_each_benchmark(features: Measured) -> None:
    assert run_of(features["test_autouse"]).metrics == {"entered": 1.0}


def test_percentiles_stand_where_the_count_of_rounds_supports_them(features: Measured) -> None:
    many, few = (run_of(features[name]) for name in ("test_many_rounds", "test_few_rounds"))
    assert None not in {many.p90_s, many.p95_s, many.p99_s}
    assert {few.p90_s, few.p95_s, few.p99_s} == {None}


def test_each_process_has_a_hash_seed_of_its_own_which_is_recorded(features: Measured) -> None:
    runs = features["test_hash_seed"].runs
    assert [run.metrics["seed"] for run in runs] == [run.hash_seed for run in runs]
    assert len({run.hash_seed for run in runs}) == 2
    assert len({run.metrics["hash"] for run in runs}) == 2


def test_the_rounds_of_a_summary_are_in_order(features: Measured) -> None:
    for name in NAMES:
        run = run_of(features[name])
        assert run.low_s is not None
        assert run.max_s is not None
        assert 0 < run.min_s <= run.low_s <= run.median_s <= run.max_s < 1


def test_collecting_runs_nothing(tmp_path: Path) -> None:
    (collection,) = collect_suites(plan_of(write(tmp_path, {FILE: BROKEN}))).values()
    assert f"{FILE}::test_grandchild" in {benchmark.id for benchmark in collection.benchmarks}
    assert not (tmp_path / "grandchild").exists()


# --- what must never become a number


@pytest.mark.parametrize(
    "name",
    [
        "test_function", "test_partial", "test_partial_of_an_object", "test_callable_object",
        "test_method", "test_lambda", "test_pedantic", "test_pedantic_lambda", "test_decorated",
        "test_generator", "test_lambda_of_a_generator",
    ],
)  # fmt: skip
def test_an_async_target_is_unfit_and_says_what_to_do(unfit: Measured, name: str) -> None:
    assert failure_of(unfit, name).kind is FailureKind.UNFIT
    assert "asyncio.run(" in failure_of(unfit, name).message


@pytest.mark.parametrize("name", ["test_tracer", "test_profiler", "test_monitoring"])
def test_a_benchmark_under_a_tool_is_unfit(unfit: Measured, name: str) -> None:
    assert failure_of(unfit, name).kind is FailureKind.UNFIT
    assert failure_of(unfit, name).message.endswith("run without it")


# --- what goes wrong hits one benchmark alone


def failure_of(measured: Measured, name: str) -> Failure:
    failure = measured[name].failure
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("test_skip_mark", FailureKind.SKIPPED, "Skipped: not today"),
        ("test_skip_call", FailureKind.SKIPPED, "Skipped: no service"),
        ("test_xfail", FailureKind.SKIPPED, "expected to fail: known to fail"),
        ("test_xpass_strict", FailureKind.RAISED, "[XPASS(strict)] should fail"),
        ("test_raises", FailureKind.RAISED, "ValueError: no such price"),
        ("test_target_raises", FailureKind.RAISED, "KeyError: 'price'"),
        ("test_wrong_answer", FailureKind.RAISED, "AssertionError: wrong answer"),
        ("test_fixture_raises", FailureKind.RAISED, "OSError: no database"),
        ("test_teardown_raises", FailureKind.RAISED, "OSError: cannot clean up"),
        ("test_unused", FailureKind.RAISED, "the test never called its benchmark fixture"),
        ("test_twice", FailureKind.RAISED, "FixtureAlreadyUsed: "),
        ("test_twice_by_force", FailureKind.RAISED, "RuntimeError: the test measured more than"),
        ("test_undecodable_message", FailureKind.RAISED, "ValueError: caf?"),
        ("test_hang", FailureKind.TIMED_OUT, "took too long and was ended"),
        ("test_exit", FailureKind.CRASHED, "its process ended with status 7"),
        ("test_sys_exit", FailureKind.RAISED, "SystemExit: 3"),
        ("test_pytest_exit", FailureKind.CRASHED, "its process ended with status 2"),
        ("test_kill", FailureKind.CRASHED, "its process was ended by signal SIGKILL\nlast words"),
    ],
)
def test_a_broken_benchmark_fails_with_a_reason(
    broken: Measured, name: str, kind: FailureKind, message: str
) -> None:
    failure = failure_of(broken, name)
    assert failure.kind is kind
    assert failure.message.startswith(message)


@pytest.mark.parametrize(
    "name",
    [
        "test_before", "test_fork", "test_fork_that_comes_back", "test_prints",
        "test_changes_directory", "test_grandchild", "test_daemon", "test_after",
    ],
)  # fmt: skip
def test_a_benchmark_beside_broken_ones_is_measured(broken: Measured, name: str) -> None:
    assert run_of(broken[name]).rounds >= 1


def test_closed_standard_streams_hurt_nobody_else(broken: Measured) -> None:
    benchmark = broken["test_closes"]
    assert benchmark.failure is None or benchmark.failure.kind is FailureKind.CRASHED


def test_every_message_can_be_written_to_a_report_and_is_short(broken: Measured) -> None:
    for benchmark in broken.values():
        assert len(msgspec.json.encode(benchmark)) < 5_000


@pytest.mark.parametrize("name", ["grandchild", "daemon"])
def test_what_a_benchmark_leaves_behind_is_ended(
    broken: Measured, broken_root: Path, name: str
) -> None:
    assert broken["test_after"].runs
    pid = int((broken_root / name).read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_file_that_cannot_be_collected_leaves_the_others(tmp_path: Path) -> None:
    files = {"test_good.py": "def test_one(benchmark): benchmark(int)\n", "test_bad.py": "1 / 0\n"}
    measured = measure(plan_of(write(tmp_path, files), *files))
    assert len(measured["test_one"].runs) == 1
    assert failure_of(measured, "test_bad.py") == Failure(
        kind=FailureKind.RAISED, message="ZeroDivisionError: division by zero"
    )


def test_a_benchmark_that_fails_in_some_processes_only_is_unstable(tmp_path: Path) -> None:
    suite = """
import pathlib
def test_second_time(benchmark):
    benchmark(int)
    pathlib.Path("ran").touch(exist_ok=False)
"""
    measured = measure(with_processes(plan_of(write(tmp_path, {FILE: suite})), 2))
    failure = failure_of(measured, "test_second_time")
    assert failure.kind is FailureKind.UNSTABLE
    assert failure.message.startswith("failed in 1 of 2 processes: FileExistsError")


def test_only_selected_benchmarks_run(tmp_path: Path) -> None:
    suite = "def test_one(benchmark): benchmark(int)\ndef test_two(benchmark): raise OSError\n"
    plan = replace(
        plan_of(write(tmp_path, {FILE: suite})), selection=frozenset({f"{FILE}::test_one"})
    )
    assert list(measure(plan)) == ["test_one"]


# --- settings of the suite that would spoil a measurement

OPTIONS = """
import sys

def test_options(benchmark, request):
    benchmark(int)
    benchmark.extra_info["dist"] = float(request.config.getoption("dist", "no") != "no")
    benchmark.extra_info["traced"] = float(sys.gettrace() is not None)
"""


@pytest.mark.parametrize(
    ("addopts", "plugin"),
    [
        pytest.param("-n2", "xdist", id="xdist"),
        pytest.param("-n2 --dist=loadscope", "xdist", id="xdist-by-scope"),
        pytest.param("--cov=. --cov-report=term", "pytest_cov", id="coverage"),
        pytest.param("--benchmark-disable", "pytest_benchmark", id="disabled-by-default"),
        pytest.param("-x --benchmark-only --benchmark-autosave", "pytest_benchmark", id="saving"),
        pytest.param("--ff", "pytest", id="failed-first"),
        pytest.param("-W error", "pytest", id="warnings-are-errors"),
    ],
)
def test_options_of_the_suite_do_not_spoil_the_measurement(
    tmp_path: Path, addopts: str, plugin: str
) -> None:
    pytest.importorskip(plugin)
    root = write(tmp_path, {"pytest.ini": f"[pytest]\naddopts = {addopts}\n", FILE: OPTIONS})
    run = run_of(measure(plan_of(root))["test_options"])
    assert run.metrics == {"dist": 0.0, "traced": 0.0}


@pytest.mark.parametrize(
    ("addopts", "message"),
    [
        pytest.param("--benchmark-skip", "pytest-benchmark is switched off", id="skip"),
        pytest.param("-p no:benchmark", "pytest-benchmark is not loaded", id="no-plugin"),
        pytest.param("--no-such-option", "--no-such-option", id="unknown-option"),
    ],
)
def test_a_suite_that_would_not_measure_is_refused(
    tmp_path: Path, addopts: str, message: str
) -> None:
    root = write(tmp_path, {"pytest.ini": f"[pytest]\naddopts = {addopts}\n", FILE: OPTIONS})
    with pytest.raises(MeasurementError, match=message):
        measure(plan_of(root))


def test_plugins_may_be_loaded_by_name_alone(tmp_path: Path) -> None:
    ini = "[pytest]\naddopts = -p pytest_benchmark.plugin\n"
    plan = plan_of(write(tmp_path, {"pytest.ini": ini, FILE: OPTIONS}))
    plan = replace(plan, environ={**plan.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert run_of(measure(plan)["test_options"]).rounds >= 1


def test_a_broken_conftest_is_an_error_that_names_it(tmp_path: Path) -> None:
    root = write(tmp_path, {"conftest.py": "import no_such_module\n", FILE: OPTIONS})
    with pytest.raises(MeasurementError, match="no_such_module"):
        measure(plan_of(root))


def test_nothing_to_measure_is_nothing_measured(tmp_path: Path) -> None:
    assert measure(plan_of(write(tmp_path, {FILE: "def test_plain(): pass\n"}))) == {}
