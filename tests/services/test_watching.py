from collections.abc import Callable

import anyio
import pytest

from benchmarks.upstreams import cloudinary, contentful, stripe
from benchmarks.upstreams.in_process import EngineAdapter, EngineTransport
from perfgate.monitor import PerformanceMonitor
from perfgate.services.cloudinary import CloudinaryConfig, CloudinaryService
from perfgate.services.contentful import ContentfulConfig, ContentfulService
from perfgate.services.errors import NotFoundError
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.upstream import Engine, Settings
from tests.services.engines import engine_of
from tests.services.fake_clock import FakeClock

FREE = Settings(limits=())


def _seen(monitor: PerformanceMonitor) -> dict[str, dict[str, int]]:
    return {
        f"{each.service}:{each.operation}": {one.outcome: one.count for one in each.outcomes}
        for each in monitor.generate_performance_report().operations
    }


def _stripe(clock: FakeClock) -> StripeService:
    engine = engine_of(stripe.create, clock, FREE)
    config = StripeConfig(api_key="sk_test_1")
    return StripeService(config, clock=clock, transport=EngineTransport(engine))


def _cloudinary(clock: FakeClock) -> CloudinaryService:
    engine: Engine = engine_of(cloudinary.create, clock)
    config = CloudinaryConfig(cloud="demo", api_key="1234", api_secret="topsecret")  # noqa: S106 - a model's
    return CloudinaryService(config, clock=clock, adapter=EngineAdapter(engine))


def _contentful(clock: FakeClock) -> ContentfulService:
    engine = engine_of(contentful.create, clock, FREE, sync_page_size=2, job_s=1.0)
    config = ContentfulConfig(
        space="sp",
        delivery_token="token",  # noqa: S106 - a model's
        management_token="CFPAT-1",  # noqa: S106 - a model's
    )
    return ContentfulService(config, clock=clock, transport=EngineTransport(engine))


def test_stripe_is_watched_by_one_line_and_failures_have_their_class() -> None:
    clock = FakeClock()
    monitor = PerformanceMonitor(clock=clock.monotonic_s)
    service = _stripe(clock).watched_by(monitor)

    async def use() -> None:
        async with service:
            customer = await service.create_customer(name="Ada")
            assert (await service.get_customer(customer.id)).name == "Ada"
            with pytest.raises(NotFoundError):
                await service.get_customer("cus_none")

    anyio.run(use)
    assert _seen(monitor) == {
        "stripe:create_customer": {"ok": 1},
        "stripe:get_customer": {"NotFoundError": 1, "ok": 1},
    }


def test_contentful_is_watched_by_one_line_and_so_is_what_an_operation_consists_of() -> None:
    clock = FakeClock()
    monitor = PerformanceMonitor(clock=clock.monotonic_s)
    service = _contentful(clock).watched_by(monitor)

    async def use() -> None:
        async with service:
            await service.create_entry("page", {"title": {"en-US": "Home"}}, entry_id="home")
            await service.publish_entry("home", version=1)
            await service.sync_all()

    anyio.run(use)
    assert _seen(monitor) == {
        "contentful:create_entry": {"ok": 1},
        "contentful:publish_entry": {"ok": 1},
        "contentful:sync": {"ok": 1},
        "contentful:sync_all": {"ok": 1},
    }


def test_cloudinary_is_watched_by_one_line_but_what_sends_nothing_is_not() -> None:
    clock = FakeClock()
    monitor = PerformanceMonitor(clock=clock.monotonic_s)
    with _cloudinary(clock).watched_by(monitor) as service:
        uploaded = service.upload(b"GIF89a", public_id="one")
        service.transformation_url(uploaded.public_id)
        assert [each.public_id for each in service.iter_resources()] == ["one"]
    assert _seen(monitor) == {
        "cloudinary:list_resources": {"ok": 1},
        "cloudinary:upload": {"ok": 1},
    }


@pytest.mark.parametrize("make", [_stripe, _contentful, _cloudinary])
def test_a_service_is_not_watched_unless_asked_nor_by_a_monitor_that_is_off(
    make: Callable[[FakeClock], StripeService | ContentfulService | CloudinaryService],
) -> None:
    service = make(FakeClock())
    plain = dict(vars(service))
    off = make(FakeClock()).watched_by(PerformanceMonitor(is_on=False))
    names = type(service)._operations()  # noqa: SLF001 - what would be wrapped
    assert names
    assert not set(names) & set(plain)
    assert all(getattr(off, name) == vars(off)[name] for name in names)
    assert all(vars(off)[name].__func__ is getattr(type(off), name) for name in names)
