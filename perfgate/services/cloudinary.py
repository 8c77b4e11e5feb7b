"""Cloudinary: signed uploads, transformations, and the admin API with its hourly quota.

Documented at https://cloudinary.com/documentation. The upload API has no documented limit; the
admin API has 500 calls an hour on free plans, 2000 on paid ones, in windows of the wall clock.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import requests.adapters

from perfgate.services.clock import Clock
from perfgate.services.cloudinary_urls import (
    SignatureAlgorithm,
    Transformation,
    delivery_url,
    sign_parameters,
)
from perfgate.services.errors import ServiceError
from perfgate.services.limiter import ClientLimit, LimitKind
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.service import SyncService
from perfgate.services.transport import Call, Reply, decode, error_class

__all__ = [
    "ADMIN",
    "MAX_DELETE",
    "UPLOAD",
    "AdminQuota",
    "CloudinaryConfig",
    "CloudinaryService",
    "Deletion",
    "Resource",
    "ResourcePage",
    "SignatureAlgorithm",
    "Transformation",
]

ADMIN, UPLOAD = "admin", "upload"
MAX_DELETE = 100
_T = TypeVar("_T")
_RATE_LIMITED = frozenset({420, 429})
_UPLOAD_SETTINGS = ResilienceSettings()
_ADMIN_SETTINGS = ResilienceSettings(
    limits=(ClientLimit(name="hour", calls=500, window_s=3600.0, kind=LimitKind.ALIGNED),)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudinaryConfig:
    """Which cloud, with which key, and how to treat it."""

    cloud: str
    api_key: str
    api_secret: str
    api_url: str = "https://api.cloudinary.com"
    delivery_url: str = "https://res.cloudinary.com"
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA1
    timeout_s: float = 60.0
    upload: ResilienceSettings = _UPLOAD_SETTINGS
    admin: ResilienceSettings = _ADMIN_SETTINGS


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A stored image, video or raw file; ``size_bytes`` of the original."""

    public_id: str
    version: int = 0
    format: str = ""
    resource_type: str = "image"
    size_bytes: int = msgspec.field(name="bytes", default=0)
    secure_url: str = ""
    signature: str = ""
    tags: tuple[str, ...] = ()
    eager: tuple[dict[str, Any], ...] = ()


class ResourcePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; the next one is asked for with ``next_cursor``, None on the last."""

    resources: tuple[Resource, ...]
    next_cursor: str | None = None


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each id: ``deleted`` or ``not_found``."""

    deleted: dict[str, str]
    is_partial: bool = msgspec.field(name="partial", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminQuota:
    """What the admin API told last of its quota."""

    limit: int
    remaining: int


class _Result(msgspec.Struct, frozen=True):
    result: str


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str = ""


class _ErrorReply(msgspec.Struct, frozen=True):
    error: _ErrorBody = _ErrorBody()


class CloudinaryService(SyncService):
    """The client of Cloudinary; blocks, and may be used from several threads."""

    name = "cloudinary"
    local: tuple[str, ...] = ("transformation_url",)

    def __init__(
        self,
        config: CloudinaryConfig,
        *,
        clock: Clock | None = None,
        adapter: requests.adapters.BaseAdapter | None = None,
    ) -> None:
        apis = {UPLOAD: config.upload, ADMIN: config.admin}
        super().__init__(apis, timeout_s=config.timeout_s, clock=clock, adapter=adapter)
        self.config = config
        self._root = f"{config.api_url}/v1_1/{config.cloud}"
        pair = base64.b64encode(f"{config.api_key}:{config.api_secret}".encode()).decode()
        self._basic = {"authorization": f"Basic {pair}"}
        self.admin_quota: AdminQuota | None = None
        """None before the first answer of the admin API."""

    # --- upload --------------------------------------------------------------------------------

    def upload(
        self,
        content: bytes,
        *,
        public_id: str | None = None,
        resource_type: str = "image",
        eager: Sequence[Transformation] = (),
        tags: Sequence[str] = (),
    ) -> Resource:
        """Upload a file, signed.

        Args:
            content: The file.
            public_id: Names it, and makes it safe to repeat; None lets Cloudinary choose.
            resource_type: ``image``, ``video``, ``raw`` or ``auto``.
            eager: Transformations to compute at once.
            tags: Kept with it.
        """
        parameters = {
            "public_id": public_id or "",
            "eager": "|".join(str(item) for item in eager),
            "tags": ",".join(tags),
        }
        return self._signed(
            f"/{resource_type}/upload",
            parameters,
            Resource,
            file=content,
            is_repeatable=public_id is not None,
        )

    def explicit(
        self, public_id: str, *, eager: Sequence[Transformation], type_: str = "upload"
    ) -> Resource:
        """Compute transformations of an image that is stored already."""
        parameters = {
            "public_id": public_id,
            "type": type_,
            "eager": "|".join(str(item) for item in eager),
        }
        return self._signed("/image/explicit", parameters, Resource)

    def destroy(self, public_id: str) -> bool:
        """Delete one image; False if there was none."""
        result = self._signed("/image/destroy", {"public_id": public_id}, _Result)
        return result.result == "ok"

    def transformation_url(
        self,
        public_id: str,
        transformation: Transformation | None = None,
        *,
        extension: str = "",
        version: int | None = None,
        is_signed: bool = False,
    ) -> str:
        """Return the URL that delivers an image transformed; sends nothing."""
        return delivery_url(
            f"{self.config.delivery_url}/{self.config.cloud}",
            public_id,
            transformation=transformation,
            extension=extension,
            version=version,
            secret=self.config.api_secret if is_signed else None,
            algorithm=self.config.algorithm,
        )

    # --- admin ---------------------------------------------------------------------------------

    def list_resources(
        self, *, max_results: int = 10, next_cursor: str | None = None, prefix: str = ""
    ) -> ResourcePage:
        """Fetch one page of the uploaded images; 500 at most.

        Raises:
            RateLimitError: the hour's quota is used up.
        """
        query = {"max_results": str(max_results)}
        if next_cursor is not None:
            query["next_cursor"] = next_cursor
        if prefix:
            query["prefix"] = prefix
        return self._admin("GET", ResourcePage, query=query)

    def iter_resources(self, *, page_size: int = 500) -> Iterator[Resource]:
        """Walk through all uploaded images, page by page."""
        cursor: str | None = None
        while True:
            page = self.list_resources(max_results=page_size, next_cursor=cursor)
            yield from page.resources
            cursor = page.next_cursor
            if cursor is None:
                return

    def delete_resources(self, public_ids: Sequence[str]) -> Deletion:
        """Delete up to 100 images."""
        if not 0 < len(public_ids) <= MAX_DELETE:
            raise ValueError(f"1 to {MAX_DELETE} images are deleted at once")
        body = msgspec.json.encode({"public_ids": list(public_ids)})
        return self._admin("DELETE", Deletion, body=body)

    # --- how -----------------------------------------------------------------------------------

    def _signed(
        self,
        path: str,
        parameters: Mapping[str, str],
        shape: type[_T],
        *,
        file: bytes | None = None,
        is_repeatable: bool = True,
    ) -> _T:
        form = {name: value for name, value in parameters.items() if value}
        form["timestamp"] = str(int(self.clock.wall_s()))
        form["signature"] = sign_parameters(
            form, secret=self.config.api_secret, algorithm=self.config.algorithm
        )
        form["api_key"] = self.config.api_key
        call = Call(method="POST", url=self._root + path, form=form, file=file)
        reply = self._send(UPLOAD, call, endpoint=path, is_repeatable=is_repeatable)
        return decode(self.title(UPLOAD), reply, shape)

    def _admin(
        self,
        method: str,
        shape: type[_T],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> _T:
        call = Call(
            method=method,
            url=f"{self._root}/resources/image/upload",
            headers={**self._basic, "content-type": "application/json"},
            query=query or {},
            body=body,
        )
        reply = self._send(ADMIN, call, endpoint="")
        self._note_quota(reply)
        return decode(self.title(ADMIN), reply, shape)

    def _note_quota(self, reply: Reply) -> None:
        limit = reply.headers.get("x-featureratelimit-limit", "")
        remaining = reply.headers.get("x-featureratelimit-remaining", "")
        if limit.isdigit() and remaining.isdigit():
            self.admin_quota = AdminQuota(limit=int(limit), remaining=int(remaining))

    def classify(self, api: str, reply: Reply) -> ServiceError:
        """Return the error that an answer stands for; 420 is Cloudinary's way to say 429."""
        try:
            message = msgspec.json.decode(reply.body, type=_ErrorReply).error.message
        except msgspec.MsgspecError:
            message = reply.headers.get("x-cld-error", "")
        request_id = reply.headers.get("x-request-id", "")
        if reply.status in _RATE_LIMITED:
            return self.rate_limited(api, reply, limit=message, request_id=request_id)
        return error_class(reply.status)(
            self.title(api),
            message or "the request failed",
            status=reply.status,
            request_id=request_id,
            retry_after_s=self.wait_s(reply),
        )
