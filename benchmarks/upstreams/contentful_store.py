"""What a Contentful environment holds: drafts with versions, published snapshots, their changes."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.storage import BoundedStore
from perfgate.testing.upstream import UpstreamClock

__all__ = ["ContentfulError", "Record", "Store", "link"]

STORED_OBJECTS = 50_000


class ContentfulError(Exception):
    """A request that Contentful would refuse."""

    def __init__(self, status: int, code: str, message: str, details: object = None) -> None:
        self.status = status
        self.code = code
        self.details = details
        super().__init__(message)


class Record(msgspec.Struct, kw_only=True):
    """An entry or an asset; ``published`` is what the delivery API shows, None if nothing."""

    id: str
    type: str
    content_type: str = ""
    fields: dict[str, Any]
    version: int = 1
    published_version: int | None = None
    published: dict[str, Any] | None = None
    published_at: str = ""
    revision: int = 0
    created_at: str
    updated_at: str


def link(kind: str, object_id: str) -> dict[str, Any]:
    """Refer to an object."""
    return {"sys": {"type": "Link", "linkType": kind, "id": object_id}}


class Store:
    """All entries and assets of one environment, and the order in which they were published."""

    def __init__(self, clock: UpstreamClock) -> None:
        self._clock = clock
        self.records: BoundedStore[Record] = BoundedStore(STORED_OBJECTS)
        self._ids = 0
        self._changes: BoundedStore[int] = BoundedStore(STORED_OBJECTS)
        """The number of the last change of each object that is or was published."""
        self.change = 0

    def new_id(self) -> str:
        """Return an id that was not given out before."""
        self._ids += 1
        return f"obj{self._ids:08x}"

    def now(self) -> str:
        """Return the time as Contentful writes it."""
        return _timestamp(self._clock.wall())

    def find(self, kind: str, object_id: str) -> Record:
        """Return an entry or an asset, published or not."""
        record = self.records.get(object_id)
        if record is None or record.type != kind:
            raise ContentfulError(
                404,
                "NotFound",
                "The resource could not be found.",
                {"type": kind, "id": object_id},
            )
        return record

    def create(
        self, kind: str, fields: dict[str, Any], *, object_id: str = "", content_type: str = ""
    ) -> Record:
        """Store a new draft."""
        now = self.now()
        record = Record(
            id=object_id or self.new_id(),
            type=kind,
            content_type=content_type,
            fields=fields,
            created_at=now,
            updated_at=now,
        )
        self.records[record.id] = record
        return record

    def update(self, record: Record, fields: dict[str, Any]) -> None:
        """Replace all fields."""
        record.fields = fields
        record.version += 1
        record.updated_at = self.now()

    def publish(self, record: Record) -> None:
        """Show the draft as it is now; that makes another version of it."""
        record.published = record.fields
        record.published_version = record.version
        record.version += 1
        record.revision += 1
        record.updated_at = record.published_at = self.now()
        self._note(record.id)

    def unpublish(self, record: Record) -> None:
        """Show it no longer."""
        record.published = None
        record.published_version = None
        record.version += 1
        self._note(record.id)

    def delete(self, record: Record) -> None:
        """Forget a draft that is not published."""
        if record.published is not None:
            raise ContentfulError(400, "BadRequest", "Cannot delete published")
        del self.records[record.id]

    def _note(self, object_id: str) -> None:
        self.change += 1
        self._changes.pop(object_id, None)
        self._changes[object_id] = self.change

    def changed_since(self, change: int) -> list[tuple[int, str]]:
        """Return the objects that were changed after that change, the earliest first."""
        return [
            (number, object_id) for object_id, number in self._changes.items() if number > change
        ]

    def published(self, kind: str) -> list[Record]:
        """Return what the delivery API shows of one kind."""
        return [
            record
            for record in self.records.values()
            if record.type == kind and record.published is not None
        ]


def _timestamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


# --- queries ------------------------------------------------------------------------------------

_Condition = Callable[[Any, str], bool]
_CONDITIONS: dict[str, _Condition] = {
    "": lambda value, wanted: _text(value) == wanted,
    "[ne]": lambda value, wanted: _text(value) != wanted,
    "[in]": lambda value, wanted: _text(value) in wanted.split(","),
    "[nin]": lambda value, wanted: _text(value) not in wanted.split(","),
    "[exists]": lambda value, wanted: (value is not None) == (wanted == "true"),
    "[match]": lambda value, wanted: wanted.lower() in _text(value).lower(),
}


def select(
    items: Iterable[dict[str, Any]], query: Mapping[str, str], *, options: frozenset[str]
) -> list[dict[str, Any]]:
    """Keep what meets all conditions of a query, in its order.

    Args:
        items: Objects as the delivery API shows them.
        query: Conditions on ``sys.*`` and ``fields.*``, and ``order``.
        options: Parameters that are no conditions.
    """
    kept = list(items)
    for name, wanted in query.items():
        if name in options:
            continue
        path, bracket, operator = name.partition("[")
        condition = _CONDITIONS.get(bracket + operator)
        if condition is None or not path.startswith(("sys.", "fields.")):
            raise ContentfulError(400, "InvalidQuery", f"The path {name!r} is not recognized")
        kept = [item for item in kept if condition(_value(item, path), wanted)]
    for path in reversed([part for part in query.get("order", "").split(",") if part]):
        kept.sort(key=lambda item: _text(_value(item, path.lstrip("-"))), reverse=path[0] == "-")
    return kept


def _value(item: Mapping[str, Any], path: str) -> Any:
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return str(value)
