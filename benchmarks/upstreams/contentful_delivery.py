"""Contentful's delivery API: what is published, in one locale, queried, linked and synchronized."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.upstreams.contentful_store import ContentfulError, Record, Store, link, select
from perfgate.testing.upstream import Request, Response, json_response

__all__ = ["Delivery", "Route", "page_of", "window_of"]

MAX_LIMIT = 1000
_QUERY_OPTIONS = frozenset(
    {"limit", "skip", "order", "include", "content_type", "locale", "select", "access_token"}
)
Route = tuple[str, re.Pattern[str], Callable[..., Response]]
"""Method, path within the environment, and what answers: it gets the request and the groups."""


class Delivery:
    """The delivery API of one environment."""

    def __init__(self, store: Store, *, locale: str, sync_page_size: int) -> None:
        self._store = store
        self._locale = locale
        self._page_size = sync_page_size

    def routes(self) -> tuple[Route, ...]:
        """Return what there is to ask for."""
        return (
            ("GET", re.compile(r"/entries"), self.entries),
            ("GET", re.compile(r"/entries/([^/]+)"), self.entry),
            ("GET", re.compile(r"/assets"), self.assets),
            ("GET", re.compile(r"/assets/([^/]+)"), self.asset),
            ("GET", re.compile(r"/sync"), self.sync),
            ("GET", re.compile(r"/content_types"), self.content_types),
            ("GET", re.compile(r"/?"), self.space),
        )

    def space(self, _: Request) -> Response:
        """GET /spaces/{space}."""
        locales = [{"code": self._locale, "name": self._locale, "default": True}]
        return json_response({"sys": {"type": "Space", "id": "space"}, "locales": locales})

    def content_types(self, _: Request) -> Response:
        """GET /content_types: the ones that entries were made of, without their fields."""
        names = sorted({record.content_type for record in self._store.published("Entry")})
        items = [
            {"sys": {"type": "ContentType", "id": name}, "name": name, "fields": []}
            for name in names
        ]
        return json_response(page_of(items, 0, MAX_LIMIT))

    def entry(self, _: Request, entry_id: str) -> Response:
        """GET /entries/{id}."""
        return self._one("Entry", entry_id)

    def asset(self, _: Request, asset_id: str) -> Response:
        """GET /assets/{id}."""
        return self._one("Asset", asset_id)

    def _one(self, kind: str, object_id: str) -> Response:
        record = self._store.find(kind, object_id)
        if record.published is None:
            raise ContentfulError(404, "NotFound", "The resource could not be found.")
        return json_response(self._delivered(record))

    def entries(self, request: Request) -> Response:
        """GET /entries."""
        query = request.query
        content_type = query.get("content_type")
        if content_type is None and any(name.startswith("fields.") for name in query):
            raise ContentfulError(
                400, "InvalidQuery", "A content type must be given for conditions on fields"
            )
        limit, skip = window_of(query)
        candidates = (
            self._delivered(record)
            for record in self._store.published("Entry")
            if content_type in (None, record.content_type)
        )
        found = select(candidates, query, options=_QUERY_OPTIONS)
        page = page_of(found, skip, limit)
        includes = self._includes(page["items"], int(query.get("include", "1")))
        if includes:
            page["includes"] = includes
        return json_response(page)

    def assets(self, request: Request) -> Response:
        """GET /assets."""
        limit, skip = window_of(request.query)
        found = [self._delivered(record) for record in self._store.published("Asset")]
        return json_response(page_of(found, skip, limit))

    def sync(self, request: Request) -> Response:
        """GET /sync: everything, or what changed since the token was given out."""
        query = request.query
        is_initial = "sync_token" not in query
        since, _, until = query.get("sync_token", f"0-{self._store.change}").partition("-")
        if not since.isdigit() or not (until or "0").isdigit():
            raise ContentfulError(400, "BadRequest", "The sync token is invalid")
        is_paging = bool(until)
        end = int(until) if is_paging else self._store.change
        changes = [change for change in self._store.changed_since(int(since)) if change[0] <= end]
        page, rest = changes[: self._page_size], changes[self._page_size :]
        items = [self._synced(object_id, is_initial=is_initial) for _, object_id in page]
        body: dict[str, Any] = {
            "sys": {"type": "Array"},
            "items": [item for item in items if item is not None],
        }
        host = request.headers.get("host", "cdn.contentful.com")
        url = f"http://{host}{request.path}?sync_token="
        if rest:
            body["nextPageUrl"] = f"{url}{page[-1][0]}-{end}"
        else:
            body["nextSyncUrl"] = f"{url}{end}"
        return json_response(body)

    def _synced(self, object_id: str, *, is_initial: bool) -> dict[str, Any] | None:
        record = self._store.records.get(object_id)
        if record is not None and record.published is not None:
            return {"sys": self._delivered_sys(record), "fields": record.published}
        if is_initial:
            return None
        kind = "Entry" if record is None else record.type
        return {"sys": {"type": f"Deleted{kind}", "id": object_id}}

    def _delivered(self, record: Record) -> dict[str, Any]:
        fields = {
            name: values[self._locale]
            for name, values in (record.published or {}).items()
            if self._locale in values
        }
        sys = {**self._delivered_sys(record), "locale": self._locale}
        return {"metadata": {"tags": []}, "sys": sys, "fields": fields}

    def _delivered_sys(self, record: Record) -> dict[str, Any]:
        sys = {
            "space": link("Space", "space"),
            "environment": link("Environment", "master"),
            "id": record.id,
            "type": record.type,
            "createdAt": record.created_at,
            "updatedAt": record.updated_at,
            "revision": record.revision,
        }
        if record.content_type:
            sys["contentType"] = link("ContentType", record.content_type)
        return sys

    def _includes(self, items: list[dict[str, Any]], depth: int) -> dict[str, list[Any]]:
        seen = {item["sys"]["id"] for item in items}
        found: dict[str, list[Any]] = {}
        for _ in range(depth):
            items = self._linked(items, seen)
            for item in items:
                found.setdefault(item["sys"]["type"], []).append(item)
        return found

    def _linked(self, items: list[dict[str, Any]], seen: set[str]) -> list[dict[str, Any]]:
        linked = []
        for item in items:
            for object_id in _links(item["fields"]):
                record = self._store.records.get(object_id)
                if object_id not in seen and record is not None and record.published is not None:
                    seen.add(object_id)
                    linked.append(self._delivered(record))
        return linked


def window_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the limit and the number to skip."""
    try:
        limit, skip = int(query.get("limit", "100")), int(query.get("skip", "0"))
    except ValueError:
        raise ContentfulError(400, "InvalidQuery", "limit and skip must be numbers") from None
    if not 0 <= limit <= MAX_LIMIT or skip < 0:
        raise ContentfulError(400, "InvalidQuery", f"limit must be between 0 and {MAX_LIMIT}")
    return limit, skip


def page_of(items: list[dict[str, Any]], skip: int, limit: int) -> dict[str, Any]:
    """Return one page of a collection."""
    return {
        "sys": {"type": "Array"},
        "total": len(items),
        "skip": skip,
        "limit": limit,
        "items": items[skip : skip + limit],
    }


def _links(value: Any) -> Iterator[str]:
    """Yield the ids of all that a value links to."""
    if isinstance(value, Mapping):
        sys = value.get("sys")
        if isinstance(sys, Mapping) and sys.get("type") == "Link":
            yield sys["id"]
        else:
            for part in value.values():
                yield from _links(part)
    elif isinstance(value, list):
        for part in value:
            yield from _links(part)
