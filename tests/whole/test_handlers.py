"""The small handlers and middleware on a whole server (nethttp.md 10.4 and 10.7)."""

from __future__ import annotations

import asyncio
import logging

import pytest

from holdfast.handlers import (
    AllowQuerySemicolons,
    BasicAuth,
    CrossOriginProtection,
    MaxBytes,
    Recover,
    Redirect,
    StripPrefix,
    Timeout,
)
from holdfast.server.mux import ServeMux
from holdfast.server.replies import error, redirect
from holdfast.testing import FakeClock, advance, serving
from tests.whole.modes import every_mode


class AsObject:
    def __init__(self, handler):
        self.serve_http = handler


def shapes(handler):
    """``handler`` in the three shapes that a handler may have."""

    def plain(w, r):
        w.write(f"{r.method} {r.path}")

    return {"async": handler, "plain": plain, "object": AsObject(handler)}


async def echo(w, r):
    await w.write(f"{r.method} {r.path}")


# Handler -> Handler, whatever shape.
@every_mode
@pytest.mark.parametrize("shape", ["async", "plain", "object"])
@pytest.mark.parametrize(
    "middleware",
    [
        lambda h: StripPrefix("/a", h),
        lambda h: Timeout(h, 10),
        lambda h: MaxBytes(h, 10),
        Recover,
        AllowQuerySemicolons,
        CrossOriginProtection,
        lambda h: BasicAuth(h, lambda name, password: True),
    ],
    ids=["StripPrefix", "Timeout", "MaxBytes", "Recover", "AllowQuerySemicolons", "CrossOrigin", "BasicAuth"],
)
async def test_middleware_takes_every_kind_of_handler(mode, shape, middleware):
    async with serving(middleware(shapes(echo)[shape]), mode) as (client, _):
        response = await client.get("/a/b", headers={"Authorization": "Basic YTpi"})
        assert response.body in (b"GET /a/b", b"GET /b")


@every_mode
async def test_middleware_nests(mode):
    mux = ServeMux()
    mux.handle("/b/", echo)
    inner = Timeout(MaxBytes(StripPrefix("/a", mux), 100), 10)
    async with serving(Recover(AllowQuerySemicolons(inner)), mode) as (client, _):
        assert (await client.post("/a/b/c?x;y", body=b"1")).body == b"POST /b/c"


# TestQuerySemicolon
@every_mode
async def test_a_pair_with_a_semicolon_is_dropped_unless_it_is_allowed(mode):
    async def handler(w, r):
        await w.write(repr(r.query))

    for wrapped, want in ((handler, b"{'x': ['1']}"), (AllowQuerySemicolons(handler), b"{'a': ['1'], ")):
        async with serving(wrapped, mode) as (client, _):
            assert (await client.get("/?a=1;b=2&x=1")).body.startswith(want)


# TestTimeoutHandler
@every_mode
async def test_who_takes_too_long_is_answered_by_503_and_who_does_not_is_not(mode):
    async def handler(w, r):
        if r.path == "/slow":
            await asyncio.sleep(3600)
        await w.write("in time")

    clock = FakeClock()
    async with serving(Timeout(handler, 5, "too slow"), mode, clock=clock) as (client, _):
        peer = await client.connect()
        for target, status, body in (
            ("/", 200, b"in time"),
            ("/slow", 503, b"too slow"),
            ("/", 200, b"in time"),
        ):
            await peer.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await advance(clock, 6)
            response = await peer.read_response()
            assert (response.status, response.body) == (status, body)


# TestTimeoutHandlerPanicRecovery
@every_mode
async def test_what_a_handler_raises_behind_timeout_is_logged_and_answered(mode, caplog):
    async def handler(w, r):
        raise KeyError("inside")

    with caplog.at_level(logging.ERROR, "holdfast.error"):
        async with serving(Timeout(handler, 5), mode) as (client, _):
            assert (await client.get("/")).status == 500
    assert "KeyError: 'inside'" in caplog.text


# TestTimeoutHandlerEmptyResponse
@every_mode
async def test_a_handler_behind_timeout_that_writes_nothing_has_answered_200(mode):
    async def handler(w, r):
        pass

    async with serving(Timeout(handler, 5), mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.header("Content-Length")) == (200, "0")


# TestStripPrefix, TestStripPrefixNotModifyRequest
@every_mode
async def test_a_prefix_is_stripped_of_a_copy(mode):
    async def inner(w, r):
        await w.write(f"{r.url.raw_path} {r.path}")

    stripped = StripPrefix("/foo/bar", inner)

    async def handler(w, r):
        before = str(r.url)
        await stripped.serve_http(w, r)
        assert str(r.url) == before

    async with serving(handler, mode) as (client, _):
        assert (await client.get("/foo/bar/qux")).body == b"/qux /qux"
        assert (await client.get("/foo/bar%2Fqux")).body == b"%2Fqux /qux"
        assert (await client.get("/foo%2Fbar/qux")).status == 404
        assert (await client.get("/bar")).status == 404


