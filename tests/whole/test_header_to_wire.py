"""What of ``w.headers`` reaches the peer: the head is frozen at the first write.

Go's net/http serve_test.go.
"""

from __future__ import annotations

import logging

import pytest

from holdfast.testing import serving
from tests.whole.modes import every_mode

HTML = "<html><head></head><body>some html</body></html>"
OF_HTML = str(len(HTML))
LATE = "too late"


async def write_without_headers(w, r):
    await w.write("hello world")


async def set_before_write(w, r):
    w.headers["Content-Type"] = "some/type"
    await w.write("hello world")
    w.headers["X-Late"] = LATE


async def set_after_write(w, r):
    await w.write("hello world")
    w.headers["X-Late"] = LATE


async def set_after_flush(w, r):
    await w.flush()
    await w.write("post-flush")
    w.headers["X-Late"] = LATE


async def set_then_flush(w, r):
    w.headers["Content-Type"] = "some/type"
    await w.flush()
    await w.write("post-flush")
    w.headers["X-Late"] = LATE


async def type_after_first_write(w, r):
    await w.write(HTML)
    w.headers["Content-Type"] = "x/wrong"


async def type_before_first_write(w, r):
    w.headers["Content-Type"] = "some/type"
    await w.write(HTML)


async def nothing(w, r):
    pass


async def set_only(w, r):
    w.headers["Some-Header"] = "some-value"


async def set_after_write_header(w, r):
    w.write_header(404)
    w.headers["X-Late"] = LATE


# (the handler, the status, the fields of the answer but Date)
# fmt: off
CASES = [
    (write_without_headers, 200, {"Content-Type": "text/plain; charset=utf-8", "Content-Length": "11"}),
    (set_before_write, 200, {"Content-Type": "some/type", "Content-Length": "11"}),
    (set_after_write, 200, {"Content-Type": "text/plain; charset=utf-8", "Content-Length": "11"}),
    (set_after_flush, 200, {"Transfer-Encoding": "chunked"}),
    (set_then_flush, 200, {"Content-Type": "some/type", "Transfer-Encoding": "chunked"}),
    (type_after_first_write, 200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": OF_HTML}),
    (type_before_first_write, 200, {"Content-Type": "some/type", "Content-Length": OF_HTML}),
    (nothing, 200, {"Content-Length": "0"}),
    (set_only, 200, {"Some-Header": "some-value", "Content-Length": "0"}),
    (set_after_write_header, 404, {"Content-Length": "0"}),
]
# fmt: on


# TestHeaderToWire
@every_mode
@pytest.mark.parametrize(("handler", "status", "fields"), CASES, ids=[case[0].__name__ for case in CASES])
async def test_headers_are_frozen_at_the_first_write(mode, handler, status, fields):
    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        sent = dict(response.headers)
        assert sent.pop("Date")
        assert (response.status, sent) == (status, fields)


# (the body, what it looks like); the whole table is in tests/words/test_mime.py
SNIFFED = [
    (b"some text", "text/plain; charset=utf-8"),
    (b"  \n<!DOCTYPE html>", "text/html; charset=utf-8"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\x00\x01\x02", "application/octet-stream"),
]


# TestServerContentType
@every_mode
@pytest.mark.parametrize("pieces", [1, 2], ids=["one write", "two writes"])
@pytest.mark.parametrize(("body", "kind"), SNIFFED, ids=[kind for _, kind in SNIFFED])
async def test_a_type_is_found_by_what_the_body_looks_like(mode, body, kind, pieces):
    async def handler(w, r):
        for at in range(0, len(body), -(-len(body) // pieces)):
            await w.write(body[at : at - (-len(body) // pieces)])

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.header("Content-Type"), response.body) == (kind, body)


# TestServeHTTP, "superfluous WriteHeader"
@every_mode
async def test_a_second_status_is_ignored_and_logged_with_its_place(mode, caplog):
    async def handler(w, r):
        w.write_header(201)
        w.write_header(500)

    async with serving(handler, mode) as (client, _):
        with caplog.at_level(logging.WARNING, "holdfast.error"):
            assert (await client.get("/")).status == 201
    assert "superfluous" in caplog.text
    assert "write_header(500)" in caplog.text
    assert __file__ in caplog.text


BAD_HEADERS = {
    "a name with a space": lambda h: h.set("X Y", "v"),
    "an empty name": lambda h: h.set("", "v"),
    "a name with a colon": lambda h: h.add("X:", "v"),
    "a value with CRLF": lambda h: h.set("X", "a\r\nSet-Cookie: evil=1"),
    "a value with LF": lambda h: h.add("X", "a\nb"),
    "a value with NUL": lambda h: h.update({"X": "a\0b"}),
    "a value with DEL": lambda h: h.extend([("X", "a\x7f")]),
}


# TestHeaderToWire's kin: what Go drops or mends in silence is refused where it is set
@every_mode
@pytest.mark.parametrize("bad", BAD_HEADERS)
async def test_a_malformed_header_is_refused_where_it_is_set(mode, bad):
    async def handler(w, r):
        with pytest.raises(ValueError, match=r"header|name|value"):
            BAD_HEADERS[bad](w.headers)
        await w.write(b"fine")

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.body) == (200, b"fine")
        assert [name for name, _ in response.headers if name.startswith(("X", "Set"))] == []


@every_mode
@pytest.mark.parametrize(
    "declare",
    [lambda h: h.add("Content-Length", "5"), lambda h: h.set("Content-Length", "four")],
    ids=["two that differ", "no number"],
)
async def test_a_length_that_cannot_be_is_refused_where_the_head_is_fixed(mode, declare):
    reached = []

    async def handler(w, r):
        w.headers["Content-Length"] = "4"
        declare(w.headers)
        try:
            w.write_header(200)
        finally:
            reached.append(w.status)

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.header("Connection")) == (500, "close")
        assert reached == [0]
