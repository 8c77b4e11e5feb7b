"""What Contentful answers, as far as the service reads it; fields of entries stay plain JSON."""

from typing import Any

import msgspec

__all__ = [
    "Asset",
    "BulkAction",
    "BulkOperation",
    "Entry",
    "EntryPage",
    "Includes",
    "ItemResult",
    "Link",
    "OperationResult",
    "SyncPage",
    "Sys",
]


class _Camel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Sys(_Camel, frozen=True, kw_only=True):
    """What Contentful knows of an object."""

    id: str = ""
    type: str = ""
    version: int | None = None
    """Of the object in the management API; an update must name it."""
    published_version: int | None = None
    revision: int | None = None
    """Of the published object in the delivery API."""
    link_type: str = ""
    status: str | dict[str, Any] | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to an object, with the version that is meant."""

    id: str
    version: int
    type: str = "Entry"
    """``Entry`` or ``Asset``."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry: by locale in the management API, of one locale in the delivery API."""

    sys: Sys
    fields: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """Its id within the environment."""
        return self.sys.id


class Asset(Entry, frozen=True, kw_only=True):
    """An asset; its file has a ``url`` once it is processed."""

    def url(self, locale: str) -> str | None:
        """Where the processed file is; None before."""
        url = self.fields.get("file", {}).get(locale, {}).get("url")
        return url if isinstance(url, str) else None


class Includes(msgspec.Struct, frozen=True, rename="pascal"):
    """Objects that the entries of a page link to."""

    entry: tuple[Entry, ...] = ()
    asset: tuple[Entry, ...] = ()


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a query."""

    total: int
    skip: int
    limit: int
    items: tuple[Entry, ...]
    includes: Includes = Includes()


class SyncPage(_Camel, frozen=True, kw_only=True):
    """One page of changes: either the next page follows, or the place to go on later."""

    items: tuple[Entry, ...]
    next_page_url: str | None = None
    next_sync_url: str | None = None


class BulkAction(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk publish, unpublish or validate, or a bulk operation on entries."""

    sys: Sys
    error: Any = None

    @property
    def status(self) -> str:
        """``created``, ``inProgress``, ``succeeded`` and the like; operations have other words."""
        return self.sys.status if isinstance(self.sys.status, str) else ""

    @property
    def is_done(self) -> bool:
        """Whether it ended well."""
        return self.status in ("succeeded", "completed")

    @property
    def has_failed(self) -> bool:
        """Whether it ended badly."""
        return self.status in ("failed", "cancelled", "canceled")


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a bulk operation; ``entity`` is None where it failed early."""

    status: str
    entity: Entry | None = None
    error: Any = None


class OperationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all items, in the order of the upload."""

    items: tuple[ItemResult, ...] = ()


class BulkOperation(BulkAction, frozen=True, kw_only=True):
    """A bulk create, update or delete of entries; has no result before it is done."""

    result: OperationResult | None = None