# TestRedirect, TestRedirectEscapedPath, TestRedirectBadPath
@every_mode
@pytest.mark.parametrize(
    ("target", "url", "location"),
    [
        ("/qux/", "http://foobar.com/baz", "http://foobar.com/baz"),
        ("/qux/", "//foobar.com/baz", "//foobar.com/baz"),
        ("/qux/", "foobar.com/baz", "/qux/foobar.com/baz"),
        ("/qux/", "../quux/foobar.com/baz", "/quux/foobar.com/baz"),
        ("/qux/", "///foobar.com/baz", "/foobar.com/baz"),
        ("/qux/", "/foo?next=http://bar.com/", "/foo?next=http://bar.com/"),
        ("/qux/", "/фубар", "/%d1%84%d1%83%d0%b1%d0%b0%d1%80"),
        ("/foo%2Fbar/", "qux", "/foo%2Fbar/qux"),
        ("//evil.example/", "x", "/evil.example/x"),
    ],
)
async def test_where_redirects_lead(mode, target, url, location):
    async with serving(Redirect(url, 302), mode) as (client, _):
        response = await client.get(target)
        assert (response.status, response.header("Location")) == (302, location)


# TestRedirectContentTypeAndBody
@every_mode
@pytest.mark.parametrize(
    ("method", "kind", "body"),
    [
        ("GET", "text/html; charset=utf-8", b'<a href="/foo">Found</a>.\n\n'),
        ("HEAD", "text/html; charset=utf-8", b""),
        ("POST", None, b""),
        ("DELETE", None, b""),
    ],
)
async def test_a_redirect_has_a_page_for_get(mode, method, kind, body):
    async def handler(w, r):
        await redirect(w, r, "/foo", 302)

    async with serving(handler, mode) as (client, _):
        response = await client.request(method, "/")
        assert (response.header("Content-Type"), response.body) == (kind, body)


# TestError
@every_mode
async def test_an_error_replaces_length_and_type(mode):
    async def handler(w, r):
        w.headers["Content-Length"] = "1"
        w.headers["Content-Type"] = "text/html"
        await error(w, "oops", 500)

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.body, response.header("Content-Length")) == (b"oops\n", "5")
        assert response.header("Content-Type") == "text/plain; charset=utf-8"
        assert response.header("X-Content-Type-Options") == "nosniff"


# TestCrossOriginProtectionSecFetchSite
@every_mode
@pytest.mark.parametrize(
    ("method", "asked", "status"),
    [
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {"Sec-Fetch-Site": "none"}, 200),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"SEC-FETCH-SITE": "same-site"}, 403),
        ("POST", {}, 200),
        ("POST", {"Origin": "https://localhost"}, 200),
        ("POST", {"Origin": "https://attacker.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("HEAD", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("OPTIONS", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("PUT", {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_another_site_cannot_change_anything(mode, method, asked, status):
    async with serving(CrossOriginProtection(echo), mode) as (client, _):
        assert (await client.request(method, "/", headers=asked)).status == status


# TestCrossOriginProtectionTrustedOriginBypass, TestCrossOriginProtectionPatternBypass
@every_mode
async def test_what_is_trusted_or_bypassed_may(mode):
    protection = CrossOriginProtection(
        echo, trusted_origins=["https://trusted.example"], insecure_bypass_patterns=["/bypass/"]
    )
    async with serving(protection, mode) as (client, _):
        for target, origin, status in (
            ("/", "https://trusted.example", 200),
            ("/", "https://attacker.example", 403),
            ("/bypass/", "https://attacker.example", 200),
            ("/x/../bypass/", "https://attacker.example", 403),
        ):
            asked = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            assert (await client.post(target, headers=asked)).status == status


# TestMaxBytesReaderStickyError, TestMaxBytesReaderDifferentLimits, TestIssue10884_MaxBytesEOF
@every_mode
@pytest.mark.parametrize("framed", ["length", "chunked"])
async def test_a_body_up_to_the_limit_is_read_and_one_more_byte_is_413(mode, framed):
    async def handler(w, r):
        await w.write(str(len(await r.read())))

    async with serving(MaxBytes(handler, 10), mode) as (client, _):
        for size, status in ((0, 200), (9, 200), (10, 200), (11, 413), (100_000, 413)):
            body = b"x" * size
            response = await client.post("/", body=body if framed == "length" else [body[:5], body[5:]])
            assert response.status == status
            assert (response.header("Connection") == "close") == (status == 413)
