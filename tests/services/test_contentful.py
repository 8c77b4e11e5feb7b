from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from benchmarks.upstreams import contentful as model
from benchmarks.upstreams.in_process import EngineTransport
from perfgate.services.contentful import DELIVERY, ContentfulConfig, ContentfulService
from perfgate.services.contentful_model import Link
from perfgate.services.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    OperationFailedError,
    RateLimitError,
    RequestRefusedError,
    ServerFailedError,
    VersionConflictError,
)
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.testing.upstream import Engine, Fault, FaultKind, Settings
from tests.services.engines import engine_of
from tests.services.fake_clock import FakeClock

ONCE = ResilienceSettings(retry=RetrySettings(attempts=1))
Use = Callable[[ContentfulService], Awaitable[None]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> Engine:
    return engine_of(model.create, clock, Settings(limits=()), sync_page_size=2, job_s=1.0)


def _run(engine: Engine, clock: FakeClock, use: Use, **changes: Any) -> None:
    config = ContentfulConfig(
        **{"space": "sp", "delivery_token": "token", "management_token": "CFPAT-1", **changes}
    )

    async def run() -> None:
        service = ContentfulService(config, clock=clock, transport=EngineTransport(engine))
        async with service:
            await use(service)

    anyio.run(run)


def _title(text: str) -> dict[str, Any]:
    return {"title": {"en-US": text}}


async def _publish(contentful: ContentfulService, entry_id: str, title: str = "T") -> None:
    entry = await contentful.create_entry("page", _title(title), entry_id=entry_id)
    await contentful.publish_entry(entry_id, version=entry.sys.version or 0)


def test_an_entry_is_delivered_once_it_is_published(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", _title("Home"))
        with pytest.raises(NotFoundError):
            await contentful.get_entry(entry.id)
        published = await contentful.publish_entry(entry.id, version=1)
        assert (published.sys.version, published.sys.published_version) == (2, 1)
        assert (await contentful.get_entry(entry.id)).fields == {"title": "Home"}

    _run(engine, clock, use)


def test_entries_are_queried(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        for name in ("a", "b", "c"):
            await _publish(contentful, name, title=name)
        page = await contentful.query_entries(
            content_type="page", limit=1, skip=1, order="-fields.title"
        )
        assert (page.total, [entry.id for entry in page.items]) == (3, ["b"])
        page = await contentful.query_entries(content_type="page", where={"fields.title": "c"})
        assert [entry.id for entry in page.items] == ["c"]
        with pytest.raises(RequestRefusedError) as caught:
            await contentful.query_entries(where={"fields.title": "c"})
        assert caught.value.code == "InvalidQuery"

    _run(engine, clock, use)


def test_what_an_entry_links_to_comes_along(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        await _publish(contentful, "author")
        link = {"sys": {"type": "Link", "linkType": "Entry", "id": "author"}}
        post = await contentful.create_entry("post", {"by": {"en-US": link}})
        await contentful.publish_entry(post.id, version=1)
        page = await contentful.query_entries(content_type="post")
        assert [entry.id for entry in page.includes.entry] == ["author"]

    _run(engine, clock, use)


def test_a_sync_brings_everything_and_then_what_changed(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        for name in ("a", "b", "c", "d", "e"):
            await _publish(contentful, name)
        items, token = await contentful.sync_all()
        assert [item.id for item in items] == ["a", "b", "c", "d", "e"]
        assert await contentful.sync_all(token) == ((), token)
        await contentful.publish_entry("b", version=2)
        changed, _ = await contentful.sync_all(token)
        assert [item.id for item in changed] == ["b"]

    _run(engine, clock, use)


def test_an_update_of_an_old_version_is_a_conflict(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", _title("1"))
        await contentful.update_entry(entry.id, _title("2"), version=1)
        with pytest.raises(VersionConflictError) as caught:
            await contentful.update_entry(entry.id, _title("3"), version=1)
        assert (caught.value.status, caught.value.code) == (409, "VersionMismatch")

    _run(engine, clock, use)


def test_a_change_reads_again_after_a_conflict(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", {"count": {"en-US": 0}})

        def one_more(fields: Any) -> dict[str, Any]:
            return {"count": {"en-US": fields["count"]["en-US"] + 1}}

        async def change() -> None:
            await contentful.change_entry(entry.id, one_more, attempts=20)

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(change)
        draft = await contentful.get_draft(entry.id)
        assert draft.fields == {"count": {"en-US": 8}}

    _run(engine, clock, use)


def test_a_change_is_not_tried_again_after_a_conflict_of_another_kind(
    engine: Engine, clock: FakeClock
) -> None:
    tried: list[object] = []

    def change(fields: Any) -> Any:
        tried.append(fields)
        return fields

    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", _title("1"))
        engine.inject([Fault(kind=FaultKind.STATUS, status=409, method="PUT", count=None)])
        with pytest.raises(ConflictError):
            await contentful.change_entry(entry.id, change)

    _run(engine, clock, use)
    assert len(tried) == 1


def test_an_update_is_not_repeated_when_its_answer_is_lost(
    engine: Engine, clock: FakeClock
) -> None:
    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", _title("1"))
        engine.inject([Fault(kind=FaultKind.STATUS, status=500, applies=True)])
        with pytest.raises(ServerFailedError) as caught:
            await contentful.update_entry(entry.id, _title("2"), version=1)
        assert caught.value.may_have_happened
        assert (await contentful.get_draft(entry.id)).sys.version == 2

    _run(engine, clock, use)


def test_an_entry_is_deleted(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        entry = await contentful.create_entry("page", _title("1"))
        await contentful.delete_entry(entry.id)
        with pytest.raises(NotFoundError):
            await contentful.get_draft(entry.id)

    _run(engine, clock, use)


# --- many at once ---------------------------------------------------------------------------------


def test_many_entries_are_published_at_once(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        for name in ("a", "b"):
            await contentful.create_entry("page", _title(name), entry_id=name)
        action = await contentful.bulk_publish([Link(id="a", version=1), Link(id="b", version=1)])
        assert action.status == "created"
        done = await contentful.await_bulk_action(action)
        assert done.is_done
        assert (await contentful.query_entries()).total == 2

    _run(engine, clock, use)


def test_a_bulk_publish_with_an_old_version_publishes_nothing(
    engine: Engine, clock: FakeClock
) -> None:
    async def use(contentful: ContentfulService) -> None:
        for name in ("a", "b"):
            await contentful.create_entry("page", _title(name), entry_id=name)
        action = await contentful.bulk_publish([Link(id="a", version=1), Link(id="b", version=9)])
        with pytest.raises(OperationFailedError, match="VersionMismatch"):
            await contentful.await_bulk_action(action)
        assert (await contentful.query_entries()).total == 0

    _run(engine, clock, use)


@pytest.mark.parametrize("count", [0, 201])
def test_a_bulk_action_of_too_few_or_too_many_items_is_not_sent(
    engine: Engine, clock: FakeClock, count: int
) -> None:
    async def use(contentful: ContentfulService) -> None:
        with pytest.raises(ValueError, match="1 to 200 items"):
            await contentful.bulk_publish([Link(id="a", version=1)] * count)

    _run(engine, clock, use)
    assert engine.hits() == ()


def test_a_sixth_active_bulk_action_is_refused(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        await contentful.create_entry("page", _title("a"), entry_id="a")
        for _ in range(5):
            await contentful.bulk_publish([Link(id="a", version=1)])
        with pytest.raises(RateLimitError):
            await contentful.bulk_publish([Link(id="a", version=1)])

    _run(engine, clock, use, management=ONCE)


def test_each_item_of_a_bulk_operation_has_its_outcome(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        await contentful.create_entry("page", _title("old"), entry_id="old")
        page = {"sys": {"type": "Link", "linkType": "ContentType", "id": "page"}}
        operation = await contentful.bulk_entries(
            "create",
            [
                {"sys": {"id": "new", "contentType": page}, "fields": _title("new")},
                {"sys": {"id": "old", "contentType": page}, "fields": {}},
            ],
        )
        with pytest.raises(ConflictError):
            await contentful.bulk_entries("delete", [{"sys": {"id": "old"}}])
        done = await contentful.await_bulk_operation(operation)
        assert done.result is not None
        assert [item.status for item in done.result.items] == ["succeeded", "failed"]
        assert (await contentful.get_draft("new")).fields == _title("new")
        update = await contentful.bulk_entries(
            "update", [{"sys": {"id": "new", "version": 1}, "fields": _title("newer")}]
        )
        await contentful.await_bulk_operation(update)
        delete = await contentful.bulk_entries("delete", [{"sys": {"id": "old"}}])
        await contentful.await_bulk_operation(delete)
        assert (await contentful.get_draft("new")).fields == _title("newer")
        with pytest.raises(NotFoundError):
            await contentful.get_draft("old")

    _run(engine, clock, use)


def test_a_job_that_takes_too_long_is_given_up(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        await contentful.create_entry("page", _title("a"), entry_id="a")
        action = await contentful.bulk_publish([Link(id="a", version=1)])
        with pytest.raises(OperationFailedError, match="is still created"):
            await contentful.await_bulk_action(action)

    _run(engine, clock, use, job_timeout_s=0.7)


# --- assets ---------------------------------------------------------------------------------------


def test_a_file_becomes_a_published_asset(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        asset = await contentful.publish_file(
            b"an image", title="A", file_name="a.png", content_type="image/png"
        )
        url = asset.url("en-US")
        assert url is not None
        assert url.endswith("/a.png")
        assert asset.sys.published_version == 2

    _run(engine, clock, use)


def test_an_asset_whose_processing_takes_too_long_is_given_up(
    engine: Engine, clock: FakeClock
) -> None:
    async def use(contentful: ContentfulService) -> None:
        with pytest.raises(OperationFailedError, match="still being processed"):
            await contentful.publish_file(
                b"an image", title="A", file_name="a.png", content_type="image/png"
            )

    _run(engine, clock, use, job_timeout_s=0.7)


# --- limits ---------------------------------------------------------------------------------------


def test_the_documented_limits_are_kept_without_a_refusal(clock: FakeClock) -> None:
    engine = engine_of(model.create, clock)

    async def use(contentful: ContentfulService) -> None:
        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(contentful.create_entry, "page", _title(str(number)))

    _run(engine, clock, use)
    statistics = engine.statistics(0.0)
    assert (statistics.hits, statistics.limited) == (30, 0)


def test_the_servers_second_is_waited_for(engine: Engine, clock: FakeClock) -> None:
    engine.inject([Fault(kind=FaultKind.RATE_LIMITED, seconds=3.0)])

    async def use(contentful: ContentfulService) -> None:
        await contentful.create_entry("page", _title("a"))

    _run(engine, clock, use)
    first, second = engine.hits()
    assert second.at_s - first.at_s == 3.0


def test_a_wrong_token_is_an_authentication_error(engine: Engine, clock: FakeClock) -> None:
    async def use(contentful: ContentfulService) -> None:
        with pytest.raises(AuthenticationError) as caught:
            await contentful.get_entry("a")
        assert caught.value.service == f"contentful {DELIVERY}"
        assert caught.value.code == "AccessTokenInvalid"

    _run(engine, clock, use, delivery_token="")
