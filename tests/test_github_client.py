"""The client: where the token goes, what is tried again, how long it waits, what it refuses."""

import datetime as dt
import email.utils
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import trustme

from perfgate.errors import GitHubError, MissingPermissionError, ReadOnlyError, UsageError
from perfgate.github.client import Client
from perfgate.github.connection import Connection, SystemClock, connection_from, origin_of
from perfgate.github.repository import GitHubRepository
from perfgate.github.waits import rate_limit_wait_s
from tests.fake_github.scenes import TOKEN, FakeClock

API = "https://api.github.com"
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait."}
OK = httpx.Response(200, json={"answer": 42})


def client(clock: FakeClock | None = None, **settings: Any) -> Client:
    connection = Connection(api_url=API, server_url="https://github.com", token=TOKEN)
    return Client(connection, clock or FakeClock(), **settings)


def answer(one: Client) -> int:
    return one.get("/thing", dict[str, int], permission="contents: read")["answer"]


def limited(after: str | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    extra = {} if after is None else {"retry-after": after}
    return httpx.Response(403, json=SECONDARY, headers={**extra, **named})


# --- what is tried again -----------------------------------------------------------------------


@respx.mock
def test_the_token_and_the_version_go_with_every_request() -> None:
    route = respx.get(f"{API}/thing").mock(return_value=OK)
    assert answer(client()) == 42
    headers = route.calls.last.request.headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-github-api-version"] == "2022-11-28"


@respx.mock
@pytest.mark.parametrize(
    ("failures", "slept_s"),
    [
        pytest.param([httpx.Response(502)], [1.0], id="bad-gateway"),
        pytest.param([httpx.Response(500), httpx.Response(503)], [1.0, 2.0], id="twice"),
        pytest.param([httpx.ConnectError("refused")], [1.0], id="no-connection"),
        pytest.param([httpx.ReadTimeout("slow")] * 3, [1.0, 2.0, 4.0], id="timeouts"),
        pytest.param([limited("7")], [7.0], id="retry-after"),
        pytest.param([limited()], [60.0], id="secondary-limit"),
        pytest.param([httpx.Response(429)], [60.0], id="too-many"),
    ],
)
def test_a_failure_that_passes_is_waited_for(failures: list[Any], slept_s: list[float]) -> None:
    clock = FakeClock()
    respx.get(f"{API}/thing").mock(side_effect=[*failures, OK])
    assert answer(client(clock)) == 42
    assert clock.slept_s == slept_s


@respx.mock
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(httpx.Response(502, json={"message": "Bad Gateway"}), "502 Bad", id="server"),
        pytest.param(httpx.ConnectError("refused"), "no answer: refused", id="connection"),
        pytest.param(limited("1"), "rate limited 4 times in a row", id="rate-limit"),
    ],
)
def test_after_four_attempts_it_is_an_error(failure: Any, said: str) -> None:
    route = respx.get(f"{API}/thing").mock(side_effect=[failure] * 9)
    with pytest.raises(GitHubError, match=said):
        answer(client())
    assert route.call_count == 4


@respx.mock
@pytest.mark.parametrize("failure", [httpx.Response(502), httpx.ReadTimeout("slow")])
def test_what_creates_something_is_never_sent_twice(failure: Any) -> None:
    route = respx.post(f"{API}/thing").mock(side_effect=[failure, OK])
    with pytest.raises(GitHubError):
        client().send("POST", "/thing", {"body": "x"}, permission="pull-requests: write")
    assert route.call_count == 1


@respx.mock
def test_what_a_rate_limit_refused_was_not_done_and_is_sent_again() -> None:
    route = respx.post(f"{API}/thing").mock(side_effect=[limited("3"), OK])
    client().send("POST", "/thing", {"body": "x"}, permission="pull-requests: write")
    assert route.call_count == 2


@respx.mock
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_what_may_be_done_twice_is_sent_again(method: str) -> None:
    route = respx.route(method=method, url=f"{API}/thing").mock(
        side_effect=[httpx.Response(502), httpx.Response(204)]
    )
    client().send(method, "/thing", None, permission="pull-requests: write")
    assert route.call_count == 2


