"""Content that can be read from anywhere: conditions, ranges, the bytes.

nethttp.md 10.6: TestServeContent, TestServeContentWithEmptyContentIgnoreRanges, …HeadersWithError,
TestServeFileNotModified, …WithContentEncoding, …ZippingResponseWriter, …ContentType,
…RejectsInvalidSuffixLengths.
"""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime

import pytest

from holdfast.dates import format_http_date
from holdfast.server.content import serve_content
from holdfast.testing import recorder, serving

CSS = b"body {}\n"
HTML = b"<html>foo"
WHEN = 1403716338.0  # Wed, 25 Jun 2014 17:12:18 GMT
DATE = "Wed, 25 Jun 2014 17:12:18 GMT"
TEXT = "text/css; charset=utf-8"


async def served(
    content=CSS, name="style.css", *, modtime=None, method="GET", asked=(), status=None, **set_before
):
    w, r = recorder(method, "/", headers=asked)
    for key, value in set_before.items():
        w.headers[key.replace("_", "-")] = value
    await serve_content(w, r, name, modtime, io.BytesIO(content) if isinstance(content, bytes) else content)
    return await w.result()


class CannotSeek(io.BytesIO):
    def seek(self, *args):
        raise OSError("no")


# TestServeContent
@pytest.mark.parametrize(
    ("etag", "modtime", "asked", "status"),
    [
        ("", None, {}, 200),
        ("", WHEN, {}, 200),
        ('"foo"', WHEN, {"If-Modified-Since": DATE}, 304),
        ("", WHEN, {"If-Modified-Since": DATE}, 304),
        ("", WHEN + 0.9, {"If-Modified-Since": DATE}, 304),
        ("", WHEN + 1, {"If-Modified-Since": DATE}, 200),
        ("", 0, {"If-Modified-Since": DATE}, 200),
        ('"foo"', None, {"If-None-Match": '"foo"'}, 304),
        ('W/"foo"', None, {"If-None-Match": '"baz", W/"foo"'}, 304),
        ('"foo"', None, [("If-None-Match", '"baz"'), ("If-None-Match", '"foo"')], 304),
        ('"foo"', None, {"If-None-Match": '"Foo"'}, 200),
        ('"foo"', None, {"If-None-Match": ","}, 200),
        ('"foo"', WHEN, {"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
        ('"A"', None, {"If-Match": '"Z", "A"'}, 200),
        ('"A"', None, {"If-Match": "*"}, 200),
        ('"A"', None, {"If-Match": '"B"'}, 412),
        ('W/"A"', None, {"If-Match": 'W/"A"'}, 412),
        ("", WHEN, {"If-Unmodified-Since": DATE}, 200),
        ("", WHEN, {"If-Unmodified-Since": format_http_date(WHEN - 2)}, 412),
    ],
)
async def test_conditions(etag, modtime, asked, status):
    response = await served(modtime=modtime, asked=asked, **({"ETag": etag} if etag else {}))
    assert response.status == status
    assert response.body == (CSS if status == 200 else b"")
    assert response.header("Content-Type") == (TEXT if status == 200 else None)
    assert response.header("ETag") == (etag or None)
    expected = format_http_date(modtime) if modtime and not (status == 304 and etag) else None
    assert response.header("Last-Modified") == expected


@pytest.mark.parametrize(
    ("etag", "modtime", "asked", "span"),
    [
        ('"A"', None, {}, "0-4"),
        ('"A"', None, {"If-Range": '"A"'}, "0-4"),
        ('W/"A"', None, {"If-Range": 'W/"A"'}, None),
        ('"A"', None, {"If-Range": '"B"'}, None),
        ("", WHEN, {"If-Range": DATE}, "0-4"),
        ("", WHEN + 0.5, {"If-Range": DATE}, "0-4"),
        ("", WHEN, {"If-Range": format_http_date(WHEN + 1)}, None),
    ],
)
async def test_a_range_under_a_condition(etag, modtime, asked, span):
    asked = {"Range": "bytes=0-4", **asked}
    response = await served(modtime=modtime, asked=asked, **({"ETag": etag} if etag else {}))
    assert response.status == (206 if span else 200)
    assert response.header("Content-Range") == (f"bytes {span}/8" if span else None)
    assert response.body == (CSS[:5] if span else CSS)


# TestServeFileRejectsInvalidSuffixLengths
@pytest.mark.parametrize(
    ("wanted", "content_range", "body"),
    [
        ("bytes=10-20", "bytes */8", b"invalid range: failed to overlap\n"),
        ("bytes=--6", None, b"invalid range\n"),
        ("bytes=--0", None, b"invalid range\n"),
        ("bytes=---6", None, b"invalid range\n"),
        ("bytes=5-2", None, b"invalid range\n"),
        ("lines=0-1", None, b"invalid range\n"),
    ],
)
async def test_a_range_that_cannot_be_met(wanted, content_range, body):
    response = await served(
        modtime=WHEN,
        asked={"Range": wanted},
        ETag='"A"',
        Cache_Control="max-age=9",
        Content_Encoding="identity",
    )
    assert (response.status, response.body) == (416, body)
    assert response.header("Content-Range") == content_range
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    for name in ("ETag", "Last-Modified", "Cache-Control", "Content-Encoding"):  # …HeadersWithError
        assert response.header(name) is None


# TestServeContentWithEmptyContentIgnoreRanges
@pytest.mark.parametrize("wanted", ["bytes=0-128", "bytes=1-"])
async def test_of_nothing_no_range_is_asked(wanted):
    response = await served(b"", asked={"Range": wanted})
    assert (response.status, response.body, response.header("Content-Length")) == (200, b"", "0")


async def test_several_ranges_are_parts_whose_length_is_told():
    response = await served(b"0123456789", "x.txt", asked={"Range": "bytes=0-0,-2,4-5"})
    kind, _, boundary = response.header("Content-Type").partition("; boundary=")
    assert (response.status, kind, response.framing) == (206, "multipart/byteranges", "length")
    assert response.header("Content-Range") is None
    parts = response.body.decode().split(f"--{boundary}")
    assert (parts[0], parts[-1]) == ("", "--\r\n")
    text = "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
    assert parts[1:-1] == [
        f"{text}{part}\r\n" for part in ("0-0/10\r\n\r\n0", "8-9/10\r\n\r\n89", "4-5/10\r\n\r\n45")
    ]
    head = await served(b"0123456789", "x.txt", method="HEAD", asked={"Range": "bytes=0-0,-2,4-5"})
    assert (head.body, head.header("Content-Length")) == (b"", response.header("Content-Length"))


@pytest.mark.parametrize(
    ("name", "content", "given", "kind"),
    [
        ("x.css", HTML, None, TEXT),
        ("x", HTML, None, "text/html; charset=utf-8"),
        ("x", b"", None, "text/plain; charset=utf-8"),
        ("x.css", HTML, "text/x-own", "text/x-own"),
        ("x.css", HTML, "suppressed", None),
    ],
)
async def test_the_type_is_what_was_set_or_by_name_or_by_the_first_bytes(name, content, given, kind):
    w, r = recorder()
    if given == "suppressed":
        w.headers.suppress("Content-Type")
    elif given:
        w.headers["Content-Type"] = given
    await serve_content(w, r, name, None, io.BytesIO(content))
    response = await w.result()
    assert (response.header("Content-Type"), response.body) == (kind, content)


# TestServeFileWithContentEncoding
async def test_of_an_encoded_whole_no_length_is_told():
    response = await served(b"x" * 3000, Content_Encoding="foo")
    assert (response.framing, response.header("Content-Encoding")) == ("chunked", "foo")
    part = await served(b"x" * 3000, Content_Encoding="foo", asked={"Range": "bytes=0-9"})
    assert (part.framing, part.header("Content-Length")) == ("length", "10")


# TestServeFileZippingResponseWriter
async def test_a_wrapper_that_compresses_goes_on_working():
    class Zipping:
        def __init__(self, w):
            self.headers, self.write_header = w.headers, w.write_header
            self.inner, self.pieces = w, []

        async def write(self, data):
            self.pieces.append(data)

    w, r = recorder()
    zipping = Zipping(w)
    w.headers["Content-Encoding"] = "gzip"
    await serve_content(zipping, r, "x.txt", None, io.BytesIO(b"text" * 100_000))
    await w.write(gzip.compress(b"".join(zipping.pieces)))
    response = await w.result()
    assert gzip.decompress(response.body) == b"text" * 100_000


async def test_content_that_cannot_seek_is_an_error():
    response = await served(CannotSeek(b"x"), modtime=WHEN)
    assert (response.status, response.body) == (500, b"seeker can't seek\n")
    assert response.header("Last-Modified") is None


async def test_who_has_it_already_costs_no_look_at_it():
    response = await served(object(), asked={"If-None-Match": '"a"'}, ETag='"a"')
    assert response.status == 304


async def test_a_date_may_be_a_datetime():
    response = await served(modtime=datetime.fromtimestamp(WHEN, UTC))
    assert response.header("Last-Modified") == DATE


async def test_a_head_request_gets_the_head():
    response = await served(method="HEAD", asked={"Range": "bytes=1-2"})
    assert (response.status, response.body, response.header("Content-Length")) == (206, b"", "2")


async def test_a_blocking_handler_serves_content_too(tmp_path):
    path = tmp_path / "x.css"
    path.write_bytes(CSS)

    def handler(w, r):
        with path.open("rb") as file:
            serve_content(w, r, path.name, None, file)

    async with serving(handler) as (client, _):
        response = await client.get("/", headers={"Range": "bytes=0-3"})
        assert (response.status, response.body) == (206, b"body")
