"""A request as its handler has it: Go's request_test.go, on requests that a server has received.

Names with ★ in nethttp.md 10: TestParseFormQuery, TestParseFormQueryMethods, TestQuerySemicolon; also
TestParseFormUnknownContentType, TestParseMultipartForm, TestMultipartReaderOrder.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast import message
from holdfast.errors import BodyClosed, BodyTooLarge, LimitExceeded, RemoteProtocolError, UsageError
from holdfast.limits import MAX_QUERY_PARAMS
from holdfast.testing import recorder, request, serving
from holdfast.url import parse_target

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nbody\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"content\r\n--b--\r\n"
)


# --- the head ---


async def test_the_head():
    r = request(
        "POST",
        "/a%20b?x=1&y=2&x=3",
        headers={
            "Host": "example.org:8080",
            "User-Agent": "test/1",
            "Referer": "http://from/",
            "Priority": "u=1",
            "Cookie": "a=1; b=2; a=3",
        },
        body=b"12345",
    )
    assert (r.method, r.target, r.proto) == ("POST", "/a%20b?x=1&y=2&x=3", "HTTP/1.1")
    assert (r.path, r.url.raw_path, r.query) == ("/a b", "/a%20b", {"x": ["1", "3"], "y": ["2"]})
    assert (r.host, r.content_length, r.transfer_encoding) == ("example.org:8080", 5, [])
    assert (r.user_agent, r.referer, r.priority) == ("test/1", "http://from/", "u=1")
    assert r.cookies == {"a": "1", "b": "2"}
    assert [(cookie.name, cookie.value) for cookie in r.cookie_list] == [("a", "1"), ("b", "2"), ("a", "3")]
    assert r.headers["content-length"] == "5"
    assert ("Priority", "u=1") in r.headers.items()
    assert repr(r) == "<Request POST /a%20b?x=1&y=2&x=3>"


async def test_what_is_not_there():
    r = request("GET", "/")
    assert (r.user_agent, r.referer, r.priority, r.cookies, r.query) == ("", "", "", {}, {})
    assert (r.content_length, r.transfer_encoding, r.pattern, r.path_value("x")) == (0, [], "", "")
    assert (r.scheme, r.tls, r.remote_addr) == ("http", None, "192.0.2.1:1234")


async def test_a_chunked_request_has_no_length():
    r = request("POST", "/", body=[b"a"])
    assert (r.content_length, r.transfer_encoding) == (-1, ["chunked"])


async def test_field_names_keep_their_spelling():
    r = request("GET", "/", headers=[("hOST", "x"), ("x-AbC", "1")])
    assert r.headers.raw == [(b"hOST", b"x"), (b"x-AbC", b"1")]


# --- the body ---


async def test_read_text_json():
    body = '{"ä": 1}'.encode()
    assert await request("POST", "/", body=body).read() == body
    assert await request("POST", "/", body=body).text() == '{"ä": 1}'
    assert await request("POST", "/", body=body).json() == {"ä": 1}
    latin1 = {"Content-Type": "text/plain; charset=latin-1"}
    assert await request("POST", "/", headers=latin1, body=b"\xe4").text() == "ä"
    assert await request("POST", "/", headers={"Content-Type": "?"}, body="ä".encode()).text() == "ä"


async def test_a_request_without_a_body_has_an_empty_one():
    r = request("GET", "/")
    assert await r.body.read() == b""
    assert [piece async for piece in r.body] == []


async def test_trailers_are_there_once_the_body_was_read():
    seen = []

    async def handler(w, r):
        seen.append(r.trailers.items())
        await r.read()
        seen.append(r.trailers.items())

    async with serving(handler) as (client, _):
        peer = await client.connect()
        await peer.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\na\r\n0\r\ndigest: y\r\n\r\n"
        )
        await peer.read_response()
    assert seen == [[], [("Digest", "y")]]


async def test_a_limited_body():
    r = request("POST", "/", body=b"12345")
    r.limit_body(3)
    with pytest.raises(BodyTooLarge):
        await r.read()
    r = request("POST", "/", body=b"12345")
    r.limit_body(-1)
    with pytest.raises(BodyTooLarge):
        await r.read()


# --- forms ---


async def test_values_of_the_body_come_before_those_of_the_query():
    r = request(
        "POST",
        "/search?q=foo&q=bar&both=x&prio=1&orphan=nope&empty=not",
        headers=URLENCODED,
        body=b"z=post&both=y&prio=2&=nokey&orphan&empty=&",
    )
    form = await r.form()
    assert form.values("q") == ["foo", "bar"]
    assert form["z"] == "post"
    assert form.values("both") == ["y", "x"]
    assert form.values("prio") == ["2", "1"]
    assert form.values("orphan") == ["", "nope"]
    assert form.values("empty") == ["", "not"]
    assert form.values("") == ["nokey"]
    assert "q" not in form.posted
    assert form.posted["z"] == ["post"]
    assert await r.form() is form


@pytest.mark.parametrize(
    ("method", "value"), [("POST", "bar"), ("PATCH", "bar"), ("PUT", "bar"), ("FOO", None), ("DELETE", None)]
)
async def test_whose_body_is_a_form(method, value):
    r = request(method, "/", headers=URLENCODED, body=b"foo=bar")
    assert (await r.form()).get("foo") == value


@pytest.mark.parametrize(
    ("content_type", "read"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", True),
        ("text/plain", False),
        ("application/json", False),
        ("", False),
        ("/broken", False),
    ],
)
async def test_which_types_are_forms(content_type, read):
    r = request("POST", "/?q=1", headers={"Content-Type": content_type}, body=b"a=b")
    assert (await r.form()).items() == ([("a", "b")] if read else []) + [("q", "1")]
    assert await r.read() == (b"" if read else b"a=b")


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"a=%C3%A4+b", [("a", "ä b")]),
        ("ä=ö".encode(), [("ä", "ö")]),
        (b"a=%FF", [("a", "\ufffd")]),
        (b"", []),
        (b"a=1&b=2&a=1", [("a", "1"), ("b", "2"), ("a", "1")]),
    ],
)
async def test_what_urlencoded_values_are(body, pairs):
    form = await request("POST", "/", headers=URLENCODED, body=body).form()
    assert form.items() == pairs
    assert form.error is None


@pytest.mark.parametrize(
    ("target", "body", "items"),
    [
        ("/?a=1;b=2&c=3", b"d=4", [("d", "4"), ("c", "3")]),
        ("/?a=%zz&c=3", b"d=4", [("d", "4"), ("c", "3")]),
        ("/?c=3", b"a=1;b=2&d=4", [("d", "4"), ("c", "3")]),
    ],
)
async def test_what_cannot_be_read_is_left_out_and_told(target, body, items):
    form = await request("POST", target, headers=URLENCODED, body=body).form()
    assert form.items() == items
    assert isinstance(form.error, UsageError)


async def test_too_many_values():
    many = b"&".join([b"a"] * (MAX_QUERY_PARAMS + 1))
    with pytest.raises(LimitExceeded) as caught:
        await request("POST", "/", headers=URLENCODED, body=many).form()
    assert caught.value.status == 400
    with pytest.raises(LimitExceeded):
        await recorder("GET", "/?" + many.decode(), max_header_bytes=1 << 20)[1].form()


async def test_an_urlencoded_body_is_bounded(monkeypatch):
    monkeypatch.setattr(message, "MAX_FORM_BYTES", 10)
    assert (await request("POST", "/", headers=URLENCODED, body=b"a=34567890").form())["a"] == "34567890"
    with pytest.raises(LimitExceeded) as caught:
        await request("POST", "/", headers=URLENCODED, body=b"a=345678901").form()
    assert caught.value.status == 413


async def test_a_limit_of_the_handlers_own_takes_its_place(monkeypatch):
    monkeypatch.setattr(message, "MAX_FORM_BYTES", 10)
    r = request("POST", "/", headers=URLENCODED, body=b"a=345678901")
    r.limit_body(11)
    assert (await r.form())["a"] == "345678901"
    r = request("POST", "/", headers=URLENCODED, body=b"a=345678901")
    r.limit_body(5)
    with pytest.raises(BodyTooLarge):
        await r.form()


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_multipart_form(method):
    r = request(method, "/?a=query", headers=MULTIPART, body=BODY)
    form = await r.form()
    assert form.values("a") == ["body", "query"]
    assert form.posted == {"a": ["body"]}
    file = form.file("f")
    assert (file.filename, file.headers["Content-Type"], await file.read()) == (
        "f.txt",
        "text/plain",
        b"content",
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BODY[:-10], id="cut"),
        pytest.param(BODY.replace(b"--b", b"--c"), id="another boundary"),
        pytest.param(b"", id="empty"),
    ],
)
async def test_a_malformed_multipart_form(body):
    r = request("POST", "/", headers=MULTIPART, body=body)
    with pytest.raises(RemoteProtocolError) as caught:
        await r.form()
    assert caught.value.status == 400
    with pytest.raises(UsageError, match=r"form\(\) has read the body before"):
        await r.form()


async def test_a_multipart_form_without_boundary():
    r = request("POST", "/", headers={"Content-Type": "multipart/form-data"}, body=BODY)
    with pytest.raises(RemoteProtocolError) as caught:
        await r.form()
    assert caught.value.status == 400


@pytest.mark.parametrize("subtype", ["form-data", "mixed"])
async def test_parts_as_they_come(subtype):
    r = request("POST", "/", headers={"Content-Type": f"multipart/{subtype}; boundary=b"}, body=BODY)
    seen = [(part.name, part.filename, await part.read()) async for part in r.multipart()]
    assert seen == [("a", "", b"body"), ("f", "f.txt", b"content")]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("text/plain", 415), ("", 415), ("multipart/related; boundary=b", 415), ("multipart/mixed", 400)],
)
async def test_what_has_no_parts(content_type, status):
    with pytest.raises(RemoteProtocolError) as caught:
        request("POST", "/", headers={"Content-Type": content_type}, body=BODY).multipart()
    assert caught.value.status == status


async def test_form_and_multipart_exclude_each_other():
    r = request("POST", "/", headers=MULTIPART, body=BODY)
    r.multipart()
    with pytest.raises(UsageError, match=r"form\(\) was called, and multipart\(\) has read the body before"):
        await r.form()
    with pytest.raises(UsageError):
        r.multipart()
    r = request("POST", "/", headers=MULTIPART, body=BODY)
    await r.form()
    with pytest.raises(UsageError, match=r"multipart\(\) was called, and form\(\) has read the body before"):
        r.multipart()


async def test_a_copy_has_the_form_that_was_read_on_the_other():
    r = request("POST", "/", headers=URLENCODED, body=b"a=1")
    twin = r.shallow_copy()
    form = await twin.form()
    assert form["a"] == "1"
    assert await r.form() is form


# --- circumstances, copies ---


async def test_circumstances():
    answers = []

    async def handler(w, r):
        answers.append((r.scheme, r.remote_addr, r.tls is not None, r.is_disconnected))
        answers.append((r.context["server"] is server, r.context["local_addr"], r.context["who"]))
        r.context["more"] = 1
        answers.append(r.context["more"])

    async with serving(handler, "h1+tls", base_context=lambda: {"who": "me"}) as (client, server):
        await client.get()
    assert answers == [("https", "192.0.2.1:50000", True, False), (True, "192.0.2.2:80", "me"), 1]


async def test_a_handler_is_told_that_its_peer_has_gone():
    gone = asyncio.Event()

    async def handler(w, r):
        await r.disconnected
        assert r.is_disconnected
        await r.disconnected  # returns at once
        gone.set()

    async with serving(handler) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        peer.abort()
        await asyncio.wait_for(gone.wait(), 2)


async def test_copies_share_all_but_the_url():
    r = request("POST", "/a/b", body=b"12")
    r.pattern, r.path_values = "/a/{x}", {"x": "b"}
    twin = r.with_url(parse_target("POST", "/b"))
    assert (twin.path, r.path) == ("/b", "/a/b")
    assert (twin.target, twin.method, twin.pattern, twin.path_value("x")) == ("/a/b", "POST", "/a/{x}", "b")
    assert twin.body is r.body
    assert twin.headers is r.headers
    assert twin.context is r.context
    twin.path_values["x"] = "c"
    assert r.path_value("x") == "b"


async def test_a_body_is_closed_with_its_exchange():
    kept = []

    async def handler(w, r):
        kept.append(r)

    async with serving(handler) as (client, _):
        await client.post("/", body=bytes(1 << 20))
    with pytest.raises(BodyClosed):
        await kept[0].body.read()
