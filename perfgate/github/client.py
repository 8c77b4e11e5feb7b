"""One door to GitHub's REST API: the token, paging, rate limits, retries; knows no endpoint.

The token goes to the configured origin and nowhere else: redirects are not followed, pages on
another host are refused, and a download is fetched from where it lies without the token.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from perfgate.errors import GitHubError, UsageError
from perfgate.github.answers import Answer, decoded, message_of, read_answer, refusal
from perfgate.github.connection import Clock, Connection, origin_of
from perfgate.github.waits import backoff_s, rate_limit_wait_s

if TYPE_CHECKING:
    import httpx

__all__ = ["WAIT_BUDGET_S", "Client"]

WAIT_BUDGET_S: Final = 300.0
"""How long one command waits for GitHub, over all of its requests."""
_ATTEMPTS: Final = 4
_CONNECT_TIMEOUT_S: Final = 10.0
_TIMEOUT_S: Final = 30.0
_WRITE_PAUSE_S: Final = 1.0
"""Between requests that create content: more of them at once count as abuse."""
_ANSWER_LIMIT_BYTES: Final = 32 << 20
_MOST_PAGES: Final = 300
_SERVER_FAILED: Final = 500
_GONE: Final = 404
_SAFE: Final = frozenset({"GET", "PATCH", "DELETE"})
"""Twice is as good as once; a POST whose answer was lost may have done its work."""
_VERSION: Final = "2022-11-28"
_JSON: Final = "application/vnd.github+json"

_T = TypeVar("_T")


class Client:
    """Requests to one GitHub, one after another."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        *,
        budget_s: float = WAIT_BUDGET_S,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        """Open nothing yet; ``transport`` replaces the network.

        Raises:
            UsageError: the certificates to trust cannot be read.
        """
        self._connection = connection
        self._clock = clock
        self._left_s = budget_s
        self._transport = transport
        self._context = _certificates(connection.ca_file)
        self._wrote_s: float | None = None
        self._client = self._open(
            {
                "Authorization": f"Bearer {connection.token}",
                "X-GitHub-Api-Version": _VERSION,
            }
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, kind: type[_T], *, permission: str, accept: str = _JSON) -> _T:
        """Return what is at a path below the API's address.

        Raises:
            MissingPermissionError: the token lacks the permission.
            GitHubError: there is nothing, or no answer that makes sense.
        """
        return decoded(f"GET {path}", self._ask("GET", path, permission, accept=accept), kind)

    def find(self, path: str, kind: type[_T], *, permission: str, accept: str = _JSON) -> _T | None:
        """Return what is at a path; None where there is nothing.

        Raises:
            MissingPermissionError: the token lacks the permission.
            GitHubError: there is no answer that makes sense.
        """
        try:
            return self.get(path, kind, permission=permission, accept=accept)
        except GitHubError as error:
            if error.status != _GONE:
                raise
            return None

    def pages(
        self, path: str, kind: type[_T], *, permission: str, query: Mapping[str, str] | None = None
    ) -> Iterator[_T]:
        """Yield every page of a list, each decoded; pages on another host are refused.

        Raises:
            MissingPermissionError: the token lacks the permission.
            GitHubError: as for ``get``, or the pages lead elsewhere.
        """
        request = f"GET {path}"
        answer = self._ask("GET", path, permission, query={"per_page": "100", **(query or {})})
        yield decoded(request, answer, kind)
        seen: set[str] = set()
        while answer.next_url:
            url = answer.next_url
            if origin_of(url) != origin_of(self._connection.api_url):
                raise GitHubError(request, "the next page is said to be on another host: refused")
            if url in seen or len(seen) >= _MOST_PAGES:
                raise GitHubError(request, "the pages do not end")
            seen.add(url)
            answer = self._ask("GET", url, permission)
            yield decoded(request, answer, kind)

    def send(
        self, method: str, path: str, body: Mapping[str, str] | None, *, permission: str
    ) -> Answer:
        """Change something; a pause lies between one change and the next.

        Raises:
            MissingPermissionError: the token lacks the permission.
            GitHubError: it was not done; after a POST without an answer, nobody knows.
        """
        if self._wrote_s is not None:
            passed_s = self._clock.monotonic_s() - self._wrote_s
            self._clock.sleep(max(0.0, _WRITE_PAUSE_S - passed_s))
        try:
            return self._ask(method, path, permission, body=body)
        finally:
            self._wrote_s = self._clock.monotonic_s()

    def download(self, path: str, limit_bytes: int, *, permission: str) -> bytes:
        """Return a file that GitHub keeps elsewhere and redirects to.

        Raises:
            MissingPermissionError: the token lacks the permission.
            GitHubError: it is larger than the limit, or cannot be had.
        """
        request = f"GET {path}"
        answer = self._ask("GET", path, permission, wanted=(302,))
        location = answer.headers.get("location", "")
        if origin_of(location) is None:
            raise GitHubError(request, "the download is said to lie at no address with https://")
        stranger = self._open({"Accept-Encoding": "identity"})
        with stranger:

            def once() -> Answer:
                sent = stranger.build_request("GET", location)
                return read_answer(stranger.send(sent, stream=True), request, limit_bytes)

            found = self._repeated(request, once, is_safe=True)
        if found.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise GitHubError(request, f"the download answers {found.status}", found.status)
        return found.body

    # --- one request ---------------------------------------------------------------------------

    def _open(self, headers: Mapping[str, str]) -> "httpx.Client":
        import httpx

        return httpx.Client(
            base_url=self._connection.api_url,
            headers={"User-Agent": "perfgate", **headers},
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            follow_redirects=False,
            verify=self._context,
            transport=self._transport,
        )

    def _ask(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        permission: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        wanted: tuple[int, ...] = (200, 201, 204),
        accept: str = _JSON,
    ) -> Answer:
        request = f"{method} {path.partition('?')[0]}"
        headers = {"Accept": accept}

        def once() -> Answer:
            sent = self._client.build_request(
                method, path, params=query, json=body, headers=headers
            )
            return read_answer(self._client.send(sent, stream=True), request, _ANSWER_LIMIT_BYTES)

        answer = self._repeated(request, once, is_safe=method in _SAFE)
        if answer.status not in wanted:
            raise refusal(request, answer, permission)
        return answer

    def _repeated(self, request: str, once: Callable[[], Answer], *, is_safe: bool) -> Answer:
        """Return the first answer that is final, waiting as long as the budget allows.

        What a rate limit refused was not done, so it may be sent again whatever it is.
        """
        import httpx

        for attempt in range(1, _ATTEMPTS + 1):
            is_last = attempt == _ATTEMPTS
            try:
                answer = once()
            except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
                if is_last or not is_safe or isinstance(error, httpx.InvalidURL):
                    raise GitHubError(request, _words(error)) from error
                self._wait(request, backoff_s(attempt), "no answer")
                continue
            limited_s = rate_limit_wait_s(
                answer.status,
                answer.headers,
                message_of(answer),
                attempt=attempt,
                now=self._clock.now(),
            )
            if limited_s is not None and not is_last:
                self._wait(request, limited_s, "rate limit")
            elif answer.status >= _SERVER_FAILED and is_safe and not is_last:
                self._wait(request, backoff_s(attempt), f"status {answer.status}")
            elif limited_s is not None:
                raise GitHubError(request, f"rate limited {attempt} times in a row", answer.status)
            else:
                return answer
        raise AssertionError("the last attempt is final")

    def _wait(self, request: str, seconds: float, why: str) -> None:
        if seconds > self._left_s:
            problem = f"{why}: asks to wait {seconds:.0f} s, {self._left_s:.0f} s are left for it"
            raise GitHubError(request, problem)
        self._left_s -= seconds
        self._clock.sleep(seconds)


def _words(error: Exception) -> str:
    """Put a failure of the network on one line."""
    text = " ".join(str(error).split())
    return f"no answer: {text or type(error).__name__}"


def _certificates(ca_file: str) -> ssl.SSLContext:
    """Trust the usual authorities, those of this system, and those of a private file."""
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"SSL_CERT_FILE: {ca_file} cannot be read: {error}") from error
    return context
