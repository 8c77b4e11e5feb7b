"""The operations of Contentful: delivery, entries, many entries at once, assets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from perfgate.services.contentful_api import (
    DELIVERY,
    MANAGEMENT,
    UPLOAD,
    ContentfulApi,
    ContentfulConfig,
)
from perfgate.services.contentful_model import (
    Asset,
    BulkAction,
    BulkOperation,
    Entry,
    EntryPage,
    Link,
    SyncPage,
)
from perfgate.services.errors import VersionConflictError
from perfgate.services.transport import decode

__all__ = [
    "DELIVERY",
    "MANAGEMENT",
    "MAX_BULK_ACTION_ITEMS",
    "MAX_BULK_OPERATION_ITEMS",
    "UPLOAD",
    "ContentfulConfig",
    "ContentfulService",
]

MAX_BULK_ACTION_ITEMS = 200
MAX_BULK_OPERATION_ITEMS = 10_000


class ContentfulService(ContentfulApi):
    """The client of Contentful."""

    # --- delivery ------------------------------------------------------------------------------

    async def get_entry(self, entry_id: str) -> Entry:
        """Fetch a published entry.

        Raises:
            NotFoundError: there is none, or it is not published.
        """
        return await self._fetch(DELIVERY, f"/entries/{entry_id}", Entry)

    async def query_entries(
        self,
        *,
        content_type: str | None = None,
        limit: int = 100,
        skip: int = 0,
        order: str | None = None,
        include: int = 1,
        where: Mapping[str, str] | None = None,
    ) -> EntryPage:
        """Query published entries.

        Args:
            content_type: Needed by any condition on fields.
            limit: Of the page; 1000 at most.
            skip: How many to leave out first.
            order: A path, with a minus sign in front for descending.
            include: Depth of links to resolve.
            where: Conditions, such as ``{"fields.slug": "home"}``.
        """
        query = {"limit": str(limit), "skip": str(skip), "include": str(include), **(where or {})}
        if content_type is not None:
            query["content_type"] = content_type
        if order is not None:
            query["order"] = order
        return await self._fetch(DELIVERY, "/entries", EntryPage, query)

    async def sync(self, sync_token: str | None = None) -> SyncPage:
        """Fetch one page of everything, or of what changed since the token was given out."""
        query = {"initial": "true"} if sync_token is None else {"sync_token": sync_token}
        return await self._fetch(DELIVERY, "/sync", SyncPage, query)

    async def sync_all(self, sync_token: str | None = None) -> tuple[tuple[Entry, ...], str]:
        """Fetch all pages; return the items and the token to go on from later."""
        items: list[Entry] = []
        token = sync_token
        while True:
            page = await self.sync(token)
            items.extend(page.items)
            if page.next_page_url is None:
                return tuple(items), _sync_token(page.next_sync_url)
            token = _sync_token(page.next_page_url)

    # --- management: entries -------------------------------------------------------------------

    async def get_draft(self, entry_id: str) -> Entry:
        """Fetch an entry with the version that an update must name."""
        return await self._fetch(MANAGEMENT, f"/entries/{entry_id}", Entry)

    async def create_entry(
        self, content_type: str, fields: Mapping[str, Any], *, entry_id: str | None = None
    ) -> Entry:
        """Create an entry; with an id of the caller's own it may be repeated without harm."""
        headers = {"x-contentful-content-type": content_type}
        body = {"fields": fields}
        if entry_id is None:
            return await self._write("POST", "/entries", Entry, content=body, headers=headers)
        return await self._write(
            "PUT",
            f"/entries/{entry_id}",
            Entry,
            content=body,
            headers=headers,
            is_repeatable=True,
        )

    async def update_entry(
        self, entry_id: str, fields: Mapping[str, Any], *, version: int
    ) -> Entry:
        """Replace all fields of an entry.

        Raises:
            VersionConflictError: the entry has another version by now.
        """
        headers = {"x-contentful-version": str(version)}
        # Repeating it after a lost answer would meet the version that it made itself.
        return await self._write(
            "PUT", f"/entries/{entry_id}", Entry, content={"fields": fields}, headers=headers
        )

    async def change_entry(
        self,
        entry_id: str,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        attempts: int = 5,
    ) -> Entry:
        """Read an entry, change its fields and write it; anew where somebody came in between.

        Raises:
            VersionConflictError: somebody came in between each time.
        """
        for _ in range(attempts - 1):
            draft = await self.get_draft(entry_id)
            try:
                return await self._update(draft, change)
            except VersionConflictError:
                continue
        return await self._update(await self.get_draft(entry_id), change)

    async def _update(
        self, draft: Entry, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> Entry:
        return await self.update_entry(
            draft.id, change(draft.fields), version=draft.sys.version or 0
        )

    async def publish_entry(self, entry_id: str, *, version: int) -> Entry:
        """Publish an entry.

        Raises:
            VersionConflictError: the entry has another version by now.
        """
        headers = {"x-contentful-version": str(version)}
        path = f"/entries/{entry_id}/published"
        return await self._write("PUT", path, Entry, headers=headers)

    async def delete_entry(self, entry_id: str) -> None:
        """Delete an entry that is not published."""
        await self._change("DELETE", f"/entries/{entry_id}")

    # --- management: many at once --------------------------------------------------------------

    async def bulk_publish(self, items: Sequence[Link]) -> BulkAction:
        """Start to publish many entries and assets, all or none."""
        if not 0 < len(items) <= MAX_BULK_ACTION_ITEMS:
            raise ValueError(f"a bulk action takes 1 to {MAX_BULK_ACTION_ITEMS} items")
        links = [
            {
                "sys": {
                    "type": "Link",
                    "linkType": item.type,
                    "id": item.id,
                    "version": item.version,
                }
            }
            for item in items
        ]
        body = {"entities": {"sys": {"type": "Array"}, "items": links}}
        return await self._write("POST", "/bulk_actions/publish", BulkAction, content=body)

    async def get_bulk_action(self, action_id: str) -> BulkAction:
        """Fetch the state of a bulk action."""
        return await self._fetch(MANAGEMENT, f"/bulk_actions/actions/{action_id}", BulkAction)

    async def await_bulk_action(self, action: BulkAction) -> BulkAction:
        """Wait until a bulk action has succeeded.

        Raises:
            OperationFailedError: it failed, or takes too long.
        """
        return await self._await_job(action, lambda: self.get_bulk_action(action.sys.id))

    async def bulk_entries(
        self, operation: str, items: Sequence[Mapping[str, Any]]
    ) -> BulkOperation:
        """Start to create, update or delete many entries from one uploaded file.

        Args:
            operation: ``create``, ``update`` (which replaces all fields) or ``delete``.
            items: Entries as the management API takes them.

        Raises:
            ConflictError: another such operation is in flight in this space.
        """
        if not 0 < len(items) <= MAX_BULK_OPERATION_ITEMS:
            raise ValueError(f"a bulk operation takes 1 to {MAX_BULK_OPERATION_ITEMS} items")
        upload_id = await self.create_upload(msgspec.json.encode(items))
        body = {"upload": {"sys": {"type": "Upload", "id": upload_id}}}
        path = f"/bulk_operations/entries/{operation}"
        return await self._write("POST", path, BulkOperation, content=body)

    async def get_bulk_operation(self, operation_id: str) -> BulkOperation:
        """Fetch the state of a bulk operation, and what became of each item."""
        return await self._fetch(MANAGEMENT, f"/bulk_operations/{operation_id}", BulkOperation)

    async def await_bulk_operation(self, operation: BulkOperation) -> BulkOperation:
        """Wait until a bulk operation has ended; single items may have failed.

        Raises:
            OperationFailedError: it failed as a whole, or takes too long.
        """
        return await self._await_job(operation, lambda: self.get_bulk_operation(operation.sys.id))

    # --- management: assets --------------------------------------------------------------------

    async def create_upload(self, content: bytes) -> str:
        """Upload a file and return the id of the upload; Contentful forgets it after a day."""
        reply = await self._upload(content)
        return decode(self.title(UPLOAD), reply, Entry).id

    async def create_asset(
        self, upload_id: str, *, title: str, file_name: str, content_type: str
    ) -> Asset:
        """Create an asset from an upload; it has no URL before it is processed."""
        locale = self.config.locale
        file = {
            "contentType": content_type,
            "fileName": file_name,
            "uploadFrom": _link("Upload", upload_id),
        }
        body = {"fields": {"title": {locale: title}, "file": {locale: file}}}
        return await self._write("POST", "/assets", Asset, content=body)

    async def process_asset(self, asset: Asset) -> None:
        """Let Contentful process the file; it answers before that is done."""
        path = f"/assets/{asset.id}/files/{self.config.locale}/process"
        headers = {"x-contentful-version": str(asset.sys.version)}
        await self._change("PUT", path, headers=headers)

    async def await_processed(self, asset_id: str) -> Asset:
        """Wait until the asset has a URL.

        Raises:
            OperationFailedError: it takes too long.
        """
        deadline_s = self.deadline_s()
        while True:
            asset = await self._fetch(MANAGEMENT, f"/assets/{asset_id}", Asset)
            if asset.url(self.config.locale) is not None:
                return asset
            await self._wait_or_give_up(f"asset {asset_id} is still being processed", deadline_s)

    async def publish_asset(self, asset: Asset) -> Asset:
        """Publish an asset that is processed."""
        headers = {"x-contentful-version": str(asset.sys.version)}
        path = f"/assets/{asset.id}/published"
        return await self._write("PUT", path, Asset, headers=headers)

    async def publish_file(
        self, content: bytes, *, title: str, file_name: str, content_type: str
    ) -> Asset:
        """Upload, create, process and publish: a file becomes a published asset."""
        upload_id = await self.create_upload(content)
        asset = await self.create_asset(
            upload_id, title=title, file_name=file_name, content_type=content_type
        )
        await self.process_asset(asset)
        return await self.publish_asset(await self.await_processed(asset.id))


def _link(kind: str, object_id: str) -> dict[str, Any]:
    return {"sys": {"type": "Link", "linkType": kind, "id": object_id}}


def _sync_token(url: str | None) -> str:
    """Take the token out of the URL that goes on; empty where there is none."""
    return parse_qs(urlsplit(url or "").query).get("sync_token", [""])[0]
