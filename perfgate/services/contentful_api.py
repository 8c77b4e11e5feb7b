"""How Contentful is spoken to: configuration, requests, versions, errors and jobs.

Documented at https://www.contentful.com/developers/docs/references/. The number of delivery
requests that a plan includes is not documented as one number: configure yours.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec

from perfgate.services.clock import Clock
from perfgate.services.contentful_model import BulkAction
from perfgate.services.errors import OperationFailedError, ServiceError, VersionConflictError
from perfgate.services.limiter import ClientLimit
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.service import AsyncService
from perfgate.services.transport import Call, Reply, decode, error_class

__all__ = ["DELIVERY", "MANAGEMENT", "UPLOAD", "ContentfulApi", "ContentfulConfig"]

DELIVERY, MANAGEMENT, UPLOAD = "delivery", "management", "upload"
_T = TypeVar("_T")
_JobT = TypeVar("_JobT", bound=BulkAction)
_RATE_LIMITED = 429
_MANAGEMENT_JSON = "application/vnd.contentful.management.v1+json"
_DELIVERY_SETTINGS = ResilienceSettings(limits=(ClientLimit(name="second", calls=55),))
# 7/s is what every plan has; paid ones have 10/s.
_MANAGEMENT_SETTINGS = ResilienceSettings(limits=(ClientLimit(name="second", calls=7),))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentfulConfig:
    """Which environment of which space, with which tokens, and how to treat it."""

    space: str
    environment: str = "master"
    delivery_token: str = ""
    management_token: str = ""
    delivery_url: str = "https://cdn.contentful.com"
    management_url: str = "https://api.contentful.com"
    upload_url: str = "https://upload.contentful.com"
    locale: str = "en-US"
    """The locale of what is written."""
    timeout_s: float = 30.0
    delivery: ResilienceSettings = _DELIVERY_SETTINGS
    management: ResilienceSettings = _MANAGEMENT_SETTINGS
    upload: ResilienceSettings = _MANAGEMENT_SETTINGS
    poll_s: float = 0.5
    """Between looks at a job that Contentful works on."""
    job_timeout_s: float = 60.0


class _ErrorSys(msgspec.Struct, frozen=True):
    id: str = ""


class _ErrorReply(msgspec.Struct, frozen=True, rename="camel"):
    sys: _ErrorSys = _ErrorSys()
    message: str = ""
    request_id: str = ""


class ContentfulApi(AsyncService):
    """The three APIs of Contentful, without their operations."""

    name = "contentful"
    local: tuple[str, ...] = ("deadline_s",)

    def __init__(
        self,
        config: ContentfulConfig,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        apis = {
            DELIVERY: config.delivery,
            MANAGEMENT: config.management,
            UPLOAD: config.upload,
        }
        super().__init__(apis, timeout_s=config.timeout_s, clock=clock, transport=transport)
        self.config = config
        self._root = f"/spaces/{config.space}/environments/{config.environment}"
        self._urls = {
            DELIVERY: config.delivery_url,
            MANAGEMENT: config.management_url,
            UPLOAD: config.upload_url,
        }
        self._authorization = {
            DELIVERY: {"authorization": f"Bearer {config.delivery_token}"},
            MANAGEMENT: {"authorization": f"Bearer {config.management_token}"},
            UPLOAD: {"authorization": f"Bearer {config.management_token}"},
        }

    async def _fetch(
        self, api: str, path: str, shape: type[_T], query: Mapping[str, str] | None = None
    ) -> _T:
        call = Call(
            method="GET",
            url=self._urls[api] + self._root + path,
            headers=self._authorization[api],
            query=query or {},
        )
        reply = await self._send(api, call, endpoint="")
        return decode(self.title(api), reply, shape)

    async def _write(
        self,
        method: str,
        path: str,
        shape: type[_T],
        *,
        content: object = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = False,
    ) -> _T:
        """Change something through the management API; ``content`` None sends no body."""
        reply = await self._change(
            method, path, content=content, headers=headers, is_repeatable=is_repeatable
        )
        return decode(self.title(MANAGEMENT), reply, shape)

    async def _change(
        self,
        method: str,
        path: str,
        *,
        content: object = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = False,
    ) -> Reply:
        call = Call(
            method=method,
            url=self.config.management_url + self._root + path,
            headers={
                "content-type": _MANAGEMENT_JSON,
                **self._authorization[MANAGEMENT],
                **(headers or {}),
            },
            body=None if content is None else msgspec.json.encode(content),
        )
        return await self._send(MANAGEMENT, call, endpoint="", is_repeatable=is_repeatable)

    async def _upload(self, content: bytes) -> Reply:
        """Upload a file; one that is uploaded twice does no harm."""
        call = Call(
            method="POST",
            url=f"{self.config.upload_url}/spaces/{self.config.space}/uploads",
            headers={
                "content-type": "application/octet-stream",
                **self._authorization[UPLOAD],
            },
            body=content,
        )
        return await self._send(UPLOAD, call, endpoint="")

    async def _await_job(self, job: _JobT, look: Callable[[], Awaitable[_JobT]]) -> _JobT:
        deadline_s = self.deadline_s()
        while not job.is_done:
            if job.has_failed:
                raise OperationFailedError(
                    self.title(MANAGEMENT), f"job {job.sys.id} failed: {job.error}"
                )
            await self._wait_or_give_up(f"job {job.sys.id} is still {job.status}", deadline_s)
            job = await look()
        return job

    def deadline_s(self) -> float:
        """Return when, on the monotonic clock, a job that begins now has taken too long."""
        return self.clock.monotonic_s() + self.config.job_timeout_s

    async def _wait_or_give_up(self, problem: str, deadline_s: float) -> None:
        if self.clock.monotonic_s() + self.config.poll_s > deadline_s:
            raise OperationFailedError(self.title(MANAGEMENT), problem)
        await self.clock.sleep_async(self.config.poll_s)

    def classify(self, api: str, reply: Reply) -> ServiceError:
        """Return the error that an answer stands for."""
        try:
            error = msgspec.json.decode(reply.body, type=_ErrorReply)
        except msgspec.MsgspecError:
            error = _ErrorReply()
        request_id = error.request_id or reply.headers.get("x-contentful-request-id", "")
        if reply.status == _RATE_LIMITED:
            return self.rate_limited(api, reply, limit="", request_id=request_id, code=error.sys.id)
        kind = error_class(reply.status)
        if error.sys.id == "VersionMismatch":
            kind = VersionConflictError
        return kind(
            self.title(api),
            error.message or "the request failed",
            status=reply.status,
            request_id=request_id,
            retry_after_s=self.wait_s(reply),
            code=error.sys.id,
        )
