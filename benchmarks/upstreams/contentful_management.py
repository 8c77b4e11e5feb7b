"""Contentful's management and upload APIs: drafts with versions, publishing, files, bulk jobs."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.contentful_delivery import Route, page_of, window_of
from benchmarks.upstreams.contentful_jobs import Jobs
from benchmarks.upstreams.contentful_store import ContentfulError, Record, Store, link
from benchmarks.upstreams.storage import BoundedStore
from perfgate.testing.upstream import Request, Response, UpstreamClock, json_response

__all__ = ["Management"]

UPLOAD_LIFETIME_S = 24 * 3600.0
STORED_UPLOADS = 200
_KINDS = {"entries": "Entry", "assets": "Asset"}


class Management:
    """The management API of one environment, and the uploads of its space."""

    def __init__(self, store: Store, jobs: Jobs, clock: UpstreamClock) -> None:
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._uploads: BoundedStore[tuple[float, bytes]] = BoundedStore(STORED_UPLOADS)

    def routes(self) -> tuple[Route, ...]:
        """Return what there is to ask for."""
        kind, one = r"/(entries|assets)", r"/([^/]+)"
        return (
            ("GET", re.compile(kind), self.get_all),
            ("POST", re.compile(kind), self.create),
            ("GET", re.compile(kind + one), self.get),
            ("PUT", re.compile(kind + one), self.put),
            ("DELETE", re.compile(kind + one), self.delete),
            ("PUT", re.compile(kind + one + "/published"), self.publish),
            ("DELETE", re.compile(kind + one + "/published"), self.unpublish),
            ("PUT", re.compile(r"/assets" + one + r"/files" + one + r"/process"), self.process),
            ("POST", re.compile(r"/uploads"), self.upload),
            ("GET", re.compile(r"/uploads" + one), self.get_upload),
            ("POST", re.compile(r"/bulk_actions/publish"), self.bulk_publish),
            ("GET", re.compile(r"/bulk_actions/actions" + one), self.get_action),
            (
                "POST",
                re.compile(r"/bulk_operations/entries/(create|update|delete)"),
                self.bulk_operate,
            ),
            ("GET", re.compile(r"/bulk_operations" + one), self.get_operation),
        )

    # --- entries and assets --------------------------------------------------------------------

    def get_all(self, request: Request, kind: str) -> Response:
        """GET /entries or /assets: drafts too."""
        limit, skip = window_of(request.query)
        found = [
            _shown(record) for record in self._store.records.values() if record.type == _KINDS[kind]
        ]
        return json_response(page_of(found, skip, limit))

    def get(self, _: Request, kind: str, object_id: str) -> Response:
        """GET /entries/{id} or /assets/{id}."""
        return json_response(_shown(self._store.find(_KINDS[kind], object_id)))

    def create(self, request: Request, kind: str) -> Response:
        """POST /entries or /assets."""
        return self._create(request, kind, "")

    def put(self, request: Request, kind: str, object_id: str) -> Response:
        """PUT /entries/{id} or /assets/{id}: create it with this id, or replace all of it."""
        if object_id not in self._store.records:
            return self._create(request, kind, object_id)
        record = self._at_version(request, kind, object_id)
        self._store.update(record, _fields(request))
        return json_response(_shown(record))

    def _create(self, request: Request, kind: str, object_id: str) -> Response:
        content_type = request.headers.get("x-contentful-content-type", "")
        if kind == "entries" and not content_type:
            raise ContentfulError(
                400, "BadRequest", 'Missing header "X-Contentful-Content-Type" for this entry'
            )
        record = self._store.create(
            _KINDS[kind],
            _fields(request),
            object_id=object_id,
            content_type=content_type if kind == "entries" else "",
        )
        return json_response(_shown(record), 201)

    def delete(self, _: Request, kind: str, object_id: str) -> Response:
        """DELETE /entries/{id} or /assets/{id}."""
        self._store.delete(self._store.find(_KINDS[kind], object_id))
        return Response(204)

    def publish(self, request: Request, kind: str, object_id: str) -> Response:
        """PUT /entries/{id}/published."""
        record = self._at_version(request, kind, object_id)
        if record.type == "Asset":
            _check_processed(record)
        self._store.publish(record)
        return json_response(_shown(record))

    def unpublish(self, _: Request, kind: str, object_id: str) -> Response:
        """DELETE /entries/{id}/published."""
        record = self._store.find(_KINDS[kind], object_id)
        if record.published is None:
            raise ContentfulError(400, "BadRequest", "Not published")
        self._store.unpublish(record)
        return json_response(_shown(record))

    def _at_version(self, request: Request, kind: str, object_id: str) -> Record:
        record = self._store.find(_KINDS[kind], object_id)
        if request.headers.get("x-contentful-version") != str(record.version):
            raise ContentfulError(
                409, "VersionMismatch", f"{object_id} has another version than the one sent"
            )
        return record

    # --- files ---------------------------------------------------------------------------------

    def upload(self, request: Request) -> Response:
        """POST /uploads, of the space or the environment."""
        upload_id = self._store.new_id()
        self._uploads[upload_id] = (self._clock.now_s() + UPLOAD_LIFETIME_S, request.body)
        return json_response(_shown_upload(upload_id), 201)

    def get_upload(self, _: Request, upload_id: str) -> Response:
        """GET /uploads/{id}."""
        self._uploaded(upload_id)
        return json_response(_shown_upload(upload_id))

    def _uploaded(self, upload_id: str) -> bytes:
        expires_s, content = self._uploads.get(upload_id, (0.0, b""))
        if expires_s <= self._clock.now_s():
            raise ContentfulError(
                404,
                "NotFound",
                "The resource could not be found.",
                {"type": "Upload", "id": upload_id},
            )
        return content

    def process(self, _: Request, asset_id: str, locale: str) -> Response:
        """PUT /assets/{id}/files/{locale}/process."""
        asset = self._store.find("Asset", asset_id)
        file = asset.fields.get("file", {}).get(locale, {})
        if "uploadFrom" not in file:
            raise ContentfulError(422, "ValidationFailed", "There is no file to process")
        content = self._uploaded(file["uploadFrom"]["sys"]["id"])
        url = f"//images.ctfassets.net/space/{asset_id}/{file.get('fileName', 'file')}"
        self._jobs.process(asset, locale, url=url, size=len(content))
        return Response(204)

    # --- many at once --------------------------------------------------------------------------

    def bulk_publish(self, request: Request) -> Response:
        """POST /bulk_actions/publish."""
        return json_response(self._jobs.publish(request.json()), 201)

    def get_action(self, _: Request, action_id: str) -> Response:
        """GET /bulk_actions/actions/{id}."""
        return json_response(self._jobs.show("BulkAction", action_id))

    def bulk_operate(self, request: Request, operation: str) -> Response:
        """POST /bulk_operations/entries/{create,update,delete}."""
        content = self._uploaded(request.json()["upload"]["sys"]["id"])
        entries = msgspec.json.decode(content, type=list[dict[str, Any]])
        return json_response(self._jobs.operate(operation, entries), 201)

    def get_operation(self, _: Request, operation_id: str) -> Response:
        """GET /bulk_operations/{id}."""
        return json_response(self._jobs.show("BulkOperation", operation_id))


def _fields(request: Request) -> dict[str, Any]:
    body = request.json() if request.body else {}
    fields = body.get("fields", {}) if isinstance(body, Mapping) else None
    if not isinstance(fields, dict):
        raise ContentfulError(422, "ValidationFailed", "fields must be an object")
    return fields


def _check_processed(asset: Record) -> None:
    files = asset.fields.get("file", {})
    if not files or any("url" not in file for file in files.values()):
        raise ContentfulError(422, "ValidationFailed", "The file of the asset is not processed")


def _shown(record: Record) -> dict[str, Any]:
    sys: dict[str, Any] = {
        "space": link("Space", "space"),
        "environment": link("Environment", "master"),
        "id": record.id,
        "type": record.type,
        "version": record.version,
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
    }
    if record.content_type:
        sys["contentType"] = link("ContentType", record.content_type)
    if record.published_version is not None:
        sys["publishedVersion"] = record.published_version
        sys["publishedAt"] = record.published_at
        sys["publishedCounter"] = record.revision
    return {"metadata": {"tags": []}, "sys": sys, "fields": record.fields}


def _shown_upload(upload_id: str) -> dict[str, Any]:
    sys = {"type": "Upload", "id": upload_id, "space": link("Space", "space")}
    return {"sys": sys}