@respx.mock
def test_a_missing_permission_is_final_and_named_by_github() -> None:
    headers = {"x-accepted-github-permissions": "issues=write; pull_requests=write,contents=read"}
    message = {"message": "Resource not accessible by integration"}
    refused = httpx.Response(403, json=message, headers=headers)
    route = respx.get(f"{API}/thing").mock(return_value=refused)
    with pytest.raises(MissingPermissionError) as caught:
        answer(client())
    assert str(caught.value) == (
        "GitHub: GET /thing: 403 Resource not accessible by integration (needs the permission "
        "issues: write or pull-requests: write and contents: read)"
    )
    assert route.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    "said",
    [
        "Unable to create comment because issue is locked.",
        "Repository was archived so is read-only.",
    ],
)
def test_where_nobody_may_write_no_permission_is_named(said: str) -> None:
    headers = {"x-accepted-github-permissions": "issues=write"}
    respx.get(f"{API}/thing").mock(
        return_value=httpx.Response(403, json={"message": said}, headers=headers)
    )
    with pytest.raises(ReadOnlyError) as caught:
        answer(client())
    assert str(caught.value) == f"GitHub: GET /thing: 403 {said}"


@respx.mock
@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "404 Not Found"), (401, "the token is wrong"), (301, "301"), (409, "409"), (422, "422")],
)
def test_any_other_refusal_is_final(status: int, said: str) -> None:
    refused = httpx.Response(
        status, json={"message": "Not Found"}, headers={"location": f"{API}/other"}
    )
    route = respx.get(f"{API}/thing").mock(return_value=refused)
    with pytest.raises(GitHubError, match=said):
        answer(client())
    assert route.call_count == 1


@respx.mock
def test_what_is_not_there_is_none_only_when_asked_for_that_way() -> None:
    respx.get(f"{API}/thing").mock(return_value=httpx.Response(404))
    assert client().find("/thing", dict[str, int], permission="contents: read") is None


# --- how long it waits -------------------------------------------------------------------------


@respx.mock
def test_a_wait_beyond_the_budget_is_an_error_at_once() -> None:
    clock = FakeClock()
    respx.get(f"{API}/thing").mock(return_value=limited("3348"))
    with pytest.raises(GitHubError, match="asks to wait 3348 s, 300 s are left"):
        answer(client(clock))
    assert clock.slept_s == []


@respx.mock
def test_the_budget_is_that_of_all_requests_together() -> None:
    clock = FakeClock()
    one = client(clock, budget_s=100)
    respx.get(f"{API}/thing").mock(side_effect=[limited("60"), OK, limited("60"), OK])
    assert answer(one) == 42
    with pytest.raises(GitHubError, match="40 s are left"):
        answer(one)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        pytest.param({"retry-after": "5", "x-ratelimit-remaining": "0"}, 5.0, id="retry-after"),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 30)},
            31.0,
            id="own-clock",
        ),
        pytest.param(
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(int(NOW.timestamp()) + 30),
                "date": email.utils.format_datetime(NOW + dt.timedelta(seconds=20), usegmt=True),
            },
            11.0,
            id="clock-of-github",
        ),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", "date": "whenever"},
            1.0,
            id="long-over",
        ),
        pytest.param({"x-ratelimit-remaining": "0"}, None, id="no-reset"),
        pytest.param({}, None, id="no-limit"),
    ],
)
def test_the_pause_is_what_the_headers_say(headers: dict[str, str], wait_s: float | None) -> None:
    assert rate_limit_wait_s(403, headers, "", attempt=1, now=NOW) == wait_s


def test_a_secondary_limit_waits_longer_each_time() -> None:
    said = str(SECONDARY["message"])
    waits = [rate_limit_wait_s(403, {}, said, attempt=n, now=NOW) for n in (1, 2, 3)]
    assert waits == [60.0, 120.0, 180.0]


@respx.mock
def test_a_second_lies_between_one_change_and_the_next() -> None:
    clock = FakeClock()
    one = client(clock)
    respx.patch(f"{API}/thing").mock(return_value=OK)
    for _ in range(3):
        one.send("PATCH", "/thing", {"body": "x"}, permission="pull-requests: write")
    assert clock.slept_s == [1.0, 1.0]


def test_the_real_clock_passes() -> None:
    clock = SystemClock()
    before = clock.monotonic_s()
    clock.sleep(0)
    assert clock.monotonic_s() >= before
    assert clock.now().tzinfo is dt.UTC


# --- pages -------------------------------------------------------------------------------------


def page(*items: int, link: str = "") -> httpx.Response:
    headers = {"link": f'<{link}>; rel="next"'} if link else {}
    return httpx.Response(200, json=list(items), headers=headers)


