"""Cloudinary's upload and admin APIs: signatures, eager transformations, cursors, hourly quota.

Sources: https://cloudinary.com/documentation, and the official clients for signatures. The quota
is of the admin API and of each hour of the wall clock; the upload API has none.
"""

import base64
import binascii
import datetime as dt
import email.utils
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.storage import BoundedStore
from perfgate.testing.upstream import (
    Application,
    Decision,
    LimitKind,
    RateLimit,
    Request,
    Response,
    UpstreamClock,
    json_response,
)

__all__ = ["CloudinaryModel", "create"]

ADMIN, UPLOAD = "admin", "upload"
STORED_RESOURCES = 50_000
MAX_AGE_S = 3600.0
MAX_RESULTS = 500
MAX_DELETE = 100
_UNSIGNED = frozenset({"api_key", "cloud_name", "file", "resource_type", "signature"})
_Fields = Mapping[str, str]


class CloudinaryError(Exception):
    """A request that Cloudinary would refuse."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class CloudinaryModel(Application):
    """One cloud.

    Args:
        clock: The upstream's.
        api_key: Of the only key.
        api_secret: Of the only key.
        algorithm: ``sha1`` or ``sha256``, for all signatures.
        hourly_quota: Calls of the admin API: 500 on free plans, 2000 on paid ones.
    """

    def __init__(
        self,
        clock: UpstreamClock,
        *,
        api_key: str = "1234",
        api_secret: str = "topsecret",  # noqa: S107 - a model's, on 127.0.0.1
        algorithm: str = "sha1",
        hourly_quota: int = 500,
    ) -> None:
        super().__init__(clock)
        self._api_key = api_key
        self._secret = api_secret
        self._algorithm = algorithm
        self._quota = hourly_quota
        self._resources: BoundedStore[dict[str, Any]] = BoundedStore(STORED_RESOURCES)
        self._count = 0

    def limits(self) -> tuple[RateLimit, ...]:
        """So many calls of the admin API in each hour of the wall clock."""
        return (
            RateLimit(
                name=ADMIN,
                limit=self._quota,
                window_s=3600.0,
                kind=LimitKind.FIXED,
                group=ADMIN,
            ),
        )

    def group(self, request: Request) -> str:
        """Tell the admin API by its paths."""
        parts = request.segments
        return ADMIN if len(parts) > 2 and parts[2] in ("resources", "usage", "ping") else UPLOAD

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """Answer as Cloudinary does: /v1_1/{cloud}/..."""
        try:
            if self.group(request) == ADMIN:
                return self._answer_admin(request)
            return self._answer_upload(request)
        except CloudinaryError as error:
            return _refusal(error.status, str(error))

    def _answer_upload(self, request: Request) -> Response:
        _, _, *rest = (*request.segments, "", "")
        fields, content = _form(request)
        action = rest[1]
        if request.method != "POST" or action not in ("upload", "explicit", "destroy"):
            raise CloudinaryError(404, "Not found")
        self._authenticate(fields, request)
        if action == "destroy":
            found = self._resources.pop(fields.get("public_id", ""), None)
            return json_response({"result": "not found" if found is None else "ok"})
        if action == "explicit":
            return json_response(self._explicit(fields))
        if content is None:
            raise CloudinaryError(400, "Missing required parameter - file")
        return json_response(self._upload(rest[0], fields, content, _host(request)))

    def _authenticate(self, fields: _Fields, request: Request) -> None:
        if "authorization" in request.headers:
            self._check_basic(request)
            return
        if fields.get("api_key") != self._api_key:
            raise CloudinaryError(401, f"Unknown API key {fields.get('api_key', '')}")
        expected, text = self._sign(fields)
        if not hmac.compare_digest(fields.get("signature", ""), expected):
            raise CloudinaryError(
                401, f"Invalid Signature {fields.get('signature', '')}. String to sign - '{text}'."
            )
        timestamp = fields.get("timestamp", "")
        if not timestamp.isdigit() or int(timestamp) < self.clock.wall_s() - MAX_AGE_S:
            reported = _utc(float(timestamp) if timestamp.isdigit() else 0.0)
            raise CloudinaryError(
                400, f"Stale request - reported time is {reported} which is more than 1 hour ago"
            )

    def _sign(self, fields: _Fields) -> tuple[str, str]:
        """Return the signature and the text that was signed."""
        pairs = sorted(
            f"{name}={value}".replace("&", "%26")
            for name, value in fields.items()
            if value and name not in _UNSIGNED
        )
        text = "&".join(pairs)
        return self._digest(text), text

    def _digest(self, text: str) -> str:
        return hashlib.new(self._algorithm, (text + self._secret).encode()).hexdigest()

    def _upload(self, kind: str, fields: _Fields, content: bytes, host: str) -> dict[str, Any]:
        self._count += 1
        public_id = fields.get("public_id") or f"generated{self._count:012x}"
        version = int(self.clock.wall_s())
        resource_type = "image" if kind == "auto" else kind
        base = f"http://{host}/{resource_type}/upload"
        extension = "jpg" if resource_type == "image" else "bin"
        resource: dict[str, Any] = {
            "asset_id": hashlib.sha256(public_id.encode()).hexdigest()[:32],
            "public_id": public_id,
            "version": version,
            "signature": self._digest(f"public_id={public_id}&version={version}"),
            "resource_type": resource_type,
            "type": "upload",
            "format": extension,
            "bytes": len(content),
            "etag": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "created_at": self.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tags": _names(fields, "tags"),
            "url": f"{base}/v{version}/{public_id}.{extension}",
            "secure_url": f"{base}/v{version}/{public_id}.{extension}",
        }
        self._resources[public_id] = resource
        return resource | _eager(resource, fields, base)

    def _explicit(self, fields: _Fields) -> dict[str, Any]:
        public_id = fields.get("public_id", "")
        resource = self._resources.get(public_id)
        if resource is None:
            raise CloudinaryError(404, f"Resource not found - {public_id}")
        base = resource["secure_url"].partition(f"/v{resource['version']}/")[0]
        return resource | _eager(resource, fields, base)

    # --- admin ---------------------------------------------------------------------------------

    def _answer_admin(self, request: Request) -> Response:
        self._check_basic(request)
        _, _, name, *rest = request.segments
        if name == "ping":
            return json_response({"status": "ok"})
        if name != "resources" or not rest:
            raise CloudinaryError(404, "Not found")
        if request.method == "GET":
            return json_response(self._list(rest[0], request.query))
        if request.method == "DELETE":
            return json_response(self._delete(request))
        raise CloudinaryError(404, "Not found")

    def _check_basic(self, request: Request) -> None:
        try:
            text = request.headers.get("authorization", "").removeprefix("Basic ")
            pair = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        if not hmac.compare_digest(pair.encode(), f"{self._api_key}:{self._secret}".encode()):
            raise CloudinaryError(401, "Invalid credentials")

    def _list(self, resource_type: str, query: _Fields) -> dict[str, Any]:
        text = query.get("max_results", "10")
        if not text.isdigit() or not 0 < int(text) <= MAX_RESULTS:
            raise CloudinaryError(400, f"Invalid value {text} for parameter max_results")
        names = [
            public_id
            for public_id, resource in self._resources.items()
            if resource["resource_type"] == resource_type
            and public_id.startswith(query.get("prefix", ""))
        ]
        cursor = query.get("next_cursor", "")
        start = names.index(cursor) + 1 if cursor in names else 0
        if cursor and cursor not in names:
            raise CloudinaryError(400, f"Invalid value for parameter next_cursor: {cursor}")
        page = names[start : start + int(text)]
        body: dict[str, Any] = {"resources": [self._resources[name] for name in page]}
        if start + len(page) < len(names):
            body["next_cursor"] = page[-1]
        return body

    def _delete(self, request: Request) -> dict[str, Any]:
        wanted = _wanted(request)
        if not 0 < len(wanted) <= MAX_DELETE:
            raise CloudinaryError(400, f"Too many public IDs: at most {MAX_DELETE} are deleted")
        outcome = {
            name: "not_found" if self._resources.pop(name, None) is None else "deleted"
            for name in wanted
        }
        return {"deleted": outcome, "partial": False}

    # --- limits and failures -------------------------------------------------------------------

    def refuse(self, request: Request, decision: Decision) -> Response:  # noqa: ARG002 - the interface
        """420, which is no status of the RFCs, with the hour at which to come back."""
        again = _utc(self.clock.wall_s() + decision.reset_s)
        return _refusal(
            420,
            f"Rate Limit Exceeded. Limit of {decision.limit.limit} api operations reached. "
            f"Try again on {again}",
        )

    def fail(self, request: Request, status: int) -> Response:  # noqa: ARG002 - the interface
        """Answer an outage."""
        return _refusal(status, "General Error")

    def stamp(
        self, request: Request, response: Response, decisions: tuple[Decision, ...]
    ) -> Response:
        """Tell what is left of the hour, with every answer of the admin API."""
        if not decisions or self.group(request) != ADMIN:
            return response
        decision = decisions[-1]
        reset = dt.datetime.fromtimestamp(round(self.clock.wall_s() + decision.reset_s), dt.UTC)
        return response.with_headers(
            {
                "x-featureratelimit-limit": str(decision.limit.limit),
                "x-featureratelimit-remaining": str(max(0, decision.remaining)),
                "x-featureratelimit-reset": email.utils.format_datetime(reset, usegmt=True),
            }
        )

    def inspect(self) -> dict[str, int]:
        """Count what is stored."""
        return {"resources": len(self._resources)}


def _refusal(status: int, message: str) -> Response:
    return json_response({"error": {"message": message}}, status, {"x-cld-error": message})


def _form(request: Request) -> tuple[dict[str, str], bytes | None]:
    """Return the fields and the file, from either kind of form; lists are joined by commas."""
    pairs = [(part.name, part.content) for part in request.parts()]
    if not pairs:
        pairs = [(name, value.encode()) for name, value in request.form()]
    content = next((value for name, value in pairs if name == "file"), None)
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name != "file":
            key, text = name.removesuffix("[]"), value.decode("utf-8", "replace")
            fields[key] = f"{fields[key]},{text}" if key in fields else text
    return fields, content


def _wanted(request: Request) -> list[str]:
    """Return the ids to delete, from a JSON body, a form or the query."""
    if request.headers.get("content-type", "").startswith("application/json"):
        ids = msgspec.json.decode(request.body, type=dict[str, Any]).get("public_ids", [])
        return list(ids)
    query = [pair for pair in request.form() if pair[0].startswith("public_ids")]
    return [value for _, value in query]


def _names(fields: _Fields, name: str) -> list[str]:
    return [text for text in fields.get(name, "").split(",") if text]


def _eager(resource: Mapping[str, Any], fields: _Fields, base: str) -> dict[str, Any]:
    steps = [step for step in fields.get("eager", "").split("|") if step]
    if not steps:
        return {}
    source = f"v{resource['version']}/{resource['public_id']}.{resource['format']}"
    return {
        "eager": [
            {"transformation": step, "secure_url": f"{base}/{step}/{source}"} for step in steps
        ]
    }


def _host(request: Request) -> str:
    return request.headers.get("host", "res.cloudinary.com")


def _utc(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def create(clock: UpstreamClock, options: Mapping[str, Any]) -> CloudinaryModel:
    """Build the model; the options are the arguments of CloudinaryModel."""
    return CloudinaryModel(clock, **options)
