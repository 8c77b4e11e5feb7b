import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ("pytest_benchmark.plugin", "perfgate.testing.plugin")


def _run(project: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a suite in a process that loads these plugins and no others."""
    (project / "test_suite.py").write_text(dedent(code), encoding="utf-8")
    plugins = [option for plugin in PLUGINS for option in ("-p", plugin)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-p", "no:cacheprovider", *options],
        cwd=project,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def _measured(project: Path, code: str, *options: str) -> tuple[dict[str, Any], str]:
    """Run a suite of one benchmark; return its entry in the file, and what was printed."""
    done = _run(project, code, "--benchmark-json=out.json", "-W", "error", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = json.loads((project / "out.json").read_text(encoding="utf-8"))["benchmarks"]
    return entry, done.stdout


def test_a_load_is_one_round_and_its_numbers_are_its_own(tmp_path: Path) -> None:
    entry, _ = _measured(
        tmp_path,
        """
        import asyncio

        def test_load(perf):
            measured = perf.measure_concurrent_operations(
                "wait", lambda: asyncio.sleep(0.001), concurrency=5, iterations=100
            )
            perf.measure_operation("again", lambda: asyncio.sleep(0), 5)
            assert measured.load.ok == 100
        """,
    )
    assert entry["stats"]["rounds"] == 1
    extra = entry["extra_info"]
    assert 0.001 < extra["p95"] < entry["stats"]["mean"]
    assert extra["success_rate"] == 1
    assert extra["operations"] == 100
    assert extra["again.operations"] == 5
    assert "p99" not in extra
    assert "memory_growth" in extra


def test_a_service_lives_as_long_as_the_test_on_its_loop(tmp_path: Path) -> None:
    _, printed = _measured(
        tmp_path,
        """
        import asyncio

        class Service:
            async def initialize(self):
                self.loop = asyncio.get_running_loop()

            async def close(self):
                assert asyncio.get_running_loop() is self.loop
                print("CLOSED")

            async def call(self):
                assert asyncio.get_running_loop() is self.loop

        def test_load(perf):
            service = perf.open(Service())
            perf.measure_operation("call", service.call).require("error_rate <= 0")
            perf.run(service.call())
            perf.assert_no_leak(service.call, operations=20)
        """,
        "-s",
    )
    assert printed.count("CLOSED") == 1


def test_operations_that_block_are_measured_too(tmp_path: Path) -> None:
    entry, _ = _measured(
        tmp_path,
        """
        import time

        def test_load(perf):
            perf.measure_arrival_rate("sleep", lambda: time.sleep(0.001), 200, 0.1)
        """,
    )
    assert entry["extra_info"]["operations"] == 20
    assert entry["extra_info"]["service_p50"] > 0.001


def test_a_coroutine_function_is_benchmarked_to_its_end_and_the_loop_is_accounted_for(
    tmp_path: Path,
) -> None:
    entry, printed = _measured(
        tmp_path,
        """
        import asyncio

        async def answer(value):
            await asyncio.sleep(0.002)
            return value

        def test_answer(aio_benchmark):
            assert aio_benchmark.pedantic(answer, (42,), rounds=3) == 42
            assert aio_benchmark.run(answer(7)) == 7
        """,
    )
    assert entry["stats"]["min"] > 0.002
    overhead_s = entry["extra_info"]["loop_overhead"]
    assert 0 < overhead_s < 0.002
    assert "test_suite.py::test_answer: the event loop takes " in printed
    assert f"{overhead_s * 1e6:.1f} us of each call (not subtracted)" in printed


def test_functions_that_return_something_to_await_can_be_benchmarked(tmp_path: Path) -> None:
    entry, _ = _measured(
        tmp_path,
        """
        import asyncio

        def test_answer(aio_benchmark):
            assert aio_benchmark(lambda value: asyncio.sleep(0.001, value), 5) == 5
        """,
    )
    assert entry["stats"]["min"] > 0.001


def test_a_function_that_is_not_asynchronous_is_no_benchmark_of_a_loop(tmp_path: Path) -> None:
    done = _run(tmp_path, "def test_answer(aio_benchmark): aio_benchmark(lambda: 5)")
    assert done.returncode == 1
    assert "TypeError: object int can't be used in 'await' expression" in done.stdout


def test_upstreams_end_with_the_test_that_started_them(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
        import urllib.request

        started = []

        def test_first(upstream):
            server = upstream()
            assert urllib.request.urlopen(server.url).status == 200
            started.append(server)

        def test_second():
            assert not started[0].is_alive
        """,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["anyio", "httpx", "jinja2", "msgspec", "rich", "asyncio"])
def test_a_session_that_measures_nothing_pays_for_nothing(tmp_path: Path, module: str) -> None:
    code = """
        import sys

        def test_nothing():
            print("LOADED", sorted(sys.modules))
        """
    done = _run(tmp_path, code, "-s", "-p", "no:unraisableexception")
    assert done.returncode == 0, done.stdout
    assert f"'{module}'" not in done.stdout


@pytest.mark.parametrize("fixture", ["perf", "aio_benchmark"])
def test_a_fixture_without_its_extra_says_what_to_install(tmp_path: Path, fixture: str) -> None:
    (tmp_path / "conftest.py").write_text("import sys\n\nsys.modules['anyio'] = None\n")
    done = _run(tmp_path, f"def test_one({fixture}): pass")
    assert done.returncode == 1
    assert "pip install 'perfgate[load]'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