def every(one: Client) -> list[int]:
    pages = one.pages("/list", list[int], permission="contents: read", query={"state": "open"})
    return [item for items in pages for item in items]


@respx.mock
def test_pages_are_followed_wherever_they_lie_on_the_same_host() -> None:
    first = respx.get(f"{API}/list").mock(
        return_value=page(1, 2, link=f"{API}/repositories/1000/list?page=2")
    )
    respx.get(f"{API}/repositories/1000/list").mock(return_value=page(3))
    assert every(client()) == [1, 2, 3]
    assert dict(first.calls.last.request.url.params) == {"per_page": "100", "state": "open"}


@respx.mock
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/list?page=2",
        "http://api.github.com/list?page=2",
        "https://api.github.com:8443/list?page=2",
        "https://api.github.com.evil.example/list",
        "https://api.github.com@evil.example/list",
        "ftp://api.github.com/list",
    ],
)
def test_a_page_anywhere_else_is_refused_and_not_asked(link: str) -> None:
    respx.get(f"{API}/list").mock(return_value=page(1, link=link))
    with pytest.raises(GitHubError, match="another host"):
        every(client())
    assert respx.calls.call_count == 1


@respx.mock
def test_pages_that_go_in_a_circle_come_to_an_end() -> None:
    respx.get(f"{API}/list").mock(return_value=page(1, link=f"{API}/list?page=2"))
    with pytest.raises(GitHubError, match="do not end"):
        every(client())


# --- downloads ---------------------------------------------------------------------------------


def download(location: str) -> bytes:
    headers = {"location": location} if location else {}
    respx.get(f"{API}/zip").mock(return_value=httpx.Response(302, headers=headers))
    return client().download("/zip", 1000, permission="actions: read")


@respx.mock
def test_a_download_is_fetched_without_the_token() -> None:
    route = respx.get("https://blob.example/x").mock(return_value=httpx.Response(200, content=b"z"))
    assert download("https://blob.example/x?sig=1") == b"z"
    assert "authorization" not in route.calls.last.request.headers


@respx.mock
@pytest.mark.parametrize("location", ["", "http://blob.example/x", "file:///etc/passwd", "/zip"])
def test_a_download_from_nowhere_trustworthy_is_refused(location: str) -> None:
    with pytest.raises(GitHubError, match="no address with https"):
        download(location)


@respx.mock
def test_a_download_that_leads_on_is_not_followed() -> None:
    moved = httpx.Response(302, headers={"location": "https://blob.example/y"})
    respx.get("https://blob.example/x").mock(return_value=moved)
    with pytest.raises(GitHubError, match="the download answers 302"):
        download("https://blob.example/x")


@respx.mock
def test_a_download_is_cut_off_at_its_limit() -> None:
    large = httpx.Response(200, content=bytes(1001))
    respx.get("https://blob.example/x").mock(return_value=large)
    with pytest.raises(GitHubError, match="larger than 1,000 bytes"):
        download("https://blob.example/x")


# --- what cannot be understood -----------------------------------------------------------------


@respx.mock
@pytest.mark.parametrize("content", [b"", b"<html>", b'{"answer": "x"}', b"\xff", b"[" * 5000])
def test_an_answer_that_makes_no_sense_is_an_error(content: bytes) -> None:
    respx.get(f"{API}/thing").mock(return_value=httpx.Response(200, content=content))
    with pytest.raises(GitHubError, match="makes no sense"):
        answer(client())


@respx.mock
@pytest.mark.parametrize("content", [b"<html>", b'{"message": 1}', b"\xff", b"[" * 5000])
def test_a_refusal_that_makes_no_sense_is_told_by_its_status(content: bytes) -> None:
    respx.get(f"{API}/thing").mock(return_value=httpx.Response(404, content=content))
    with pytest.raises(GitHubError, match=r"404$"):
        answer(client())


def repository() -> GitHubRepository:
    return GitHubRepository(client(), "octo/shop")


@respx.mock
def test_a_branch_is_answered_by_that_branch_or_not_at_all() -> None:
    similar = {"ref": "refs/heads/main-2", "object": {"sha": "1"}}
    respx.get(f"{API}/repos/octo/shop/git/ref/heads/main").mock(
        return_value=httpx.Response(200, json=similar)
    )
    with pytest.raises(GitHubError, match=r"answers with refs/heads/main-2"):
        repository().branch_commit("main")


