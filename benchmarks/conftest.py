"""What the suites of the services share."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

if TYPE_CHECKING:
    from benchmarks.measured import Measure


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for all benchmarks of a module, as a server would have."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def measure(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop) -> "Measure":
    """Benchmark operations of a service."""
    # The gate lays this file over older code, whose other suites must run without the services.
    from benchmarks.measured import Measure

    return Measure(benchmark, loop)
