"""Contentful's own two clients drive the local model."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perfgate.testing.upstream import Fault, FaultKind, RateLimit, Upstream, start_upstream

delivery = pytest.importorskip("contentful", reason="the official clients are not installed")
management = pytest.importorskip(
    "contentful_management", reason="the official clients are not installed"
)

pytestmark = pytest.mark.contract
APPLICATION = "benchmarks.upstreams.contentful:create"
SPACE, ENVIRONMENT = "space", "master"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    options = {"job_s": 0.0, "sync_page_size": 2}
    with start_upstream(APPLICATION, options=options, limits=()) as upstream:
        yield upstream


@pytest.fixture
def cma(upstream: Upstream) -> Any:
    host = f"127.0.0.1:{upstream.port}"
    return management.Client(
        "CFPAT-1", api_url=host, uploads_api_url=host, https=False, max_rate_limit_wait=5
    )


@pytest.fixture
def new_cda(upstream: Upstream) -> Callable[[], Any]:
    """The delivery client, made late: it asks for the content types when it is made."""
    host = f"127.0.0.1:{upstream.port}"
    return lambda: delivery.Client(
        SPACE, "token", api_url=host, https=False, environment=ENVIRONMENT, timeout_s=10
    )


def _entry(cma: Any, entry_id: str, fields: dict[str, Any], *, publish: bool = True) -> Any:
    attributes = {"content_type_id": "page", "fields": fields}
    entry = cma.entries(SPACE, ENVIRONMENT).create(entry_id, attributes)
    if publish:
        entry.publish()
    return entry


def test_an_entry_is_created_saved_and_published(cma: Any, new_cda: Callable[[], Any]) -> None:
    entry = _entry(cma, "home", {"title": {"en-US": "Home"}}, publish=False)
    assert entry.sys["version"] == 1
    entry.title = "House"
    entry.save()
    assert entry.sys["version"] == 2
    entry.publish()
    assert entry.is_published
    assert new_cda().entry("home").title == "House"


def test_a_draft_is_not_delivered(cma: Any, new_cda: Callable[[], Any]) -> None:
    _entry(cma, "draft", {"title": {"en-US": "Draft"}}, publish=False)
    with pytest.raises(delivery.errors.EntryNotFoundError):
        new_cda().entry("draft")


def test_a_change_of_an_old_version_is_a_version_mismatch(cma: Any) -> None:
    _entry(cma, "home", {"title": {"en-US": "Home"}}, publish=False)
    first = cma.entries(SPACE, ENVIRONMENT).find("home")
    second = cma.entries(SPACE, ENVIRONMENT).find("home")
    first.title = "First"
    first.save()
    second.title = "Second"
    with pytest.raises(management.errors.VersionMismatchError):
        second.save()


def test_entries_are_queried_by_type_and_field(cma: Any, new_cda: Callable[[], Any]) -> None:
    for number in range(4):
        _entry(cma, f"e{number}", {"rank": {"en-US": number % 2}})
    query = {"content_type": "page", "fields.rank": "1", "order": "-sys.id"}
    assert [entry.id for entry in new_cda().entries(query)] == ["e3", "e1"]


def test_a_page_of_entries_tells_how_many_there_are(cma: Any, new_cda: Callable[[], Any]) -> None:
    for number in range(3):
        _entry(cma, f"e{number}", {"rank": {"en-US": number}})
    page = new_cda().entries({"limit": 1, "skip": 1})
    assert (page.total, page.skip, page.limit, len(page)) == (3, 1, 1, 1)


def test_linked_entries_are_resolved(cma: Any, new_cda: Callable[[], Any]) -> None:
    _entry(cma, "author", {"name": {"en-US": "Ann"}})
    link = {"sys": {"type": "Link", "linkType": "Entry", "id": "author"}}
    _entry(cma, "post", {"author": {"en-US": link}})
    assert new_cda().entry("post").author.name == "Ann"


def test_a_condition_on_a_field_needs_a_content_type(new_cda: Callable[[], Any]) -> None:
    with pytest.raises(delivery.errors.BadRequestError):
        new_cda().entries({"fields.rank": "1"})


def test_a_sync_brings_everything_and_then_what_changed(
    cma: Any, new_cda: Callable[[], Any]
) -> None:
    for number in range(5):
        _entry(cma, f"e{number}", {"rank": {"en-US": number}})
    cda = new_cda()
    page = cda.sync({"initial": True})
    found = list(page.items)
    while page.next_page_url:
        page = page.next(cda)
        found.extend(page.items)
    assert sorted(item.id for item in found) == ["e0", "e1", "e2", "e3", "e4"]
    changed = cma.entries(SPACE, ENVIRONMENT).find("e1")
    changed.rank = 10
    changed.save()
    changed.publish()
    cma.entries(SPACE, ENVIRONMENT).find("e2").unpublish()
    items = page.next(cda).items
    assert [(item.id, item.type) for item in items] == [("e1", "Entry"), ("e2", "DeletedEntry")]


def test_a_file_becomes_a_published_asset(cma: Any, new_cda: Callable[[], Any]) -> None:
    upload = cma.uploads(SPACE).create(io.BytesIO(b"an image"))
    file = {
        "contentType": "image/png",
        "fileName": "a.png",
        "uploadFrom": upload.to_link().to_json(),
    }
    fields = {"title": {"en-US": "A"}, "file": {"en-US": file}}
    asset = cma.assets(SPACE, ENVIRONMENT).create("picture", {"fields": fields})
    asset.process()
    processed = cma.assets(SPACE, ENVIRONMENT).find("picture")
    assert processed.url().endswith("/a.png")
    processed.publish()
    assert new_cda().asset("picture").url().endswith("/a.png")


def test_an_asset_that_is_not_processed_cannot_be_published(cma: Any) -> None:
    fields = {"title": {"en-US": "A"}}
    asset = cma.assets(SPACE, ENVIRONMENT).create("picture", {"fields": fields})
    with pytest.raises(management.errors.UnprocessableEntityError):
        asset.publish()


def test_an_upload_is_forgotten_after_a_day(cma: Any, upstream: Upstream) -> None:
    upload = cma.uploads(SPACE).create(io.BytesIO(b"an image"))
    assert cma.uploads(SPACE).find(upload.id).id == upload.id
    upstream.advance(24 * 3600 + 1)
    with pytest.raises(management.errors.NotFoundError):
        cma.uploads(SPACE).find(upload.id)


def test_a_wrong_token_is_unauthorized(upstream: Upstream) -> None:
    host = f"127.0.0.1:{upstream.port}"
    with pytest.raises(delivery.errors.UnauthorizedError):
        delivery.Client(SPACE, " ", api_url=host, https=False)


def test_the_client_waits_for_the_second_that_the_server_names(
    cma: Any, upstream: Upstream
) -> None:
    _entry(cma, "home", {}, publish=False)
    upstream.inject(Fault(kind=FaultKind.RATE_LIMITED, seconds=0.2))
    assert cma.entries(SPACE, ENVIRONMENT).find("home").id == "home"
    assert upstream.statistics().by_status[429] == 1


def test_a_second_full_of_requests_is_a_rate_limit_error(upstream: Upstream) -> None:
    upstream.set_limits([RateLimit(name="second", limit=3, window_s=60, group="management")])
    host = f"127.0.0.1:{upstream.port}"
    client = management.Client("CFPAT-1", api_url=host, https=False, max_rate_limit_wait=1)
    for _ in range(3):
        client.entries(SPACE, ENVIRONMENT).all()
    with pytest.raises(management.errors.RateLimitExceededError) as caught:
        client.entries(SPACE, ENVIRONMENT).all()
    headers = caught.value.response.headers
    assert headers["X-Contentful-RateLimit-Second-Limit"] == "3"
    assert headers["X-Contentful-RateLimit-Second-Remaining"] == "0"
    assert headers["X-Contentful-RateLimit-Reset"] == "60"
