import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.testing.upstream.wire import (
    BadRequestError,
    Request,
    Response,
    form_tree,
    json_response,
    parse_request,
    render_response,
    wants_continue,
)


def _parse_all(data: bytes, cuts: list[int]) -> list[Request]:
    """Feed the bytes in pieces, as a socket would, and take out what is complete."""
    buffer = bytearray()
    found = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        buffer += data[start:end]
        while (request := parse_request(buffer)) is not None:
            found.append(request)
    assert not buffer
    return found


STREAM = (
    b"GET /a%20b?x=1&x=2&y= HTTP/1.1\r\nHost: h\r\nAccept: a\r\nAccept: b\r\n\r\n"
    b"POST /form HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /chunks HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    b"GET /last HTTP/1.0\r\n\r\n"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_requests_are_the_same_however_they_arrive(cuts: list[int]) -> None:
    first, second, third, last = _parse_all(STREAM, cuts)
    assert (first.method, first.path, first.segments) == ("GET", "/a%20b", ("a b",))
    assert first.query == {"x": "2", "y": ""}
    assert first.headers["accept"] == "a, b"
    assert second.body == b"hello"
    assert third.body == b"abcde"
    assert first.keeps_alive
    assert not last.keeps_alive


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no-request-line"),
        pytest.param(b"GET / SPDY/3\r\n\r\n", 400, id="another-protocol"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, id="header-without-colon"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="negative-length"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413, id="huge-body"),
        pytest.param(
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, id="bad-chunk"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
            413,
            id="huge-chunk",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000, 431, id="huge-head"),
    ],
)
def test_bytes_that_can_never_become_a_request_are_refused(data: bytes, status: int) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_request(bytearray(data))
    assert caught.value.status == status


def test_a_client_that_asks_for_leave_to_send_is_noticed() -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert wants_continue(bytearray(head))
    assert parse_request(bytearray(head)) is None


def test_a_multipart_form_is_taken_apart() -> None:
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="tags"\r\n\r\nred\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x00\r\n--\xff\r\n--xx--\r\n"
    )
    request = Request("POST", "/", "", {"content-type": "multipart/form-data; boundary=xx"}, body)
    tags, file = request.parts()
    assert (tags.name, tags.filename, tags.content) == ("tags", None, b"red")
    assert (file.name, file.filename, file.content) == ("file", "a.png", b"\x00\r\n--\xff")


@pytest.mark.parametrize(
    ("pairs", "tree"),
    [
        pytest.param([("a", "1")], {"a": "1"}, id="plain"),
        pytest.param([("m[a]", "1"), ("m[b]", "2")], {"m": {"a": "1", "b": "2"}}, id="nested"),
        pytest.param([("e[]", "x"), ("e[]", "y")], {"e": ["x", "y"]}, id="list"),
        pytest.param([("i[0][price]", "p")], {"i": [{"price": "p"}]}, id="list-of-objects"),
    ],
)
def test_bracketed_names_become_a_tree(
    pairs: list[tuple[str, str]], tree: dict[str, object]
) -> None:
    assert form_tree(pairs) == tree


def test_an_answer_tells_its_length() -> None:
    data = render_response(json_response({"a": 1}, 201, {"x-a": "b"}))
    assert data == (
        b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nx-a: b\r\n"
        b'content-length: 7\r\n\r\n{"a":1}'
    )


def test_an_answer_to_head_tells_the_length_of_what_it_leaves_out() -> None:
    data = render_response(Response(body=b"abc"), for_head=True, is_last=True)
    assert data == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n"


def test_an_answer_without_content_has_no_length() -> None:
    assert render_response(Response(204)) == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_status_that_no_standard_knows_is_sent() -> None:
    assert render_response(Response(420)).startswith(b"HTTP/1.1 420 ")
