"""Contentful's delivery, management and upload APIs on one port, told apart by token and path.

Sources: https://www.contentful.com/developers/docs/references/. Management tokens begin with
``CFPAT-``, as Contentful's do; any other token reads what is published. Spaces and environments
are accepted whatever their names, and share one content.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.contentful_delivery import Delivery
from benchmarks.upstreams.contentful_jobs import Jobs
from benchmarks.upstreams.contentful_management import Management
from benchmarks.upstreams.contentful_store import ContentfulError, Store
from perfgate.testing.upstream import (
    Application,
    Decision,
    RateLimit,
    Request,
    Response,
    UpstreamClock,
    json_response,
)

__all__ = ["ContentfulModel", "create"]

DELIVERY, MANAGEMENT, UPLOAD = "delivery", "management", "upload"
_ROOT = re.compile(r"^/spaces/[^/]+(/environments/[^/]+)?")


class ContentfulModel(Application):
    """One environment.

    Args:
        clock: The upstream's.
        job_s: How long Contentful works on a file or a bulk job.
        locale: The only one.
        sync_page_size: Objects on one page of a sync.
        delivery_limit: Requests a second; plans differ.
        management_limit: Requests a second: 7 on free plans, 10 on others.
    """

    def __init__(
        self,
        clock: UpstreamClock,
        *,
        job_s: float = 0.05,
        locale: str = "en-US",
        sync_page_size: int = 100,
        delivery_limit: int = 55,
        management_limit: int = 7,
    ) -> None:
        super().__init__(clock)
        self._per_second = {DELIVERY: delivery_limit, MANAGEMENT: management_limit}
        self._store = Store(clock)
        self._jobs = Jobs(self._store, clock, job_s=job_s)
        management = Management(self._store, self._jobs, clock)
        delivery = Delivery(self._store, locale=locale, sync_page_size=sync_page_size)
        self._management = management.routes()
        self._delivery = delivery.routes()
        self._requests = 0

    def limits(self) -> tuple[RateLimit, ...]:
        """A second and an hour for management and upload, a second for what no cache answers."""
        per_second = self._per_second
        return (
            RateLimit(name="second", limit=per_second[DELIVERY], group=DELIVERY),
            *(
                limit
                for group in (MANAGEMENT, UPLOAD)
                for limit in (
                    RateLimit(name="second", limit=per_second[MANAGEMENT], group=group),
                    RateLimit(name="hour", limit=36_000, window_s=3600.0, group=group),
                )
            ),
        )

    def group(self, request: Request) -> str:
        """Tell the API by the token, and uploads by their path."""
        if not _token(request).startswith("CFPAT-"):
            return DELIVERY
        return UPLOAD if request.path.endswith("/uploads") else MANAGEMENT

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """Answer as Contentful does."""
        self._jobs.settle()
        try:
            return self._route(request)
        except ContentfulError as error:
            return self._error(error)
        except msgspec.DecodeError as error:
            return self._error(ContentfulError(400, "BadRequest", str(error)))

    def _route(self, request: Request) -> Response:
        if not _token(request):
            raise ContentfulError(
                401, "AccessTokenInvalid", "The access token you sent could not be found."
            )
        is_delivery = self.group(request) == DELIVERY
        path = _ROOT.sub("", request.path)
        for method, pattern, handler in self._delivery if is_delivery else self._management:
            match = pattern.fullmatch(path)
            if match is not None and method == request.method:
                return handler(request, *match.groups())
        raise ContentfulError(404, "NotFound", "The resource could not be found.")

    def _error(self, error: ContentfulError) -> Response:
        body: dict[str, Any] = {
            "sys": {"type": "Error", "id": error.code},
            "message": str(error),
            "requestId": self._request_id(),
        }
        if error.details is not None:
            body["details"] = error.details
        return json_response(body, error.status)

    def _request_id(self) -> str:
        return f"00000000-0000-4000-8000-{self._requests:012x}"

    # --- limits and failures -------------------------------------------------------------------

    def refuse(self, request: Request, decision: Decision) -> Response:  # noqa: ARG002 - the interface
        """429, with the seconds to wait in the headers that ``stamp`` adds."""
        return self._error(
            ContentfulError(
                429,
                "RateLimitExceeded",
                "You have exceeded the rate limit of the Organization this Space belongs to by "
                "making too many API requests within a short timespan. Please wait a moment "
                "before trying the request again.",
            )
        )

    def fail(self, request: Request, status: int) -> Response:  # noqa: ARG002 - the interface
        """Answer an outage."""
        return self._error(ContentfulError(status, "ServerError", "Internal server error"))

    def stamp(
        self, request: Request, response: Response, decisions: tuple[Decision, ...]
    ) -> Response:
        """Name the request and tell what is left of the limits."""
        self._requests += 1
        headers = {"x-contentful-request-id": self._request_id()}
        is_delivery = self.group(request) == DELIVERY
        refused = [decision for decision in decisions if not decision.is_allowed]
        for decision in decisions:
            name = "Hour" if decision.limit.name == "hour" else "Second"
            prefix = f"x-contentful-ratelimit-{name.lower()}"
            headers[f"{prefix}-limit"] = str(decision.limit.limit)
            if not is_delivery:
                headers[f"{prefix}-remaining"] = str(max(0, decision.remaining))
        if refused:
            headers["x-contentful-ratelimit-reset"] = str(max(1, -int(-refused[0].reset_s // 1)))
        elif not is_delivery:
            headers["x-contentful-ratelimit-reset"] = "0"
        return response.with_headers(headers)

    def inspect(self) -> dict[str, int]:
        """Count what is stored."""
        return {
            "entries": sum(record.type == "Entry" for record in self._store.records.values()),
            "assets": sum(record.type == "Asset" for record in self._store.records.values()),
            "published": len(self._store.published("Entry")) + len(self._store.published("Asset")),
        }


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else request.query.get("access_token", "")


def create(clock: UpstreamClock, options: Mapping[str, Any]) -> ContentfulModel:
    """Build the model; the options are the arguments of ContentfulModel."""
    return ContentfulModel(clock, **options)
