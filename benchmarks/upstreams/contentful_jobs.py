"""What Contentful works on after it has answered: bulk actions, bulk operations, asset files.

A job takes its time on the upstream's clock and takes effect when that is over.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.contentful_store import ContentfulError, Record, Store
from benchmarks.upstreams.storage import BoundedStore
from perfgate.testing.upstream import UpstreamClock

__all__ = ["Jobs"]

MAX_ACTIVE_ACTIONS = 5
MAX_ACTION_ITEMS = 200
MAX_OPERATION_ITEMS = 10_000
STORED_JOBS = 10_000


class _Job(msgspec.Struct, kw_only=True):
    id: str
    type: str
    created_at: str
    ready_at_s: float
    work: Callable[["_Job"], None]
    status: str
    error: dict[str, Any] | None = None
    items: list[dict[str, Any]] | None = None
    payload: Any = None
    is_over: bool = False


class Jobs:
    """The jobs of one environment."""

    def __init__(self, store: Store, clock: UpstreamClock, *, job_s: float) -> None:
        self._store = store
        self._clock = clock
        self._job_s = job_s
        self._jobs: BoundedStore[_Job] = BoundedStore(STORED_JOBS)
        self._active: list[_Job] = []

    def settle(self) -> None:
        """Let the jobs take effect whose time is over."""
        now_s = self._clock.now_s()
        while self._active and self._active[0].ready_at_s <= now_s:
            job = self._active.pop(0)
            job.work(job)
            job.is_over = True

    def _start(self, kind: str, status: str, work: Callable[[_Job], None], payload: Any) -> _Job:
        job = _Job(
            id=self._store.new_id(),
            type=kind,
            created_at=self._store.now(),
            ready_at_s=self._clock.now_s() + self._job_s,
            work=work,
            status=status,
            payload=payload,
        )
        self._jobs[job.id] = job
        self._active.append(job)
        return job

    def show(self, kind: str, job_id: str) -> dict[str, Any]:
        """Describe a job as Contentful does."""
        job = self._jobs.get(job_id)
        if job is None or job.type != kind:
            raise ContentfulError(404, "NotFound", "The resource could not be found.")
        shown: dict[str, Any] = {
            "sys": {
                "type": job.type,
                "id": job.id,
                "status": job.status,
                "createdAt": job.created_at,
            }
        }
        if job.error is not None:
            shown["error"] = job.error
        if job.items is not None:
            shown["result"] = {"items": job.items}
        if job.payload is not None:
            shown["payload"] = job.payload
        return shown

    # --- bulk actions --------------------------------------------------------------------------

    def publish(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Start to publish entries and assets: all of them, or none if one has changed."""
        items = [item["sys"] for item in payload["entities"]["items"]]
        if not 0 < len(items) <= MAX_ACTION_ITEMS:
            raise ContentfulError(
                422, "ValidationFailed", f"A bulk action takes 1 to {MAX_ACTION_ITEMS} items"
            )
        if sum(job.type == "BulkAction" for job in self._active) >= MAX_ACTIVE_ACTIONS:
            # That there are 5 at most is documented; with which status more are refused is not.
            raise ContentfulError(
                429, "TooManyRequests", f"{MAX_ACTIVE_ACTIONS} bulk actions are active"
            )

        def work(job: _Job) -> None:
            try:
                records = [self._at_version(item["linkType"], item) for item in items]
            except ContentfulError as error:
                job.status = "failed"
                job.error = {"sys": {"type": "Error", "id": error.code}, "message": str(error)}
                return
            for record in records:
                self._store.publish(record)
            job.status = "succeeded"

        return self.show("BulkAction", self._start("BulkAction", "created", work, payload).id)

    def _at_version(self, kind: str, sys: Mapping[str, Any]) -> Record:
        record = self._store.find(kind, sys["id"])
        if record.version != sys.get("version"):
            raise ContentfulError(
                409, "VersionMismatch", f"{record.id} has version {record.version} by now"
            )
        return record

    # --- bulk operations -----------------------------------------------------------------------

    def operate(self, operation: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Start to create, update or delete entries, each for itself."""
        step = {"create": self._create, "update": self._update, "delete": self._delete}[operation]
        if any(job.type == "BulkOperation" for job in self._active):
            raise ContentfulError(409, "Conflict", "A bulk operation is in flight in this space")
        if not 0 < len(entries) <= MAX_OPERATION_ITEMS:
            raise ContentfulError(
                422, "ValidationFailed", f"A job takes 1 to {MAX_OPERATION_ITEMS} entries"
            )

        def work(job: _Job) -> None:
            job.items = [_outcome(step, entry) for entry in entries]
            job.status = "completed"

        job = self._start("BulkOperation", "in_progress", work, None)
        return self.show("BulkOperation", job.id)

    def _create(self, entry: Mapping[str, Any]) -> Record:
        sys = entry.get("sys", {})
        object_id = sys.get("id", "")
        if object_id in self._store.records:
            raise ContentfulError(409, "EntryExistsError", f"There is an entry {object_id}")
        content_type = sys.get("contentType", {}).get("sys", {}).get("id", "")
        if not content_type:
            raise ContentfulError(422, "ValidationFailed", "An entry needs a content type")
        return self._store.create(
            "Entry", entry.get("fields", {}), object_id=object_id, content_type=content_type
        )

    def _update(self, entry: Mapping[str, Any]) -> Record:
        record = self._at_version("Entry", entry["sys"])
        self._store.update(record, entry.get("fields", {}))
        return record

    def _delete(self, entry: Mapping[str, Any]) -> Record:
        record = self._store.find("Entry", entry["sys"]["id"])
        self._store.delete(record)
        return record

    # --- assets --------------------------------------------------------------------------------

    def process(self, asset: Record, locale: str, *, url: str, size: int) -> None:
        """Start to process an uploaded file; the asset has a URL when that is done."""

        def work(job: _Job) -> None:
            job.status = "succeeded"
            file = dict(asset.fields["file"][locale])
            file.pop("uploadFrom", None)
            file |= {"url": url, "details": {"size": size}}
            fields = {**asset.fields, "file": {**asset.fields["file"], locale: file}}
            self._store.update(asset, fields)

        self._start("AssetProcessing", "inProgress", work, None)


def _outcome(
    step: Callable[[Mapping[str, Any]], Record], entry: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        record = step(entry)
    except ContentfulError as error:
        body = {"sys": {"type": "Error", "id": error.code}, "message": str(error)}
        return {"status": "failed", "error": body}
    sys = {"id": record.id, "type": "Entry", "version": record.version}
    return {"status": "succeeded", "entity": {"sys": sys}}
