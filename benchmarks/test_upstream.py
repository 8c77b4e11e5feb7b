"""The local upstream: how many requests one of its processes answers."""

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.raw_client import drive
from perfgate.testing.upstream import Upstream, start_upstream

REQUESTS = 2000
CONNECTIONS = 16
FORM = (
    b"POST /v1/customers HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk_test_1\r\n"
    b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 21\r\n\r\n"
    b"email=ann@example.org"
)


@pytest.fixture
def plain() -> Iterator[Upstream]:
    with start_upstream() as upstream:
        yield upstream


@pytest.fixture
def stripe() -> Iterator[Upstream]:
    with start_upstream("benchmarks.upstreams.stripe:create", limits=()) as upstream:
        yield upstream


def _measure(benchmark: BenchmarkFixture, upstream: Upstream, request: bytes | None) -> None:
    def run() -> int:
        return drive(upstream.port, requests=REQUESTS, connections=CONNECTIONS, request=request)

    before = upstream.statistics()
    assert benchmark(run) == REQUESTS
    after = upstream.statistics()
    # Of the server alone: what the client and neighbours take does not count.
    answered = after.hits - before.hits
    benchmark.extra_info["requests_per_cpu_s"] = answered / (after.cpu_s - before.cpu_s)


def test_simplest_route(benchmark: BenchmarkFixture, plain: Upstream) -> None:
    _measure(benchmark, plain, None)


def test_create_customer(benchmark: BenchmarkFixture, stripe: Upstream) -> None:
    _measure(benchmark, stripe, FORM)
