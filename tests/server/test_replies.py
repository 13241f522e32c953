"""Errors, 404 and redirects.

nethttp.md 10.4: TestError, TestRedirect, TestRedirectEscapedPath, TestRedirectBadPath,
TestRedirectContentTypeAndBody.
"""

from __future__ import annotations

import pytest

from holdfast.server.replies import Redirect, error, not_found, redirect
from holdfast.testing import recorder, serving


async def test_an_error_drops_the_length_and_forbids_sniffing():
    w, _ = recorder()
    w.headers["Content-Length"] = "1000"
    w.headers["Content-Type"] = "text/html"
    w.headers["Content-Encoding"] = "identity"
    await error(w, "it is gone", 410)
    response = await w.result()
    assert (response.status, response.body) == (410, b"it is gone\n")
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("Content-Length") == "11"
    assert response.header("Content-Encoding") == "identity"


async def test_not_found():
    w, r = recorder()
    await not_found(w, r)
    response = await w.result()
    assert (response.status, response.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_nothing_has_to_be_awaited(status):
    async def handler(w, r):
        (redirect(w, r, "/x", 302) if status == 302 else error(w, "no", status))

    async with serving(handler) as (client, _):
        assert (await client.get("/")).status == status


async def test_a_plain_function_answers_with_them():
    def handler(w, r):
        if r.path == "/old":
            redirect(w, r, "new", 303)
        elif r.path == "/big":
            error(w, "x" * 100_000, 500)
        else:
            not_found(w, r)

    async with serving(handler) as (client, _):
        assert (await client.get("/")).status == 404
        assert (await client.get("/old")).header("Location") == "/new"
        assert len((await client.get("/big")).body) == 100_001


async def test_an_error_longer_than_the_buffer_is_sent_when_awaited():
    async def handler(w, r):
        await error(w, "x" * 100_000, 500)

    async with serving(handler) as (client, _):
        assert len((await client.get("/")).body) == 100_001


async def test_a_wrapper_that_only_writes_is_enough():
    class Wrapper:
        def __init__(self, w):
            self.headers, self.write_header, self.inner = w.headers, w.write_header, w

        async def write(self, data):
            await self.inner.write(data.upper())

    w, _ = recorder()
    await error(Wrapper(w), "loud", 400)
    assert (await w.result()).body == b"LOUD\n"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("http://foobar.com/baz", "http://foobar.com/baz"),
        ("https://foobar.com/baz", "https://foobar.com/baz"),
        ("test://foobar.com/baz", "test://foobar.com/baz"),
        ("//foobar.com/baz", "//foobar.com/baz"),
        ("/foobar.com/baz", "/foobar.com/baz"),
        ("foobar.com/baz", "/qux/foobar.com/baz"),
        ("../quux/foobar.com/baz", "/quux/foobar.com/baz"),
        ("///foobar.com/baz", "/foobar.com/baz"),
        ("/\\foobar.com/baz", "/%5Cfoobar.com/baz"),
        ("", "/qux/"),
        ("../", "/"),
        ("/foo?next=http://bar.com/../", "/foo?next=http://bar.com/../"),
        ("http://localhost:8080/_ah/login?continue=http://localhost:8080/",) * 2,
        ("/фубар", "/%d1%84%d1%83%d0%b1%d0%b0%d1%80"),
        ("http://foo.com/фубар", "http://foo.com/%d1%84%d1%83%d0%b1%d0%b0%d1%80"),
        ("http://[broken/", "http://[broken/"),
    ],
)
async def test_where_a_redirect_leads(url, location):
    w, r = recorder("GET", "/qux/")
    await redirect(w, r, url, 302)
    response = await w.result()
    assert (response.status, response.header("Location")) == (302, location)


async def test_a_relative_redirect_keeps_the_escapes_of_the_request():
    w, r = recorder("GET", "/foo%2Fbar/x")
    await redirect(w, r, "qux", 302)
    assert (await w.result()).header("Location") == "/foo%2Fbar/qux"


async def test_a_request_without_a_path_is_no_trouble():
    w, r = recorder("OPTIONS", "*")
    await redirect(w, r, "x", 302)
    assert (await w.result()).header("Location") == "/x"


@pytest.mark.parametrize(
    ("method", "given", "kind", "body"),
    [
        ("GET", None, "text/html; charset=utf-8", b'<a href="/foo?a=1&amp;b=&quot;">Found</a>.\n\n'),
        ("HEAD", None, "text/html; charset=utf-8", b""),
        ("POST", None, None, b""),
        ("DELETE", None, None, b""),
        ("GET", "application/test", "application/test", b""),
        ("POST", "application/test", "application/test", b""),
    ],
)
async def test_the_page_of_a_redirect(method, given, kind, body):
    w, r = recorder(method, "/")
    if given:
        w.headers["Content-Type"] = given
    await redirect(w, r, '/foo?a=1&b="', 302)
    response = await w.result()
    assert (response.header("Content-Type"), response.body) == (kind, body)


async def test_a_redirect_cannot_end_a_header_line():
    w, r = recorder()
    with pytest.raises(ValueError, match="Location"):
        redirect(w, r, "http://x/\r\nSet-Cookie: a=b", 302)


async def test_the_handler_redirects():
    async with serving(Redirect("/new", 308)) as (client, _):
        response = await client.post("/old", body=b"x")
        assert (response.status, response.header("Location")) == (308, "/new")