@respx.mock
@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"type": "symlink", "target": "x"}, id="link"),
        pytest.param({"type": "submodule", "sha": "1"}, id="submodule"),
        pytest.param({"type": "file", "encoding": "base64", "content": "a"}, id="not-base64"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(content: dict[str, str]) -> None:
    respx.get(f"{API}/repos/octo/shop/contents/x").mock(
        return_value=httpx.Response(200, json=content)
    )
    with pytest.raises(GitHubError):
        repository().file("x", "main")


@respx.mock
def test_names_from_outside_stay_inside_their_place_in_the_path() -> None:
    route = respx.get(url__regex=".*").mock(
        return_value=httpx.Response(200, json={"permission": "none"})
    )
    repository().permission_of("../../x?y#z")
    assert route.calls.last.request.url.raw_path == (
        b"/repos/octo/shop/collaborators/..%2F..%2Fx%3Fy%23z/permission"
    )


@pytest.mark.parametrize("name", ["", "octo", "octo/", "/shop", "a/b/c", "../x", "x/.."])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY"):
        GitHubRepository(client(), name)


# --- where GitHub is ---------------------------------------------------------------------------


def test_a_connection_is_to_github_unless_something_else_is_said() -> None:
    found = connection_from({"GITHUB_TOKEN": TOKEN})
    assert (found.api_url, found.server_url) == (API, "https://github.com")
    assert TOKEN not in repr(found)


@respx.mock
def test_an_enterprise_server_is_asked_below_its_own_path() -> None:
    environ = {"GH_TOKEN": TOKEN, "GITHUB_API_URL": "https://git.corp.example/api/v3/"}
    route = respx.get("https://git.corp.example/api/v3/thing").mock(return_value=OK)
    assert answer(Client(connection_from(environ), FakeClock())) == 42
    assert route.called


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({}, "GITHUB_TOKEN is not set", id="no-token"),
        pytest.param({"GITHUB_TOKEN": "a\nb"}, "characters", id="line-break"),
        pytest.param({"GITHUB_TOKEN": "ü"}, "characters", id="not-ascii"),
        pytest.param({"GITHUB_API_URL": "http://api.github.com"}, "GITHUB_API_URL", id="plain"),
        pytest.param({"GITHUB_API_URL": "https://"}, "GITHUB_API_URL", id="no-host"),
        pytest.param({"GITHUB_API_URL": "https://a:b@c"}, "GITHUB_API_URL", id="password"),
        pytest.param({"GITHUB_API_URL": "https://[x"}, "GITHUB_API_URL", id="broken"),
        pytest.param({"GITHUB_API_URL": "https://c/?x=1"}, "GITHUB_API_URL", id="query"),
        pytest.param({"GITHUB_SERVER_URL": "ftp://c"}, "GITHUB_SERVER_URL", id="server"),
    ],
)
def test_an_address_or_token_that_cannot_be_right_is_refused(
    environ: dict[str, str], said: str
) -> None:
    token = {} if said == "GITHUB_TOKEN is not set" else {"GITHUB_TOKEN": TOKEN}
    with pytest.raises(UsageError, match=said):
        connection_from({**token, **environ})


def test_only_this_machine_may_be_asked_without_encryption() -> None:
    assert origin_of("http://127.0.0.1:80/x") == ("http", "127.0.0.1", 80)
    assert origin_of("https://GitHub.com/x") == ("https", "github.com", 443)
    assert origin_of("http://127.0.0.1.evil.example/") is None


def test_certificates_that_cannot_be_read_are_named() -> None:
    connection = connection_from({"GITHUB_TOKEN": TOKEN, "SSL_CERT_FILE": "/nowhere/ca.pem"})
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE: /nowhere/ca.pem cannot be read"):
        Client(connection, FakeClock())


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"answer": 42}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def encrypted(authority: trustme.CA) -> Iterator[str]:
    """Serve on this machine with a certificate that only this authority vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_private_authority_is_trusted_when_it_is_named_and_only_then(tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    with encrypted(authority) as url:
        environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": url}
        named = connection_from({**environ, "SSL_CERT_FILE": str(file)})
        assert answer(Client(named, FakeClock())) == 42
        with pytest.raises(GitHubError, match="CERTIFICATE_VERIFY_FAILED"):
            answer(Client(connection_from(environ), FakeClock()))
