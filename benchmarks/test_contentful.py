"""Contentful: what each operation costs in the client alone, and with a server on this machine.

Limits are off on both sides: what is measured is the cost of a call, not the wait for the next.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.measured import Measure
from benchmarks.upstreams import contentful as model
from benchmarks.upstreams.clients import contentful_config
from benchmarks.upstreams.replay import ReplayTransport
from perfgate.services.contentful import ContentfulService
from perfgate.services.contentful_model import Entry, Link
from perfgate.services.resilience import ResilienceSettings
from perfgate.testing.upstream import Engine, Settings, UpstreamClock, start_upstream

UNLIMITED = ResilienceSettings()
PUBLISHED = 20
# Jobs are done at once: their time is Contentful's, not the client's.
OPTIONS: dict[str, Any] = {"job_s": 0.0}
HOME = {"title": {"en-US": "Home"}}


async def _opened(service: ContentfulService) -> ContentfulService:
    await service.initialize()
    for number in range(PUBLISHED):
        entry = await service.create_entry("page", HOME, entry_id=f"page{number}")
        await service.publish_entry(entry.id, version=1)
    return service


@pytest.fixture(scope="module", params=["client", "upstream"])
def contentful(
    request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop
) -> Iterator[ContentfulService]:
    if request.param == "client":
        clock = UpstreamClock()
        engine = Engine(model.create(clock, OPTIONS), clock, Settings(limits=()))
        transport = ReplayTransport(engine)
        service = ContentfulService(
            contentful_config("https://contentful.test", UNLIMITED), transport=transport
        )
        yield loop.run_until_complete(_opened(service))
        loop.run_until_complete(service.close())
    else:
        spec = "benchmarks.upstreams.contentful:create"
        with start_upstream(spec, options=OPTIONS, limits=()) as upstream:
            service = ContentfulService(contentful_config(upstream.url, UNLIMITED))
            yield loop.run_until_complete(_opened(service))
            loop.run_until_complete(service.close())


def test_get_entry(measure: Measure, contentful: ContentfulService) -> None:
    entry = measure.coroutine(lambda: contentful.get_entry("page3"))
    assert entry.fields == {"title": "Home"}


def test_query_entries(measure: Measure, contentful: ContentfulService) -> None:
    page = measure.coroutine(
        lambda: contentful.query_entries(
            content_type="page", limit=10, where={"fields.title": "Home"}
        )
    )
    assert (page.total, len(page.items)) == (PUBLISHED, 10)


def test_sync(measure: Measure, contentful: ContentfulService) -> None:
    items, token = measure.coroutine(contentful.sync_all)
    assert len(items) >= PUBLISHED
    assert token


def test_create_entry(measure: Measure, contentful: ContentfulService) -> None:
    assert measure.coroutine(lambda: contentful.create_entry("page", HOME)).fields == HOME


def test_change_entry(measure: Measure, contentful: ContentfulService) -> None:
    entry = measure.coroutine(lambda: contentful.change_entry("page5", lambda fields: fields))
    assert entry.fields == HOME


def test_publish_entry(measure: Measure, contentful: ContentfulService) -> None:
    async def publish() -> Entry:
        draft = await contentful.get_draft("page6")
        return await contentful.publish_entry("page6", version=draft.sys.version or 0)

    assert measure.coroutine(publish).sys.published_version is not None


def test_bulk_publish(measure: Measure, contentful: ContentfulService) -> None:
    async def publish() -> bool:
        draft = await contentful.get_draft("page7")
        link = Link(id="page7", version=draft.sys.version or 0)
        return (await contentful.await_bulk_action(await contentful.bulk_publish([link]))).is_done

    assert measure.coroutine(publish)


def test_bulk_create_a_hundred_entries(measure: Measure, contentful: ContentfulService) -> None:
    page = {"sys": {"type": "Link", "linkType": "ContentType", "id": "page"}}
    numbers = itertools.count()

    async def create() -> list[str]:
        batch = next(numbers)
        items = [
            {"sys": {"id": f"bulk{batch}-{number}", "contentType": page}, "fields": HOME}
            for number in range(100)
        ]
        operation = await contentful.bulk_entries("create", items)
        done = await contentful.await_bulk_operation(operation)
        assert done.result is not None
        return [item.status for item in done.result.items]

    assert measure.coroutine(create) == ["succeeded"] * 100


def test_publish_file(measure: Measure, contentful: ContentfulService) -> None:
    asset = measure.coroutine(
        lambda: contentful.publish_file(
            b"an image" * 1000, title="A", file_name="a.png", content_type="image/png"
        )
    )
    assert asset.url("en-US") is not None


def test_ten_entries_at_once(measure: Measure, contentful: ContentfulService) -> None:
    async def get() -> list[Entry]:
        return await asyncio.gather(
            *(contentful.get_entry(f"page{number}") for number in range(10))
        )

    assert len(measure.coroutine(get)) == 10
