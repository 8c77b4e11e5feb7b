"""The pytest plugin of perfgate: registers what authors of suites may use.

Every test session of every user imports it, so it imports nothing beyond pytest. What a fixture
needs is imported when a test asks for it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from perfgate.testing.fixtures import AioBenchmark, Perf
    from perfgate.testing.upstream import Upstream

__all__ = ["aio_benchmark", "perf", "pytest_configure", "pytest_terminal_summary", "upstream"]

_remarks = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker of pytest-benchmark known where a suite is collected without it."""
    config.stash[_remarks] = {}
    if not config.pluginmanager.hasplugin("benchmark"):
        config.addinivalue_line("markers", "benchmark: options of pytest-benchmark")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what benchmarks want known about their numbers."""
    remarks = config.stash.get(_remarks, {})
    if remarks:
        terminalreporter.section("perfgate")
        for test, remark in remarks.items():
            terminalreporter.write_line(f"{test}: {remark}")


@contextlib.contextmanager
def _needing_load() -> Iterator[None]:
    """Say what to install where an import fails for want of it; any other failure is a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "anyio":
            raise
        pytest.fail("this fixture needs anyio: pip install 'perfgate[load]'", pytrace=False)


@pytest.fixture
def perf(benchmark: Any) -> "Iterator[Perf]":
    """Measure operations under load; needs ``perfgate[load]``."""
    with _needing_load():
        from perfgate.testing.fixtures import Perf

    measuring = Perf(benchmark)
    with contextlib.closing(measuring):
        yield measuring


@pytest.fixture
def aio_benchmark(benchmark: Any, request: pytest.FixtureRequest) -> "Iterator[AioBenchmark]":
    """Benchmark coroutine functions; needs ``perfgate[load]``."""
    with _needing_load():
        from perfgate.testing.fixtures import AioBenchmark

    remarks, test = request.config.stash[_remarks], request.node.nodeid

    def say(remark: str) -> None:
        remarks[test] = remark

    measuring = AioBenchmark(benchmark, say)
    with contextlib.closing(measuring):
        yield measuring


@pytest.fixture
def upstream() -> "Iterator[Callable[..., Upstream]]":
    """Start local upstreams as ``start_upstream`` does; they are stopped after the test."""
    from perfgate.testing.upstream import start_upstream

    with contextlib.ExitStack() as running:

        def start(*args: Any, **settings: Any) -> "Upstream":
            return running.enter_context(start_upstream(*args, **settings))

        yield start
