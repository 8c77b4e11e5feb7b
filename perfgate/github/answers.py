"""What GitHub answers: read to its end within a limit, its refusals put into words."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from perfgate.errors import GitHubError, MissingPermissionError, ReadOnlyError

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "decoded", "message_of", "read_answer", "refusal"]

_T = TypeVar("_T")
_MESSAGE_LIMIT: Final = 200
_FORBIDDEN: Final = 403
_UNAUTHORIZED: Final = 401
_CLOSED: Final = re.compile(r"\b(locked|archived)\b", re.IGNORECASE)
"""What GitHub says where no permission would help."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, read to its end; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    next_url: str = ""
    """Of the next page; empty on the last one."""


class _Message(msgspec.Struct, frozen=True):
    message: str = ""
    errors: Any = None


def read_answer(response: "httpx.Response", request: str, limit_bytes: int) -> Answer:
    """Read a response that has only begun, and close it.

    Raises:
        GitHubError: it is larger than the limit.
    """
    try:
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > limit_bytes:
                raise GitHubError(request, f"the answer is larger than {limit_bytes:,} bytes")
            chunks.append(chunk)
    finally:
        response.close()
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=b"".join(chunks),
        next_url=response.links.get("next", {}).get("url", ""),
    )


def decoded(request: str, answer: Answer, kind: type[_T]) -> _T:
    """Decode the JSON of an answer; fields that nobody asked for are passed over.

    Raises:
        GitHubError: it is something else.
    """
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise GitHubError(request, f"the answer makes no sense: {error}") from error


def message_of(answer: Answer) -> str:
    """Return what GitHub says about a refusal, on one line; empty where it says nothing."""
    try:
        said = msgspec.json.decode(answer.body, type=_Message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    details = [one.get("message") for one in said.errors or () if isinstance(one, dict)]
    text = ": ".join([said.message, *(one for one in details if isinstance(one, str))])
    return " ".join(text.split())[:_MESSAGE_LIMIT]


def refusal(request: str, answer: Answer, permission: str) -> GitHubError:
    """Say why there will be no other answer than this one.

    GitHub names in a header what would have been enough; else the permission that was expected.
    """
    said = message_of(answer)
    named = answer.headers.get("x-accepted-github-permissions", "")
    problem = f"{answer.status} {said}".rstrip()
    if answer.status == _FORBIDDEN and _CLOSED.search(said):
        return ReadOnlyError(request, problem, _FORBIDDEN)
    if answer.status == _FORBIDDEN:
        return MissingPermissionError(request, problem, _readable(named) or permission)
    if answer.status == _UNAUTHORIZED:
        problem += ": the token is wrong or has expired"
    return GitHubError(request, problem, answer.status)


def _readable(header: str) -> str:
    """Write ``issues=write; pull_requests=write`` as a workflow does."""
    if not header.isascii() or not header.isprintable():
        return ""
    choices = [one.strip().replace("_", "-").replace("=", ": ") for one in header.split(";")]
    return " or ".join(one.replace(",", " and ") for one in choices if one)
