"""The upstreams of the services, in their own processes, and the memory that a suite may take."""

from collections.abc import Iterator

import pytest

from perfgate.testing.memory import settled_rss_bytes
from perfgate.testing.upstream import Upstream, start_upstream

MAX_GROWTH_BYTES = 50_000_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _memory_of_the_suite() -> Iterator[None]:
    before = settled_rss_bytes()
    yield
    after = settled_rss_bytes()
    if before is not None and after is not None:
        assert after - before < MAX_GROWTH_BYTES


@pytest.fixture
def stripe_upstream() -> Iterator[Upstream]:
    """Stripe as in a sandbox: 25 requests a second, and as many for each endpoint."""
    with start_upstream("benchmarks.upstreams.stripe:create") as running:
        yield running


@pytest.fixture
def contentful_upstream() -> Iterator[Upstream]:
    """Contentful: 55 deliveries a second, 7 changes; jobs are done at once."""
    spec = "benchmarks.upstreams.contentful:create"
    with start_upstream(spec, options={"job_s": 0.0}) as running:
        yield running


@pytest.fixture
def cloudinary_upstream() -> Iterator[Upstream]:
    """Cloudinary: 500 calls of the admin API in each hour of the wall clock."""
    with start_upstream("benchmarks.upstreams.cloudinary:create") as running:
        yield running
