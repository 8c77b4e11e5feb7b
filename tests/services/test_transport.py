"""What breaks on the wire, and how both clients tell it; over real sockets."""

from collections.abc import Callable, Iterator

import anyio
import pytest

from perfgate.services.cloudinary import CloudinaryConfig, CloudinaryService
from perfgate.services.errors import ConnectionFailedError, ServiceError, ServiceTimeoutError
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.services.transport import shared_ssl_context
from perfgate.testing.upstream import Fault, FaultKind, Upstream, start_upstream

Fail = Callable[[str], ServiceError]
ONCE = ResilienceSettings(retry=RetrySettings(attempts=1))


@pytest.fixture(scope="module")
def shared() -> Iterator[Upstream]:
    with start_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared: Upstream) -> Upstream:
    shared.clear_faults()
    shared.forget()
    return shared


def _fail_async(url: str) -> ServiceError:
    async def run() -> ServiceError:
        config = StripeConfig(api_key="sk_test_1", base_url=url, timeout_s=0.2, resilience=ONCE)
        async with StripeService(config) as stripe:
            with pytest.raises(ServiceError) as caught:
                await stripe.create_customer(email="a@example.org")
            return caught.value

    return anyio.run(run)


def _fail_sync(url: str) -> ServiceError:
    config = CloudinaryConfig(
        cloud="demo",
        api_key="1",
        api_secret="2",  # noqa: S106 - nobody's
        api_url=url,
        timeout_s=0.2,
        upload=ONCE,
    )
    with CloudinaryService(config) as cloudinary:
        with pytest.raises(ServiceError) as caught:
            cloudinary.upload(b"an image", public_id="a")
        return caught.value


@pytest.mark.parametrize("fail", [_fail_async, _fail_sync], ids=["httpx", "requests"])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param(FaultKind.RESET, ConnectionFailedError, id="reset"),
        pytest.param(FaultKind.CLOSE, ConnectionFailedError, id="close"),
        pytest.param(FaultKind.TRUNCATE, ConnectionFailedError, id="truncate"),
        pytest.param(FaultKind.GARBAGE, ConnectionFailedError, id="garbage"),
        pytest.param(FaultKind.HANG, ServiceTimeoutError, id="hang"),
    ],
)
def test_a_broken_answer_may_have_happened(
    upstream: Upstream, fail: Fail, kind: FaultKind, error: type[ServiceError]
) -> None:
    upstream.inject(Fault(kind=kind))
    caught = fail(upstream.url)
    assert type(caught) is error
    assert (caught.may_have_happened, caught.is_outage, caught.is_transient) == (True, True, True)
    assert upstream.statistics().hits == 1


@pytest.mark.parametrize("fail", [_fail_async, _fail_sync], ids=["httpx", "requests"])
def test_a_refused_connection_cannot_have_happened(fail: Fail) -> None:
    with start_upstream() as upstream:
        url = upstream.url
    caught = fail(url)
    assert type(caught) is ConnectionFailedError
    assert not caught.may_have_happened


def test_connections_are_kept(upstream: Upstream) -> None:
    before = upstream.statistics().connections
    for _ in range(2):
        with CloudinaryService(
            CloudinaryConfig(cloud="demo", api_key="1", api_secret="2", api_url=upstream.url)  # noqa: S106 - nobody's
        ) as cloudinary:
            for _ in range(5):
                with pytest.raises(ServiceError):
                    cloudinary.upload(b"an image", public_id="a")
    assert upstream.statistics().connections == before + 2


def test_the_certificates_are_loaded_once() -> None:
    assert shared_ssl_context() is shared_ssl_context()
