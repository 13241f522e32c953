"""ServeMux: who answers, redirects, 404 and 405, refused registrations.

nethttp.md 10.5: TestHostHandlers, TestServeMuxHandler*, TestMuxRedirect*, TestServeWithSlashRedirect*,
TestMuxNoSlash*, TestStripPortFromHost, TestFindHandler, TestEmptyServeMux, TestRegisterErr,
TestRegisterConflict, TestEscapedPathsAndPatterns.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast import url as urls
from holdfast.errors import PatternConflict, PatternError
from holdfast.headers import Headers
from holdfast.server.mux import ServeMux, default_mux, handle


class Writer:
    """What the mux needs of a ResponseWriter."""

    def __init__(self):
        self.headers = Headers()
        self.status = 0
        self.body = b""

    def write_header(self, status):
        self.status = status

    async def write(self, data):
        self.status = self.status or 200
        self.body += data


class Req:
    """What the mux needs of a Request."""

    def __init__(self, method, target, host="example.com"):
        self.method, self.target = method, target
        self.url = urls.parse_target(method, target)
        self.host = self.url.authority or host
        self.pattern, self.path_values = "", {}


def answers(name):
    async def handler(w, r):
        await w.write(name.encode())

    return handler


def mux_of(*patterns, **options):
    mux = ServeMux(**options)
    for pattern in patterns:
        mux.handle(pattern, answers(pattern))
    return mux


def ask(mux, method, target, host="example.com"):
    w, r = Writer(), Req(method, target, host)
    asyncio.run(mux.serve_http(w, r))
    return w, r


def outcome(mux, method, target, host="example.com"):
    """Return the pattern whose handler answered, a Location, or a status."""
    w, _ = ask(mux, method, target, host)
    if w.status == 307:
        return "-> " + w.headers["Location"]
    return w.body.decode() if w.status == 200 else w.status


# TestHostHandlers, TestStripPortFromHost
@pytest.mark.parametrize(
    ("host", "target", "pattern"),
    [
        ("example.com", "/", "/"),
        ("someHost.com", "/", "someHost.com/"),
        ("someHost.com:8080", "/", "someHost.com/"),
        ("somehost.com", "/", "/"),
        ("someHost.com", "/someDir/apage", "someHost.com/someDir/"),
        ("example.com", "/someDir/apage", "/someDir/"),
        ("otherHost.com", "/a", "otherHost.com/a"),
        ("otherHost.com", "/someDir/b", "/someDir/"),
        ("x", "http://someHost.com/", "someHost.com/"),
        ("x", "http://someHost.com:80/someDir/", "someHost.com/someDir/"),
        ("someHost.com", "/someDir", "-> /someDir/"),
        ("[::1]", "/", "[::1]/"),
        ("[::1]:8080", "/", "[::1]/"),
        ("", "/", "/"),
        ("someHost.com:x", "/", "/"),
    ],
)
def test_a_host_pattern_wins_for_its_host_on_every_port(host, target, pattern):
    mux = mux_of("/", "someHost.com/", "someHost.com/someDir/", "/someDir/", "otherHost.com/a", "[::1]/")
    assert outcome(mux, "GET", target, host) == pattern


# TestFindHandler, TestServeMuxHandler, TestServeMuxHandlerTrailingSlash; nethttp.md 3.4.
@pytest.mark.parametrize(
    ("method", "target", "result"),
    [
        ("GET", "/", "/"),
        ("GET", "//", "-> /"),
        ("GET", "/foo/../bar/./..//baz", "-> /baz"),
        ("GET", "/foo", "/foo"),
        ("GET", "/foo/x", "/foo/"),
        ("GET", "/foo/x/../y", "-> /foo/y"),
        ("GET", "/bar/x", "/bar/"),
        ("GET", "/bar", "-> /bar/"),
        ("GET", "/x/..//bar?q=1", "-> /bar/?q=1"),
        ("GET", "/bar?", "-> /bar/?"),
        ("GET", "/bar?a=%zz&b=1;2#f", "-> /bar/?a=%zz&b=1;2%23f"),
        ("HEAD", "/bar", "-> /bar/"),
        ("POST", "/bar", "-> /bar/"),
        ("GET", "/cafe%CC%81//x", "-> /cafe%CC%81/x"),
        ("GET", "/caf\xc3\xa9//x", "-> /caf%C3%A9/x"),
        ("GET", "/a%2Fb/../c", "-> /c"),
        ("GET", "/%2e%2e/foo", "/"),
        ("GET", "http://example.com", "/"),
        ("GET", "http://example.com?q", "/"),
        ("GET", "http://example.com/bar?q", "-> /bar/?q"),
        ("CONNECT", "a.b:443", "/"),
        ("CONNECT", "/", "/"),
        ("CONNECT", "//", "/"),
        ("CONNECT", "//foo", "//foo"),
        ("CONNECT", "/foo/../bar/./..//baz", "/foo/"),
        ("CONNECT", "/foo", "/foo"),
        ("CONNECT", "/foo/x", "/foo/"),
        ("CONNECT", "/bar/x", "/bar/"),
        ("CONNECT", "/bar", "-> /bar/"),
    ],
)
def test_paths_are_cleaned_and_slashes_added(method, target, result):
    assert outcome(mux_of("/", "/foo/", "/foo", "/bar/", "//foo"), method, target) == result


@pytest.mark.parametrize(
    ("target", "reported"),
    [("/bar", "/bar/"), ("//foo", "/foo"), ("/x/../bar/y", "/bar/"), ("/none/../nope", "")],
)
def test_a_redirect_reports_the_pattern_that_will_match(target, reported):
    mux = mux_of("/foo", "/bar/")
    request = Req("GET", target)
    _, pattern = mux.handler(request)
    assert pattern == reported
    assert (request.pattern, request.path_values) == ("", {})  # asking changes nothing
    w, r = ask(mux, "GET", target)
    assert (w.status, r.pattern) == (307, reported)


# TestMuxRedirectLeadingSlashes, TestMuxRedirectRelative: a Location never names another host.
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "//evil.com"),
        ("GET", "///evil.com/x/.."),
        ("GET", "/.//evil.com"),
        ("GET", "/a/..//evil.com"),
        ("GET", "http://example.com//evil.com"),
        ("CONNECT", "//evil.com"),
        ("GET", "/\\evil.com"),
        ("GET", "/x/../\\evil.com"),
        ("GET", "/%5Cevil.com"),
    ],
)
def test_a_redirect_stays_here(method, target):
    w, _ = ask(mux_of("/{host}/", "CONNECT //evil.com/"), method, target)
    assert w.status == 307
    location = urls.parse(w.headers["Location"])
    assert location.host is None
    assert location.raw_path[:2] not in ("//", "/\\")
    assert "\\" not in w.headers["Location"]


# TestServeMuxHandlerRedirects, TestServeMuxHandlerRedirectPost, TestServeWithSlashRedirectKeepsQueryString
def test_a_redirect_is_307_and_has_a_body_of_text():
    w, _ = ask(mux_of("/a/"), "POST", "/a?x=<script>")
    assert w.status == 307
    assert w.headers["Location"] == "/a/?x=%3Cscript%3E"
    assert w.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert w.body == b"Temporary Redirect\n"


# TestServeWithSlashRedirectForHostPatterns
@pytest.mark.parametrize(
    ("host", "target", "result"),
    [
        ("example.com", "/pkg/foo", "example.com/pkg/foo"),
        ("example.com", "/pkg/foo/", "example.com/pkg/foo/"),
        ("example.com", "/pkg/bar", "example.com/pkg/bar"),
        ("example.com", "/pkg/bar/", 404),
        ("example.com", "/pkg/baz", "-> /pkg/baz/"),
        ("example.com:3000", "/pkg/baz?q=1", "-> /pkg/baz/?q=1"),
        ("other.com", "/pkg/baz", 404),
    ],
)
def test_slash_redirects_of_host_patterns(host, target, result):
    mux = mux_of(
        *("example.com/pkg/foo", "example.com/pkg/foo/", "example.com/pkg/bar", "example.com/pkg/baz/"),
        "example.com:3000/ignored",
    )
    assert outcome(mux, "GET", target, host) == result


# TestMuxNoSlashRedirectWithTrailingSlash, TestMuxNoSlash405WithTrailingSlash
@pytest.mark.parametrize(
    ("patterns", "target", "result"),
    [
        (["/{x}/"], "/fred", "-> /fred/"),
        (["GET /{x}/"], "/fred", "-> /fred/"),
        (["/{x}/", "/{x}"], "/fred", "/{x}"),
        (["/foo"], "/foo/", 404),
        (["PUT /foo"], "/foo/", 404),
        (["PUT /foo/"], "/foo", 405),
        (["PUT /foo/"], "/foo/", 405),
        (["/foo/{x...}"], "/foo", "-> /foo/"),
        (["/foo/{x}"], "/foo/", 404),
        (["/foo/{$}"], "/foo", "-> /foo/"),
        (["/foo/{$}", "/foo/{x}"], "/foo/", "/foo/{$}"),
        (["/", "/foo/"], "/foo", "-> /foo/"),
        (["GET /foo/", "/"], "/foo", "-> /foo/"),
    ],
)
def test_a_final_slash_is_added_only_where_it_is_missing(patterns, target, result):
    assert outcome(mux_of(*patterns), "GET", target) == result


@pytest.mark.parametrize(
    ("method", "target", "status", "allow"),
    [
        ("GET", "/a", 405, "POST, PUT"),
        ("DELETE", "/b", 405, "GET, HEAD"),
        ("GET", "/c", 404, None),
        ("get", "/b", 405, "GET, HEAD"),
        ("POST", "/d", 405, "GET, HEAD, PATCH"),
        ("POST", "/d/", 405, "PATCH"),
        ("OPTIONS", "/b", 405, "GET, HEAD"),
    ],
)
def test_405_says_what_is_allowed(method, target, status, allow):
    w, r = ask(mux_of("POST /a", "PUT /a", "GET /b", "GET /d", "PATCH /d/"), method, target)
    assert (w.status, w.headers.get("Allow"), r.pattern) == (status, allow, "")
    assert w.body == (b"404 page not found\n" if allow is None else b"Method Not Allowed\n")
    assert w.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert w.headers["X-Content-Type-Options"] == "nosniff"


# TestEmptyServeMux
def test_an_empty_mux_says_404():
    w, r = ask(ServeMux(), "GET", "/")
    assert (w.status, r.pattern, r.path_values) == (404, "", {})
    assert ServeMux().handler(Req("GET", "/"))[1] == ""


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "CONNECTED"])
def test_asterisk_is_400_and_closes(method):
    w, _ = ask(mux_of("/"), method, "*")
    assert (w.status, w.headers["Connection"], w.body) == (400, "close", b"")


# TestEscapedPathsAndPatterns: both sides are decoded segment by segment, once.
@pytest.mark.parametrize(
    ("pattern", "target", "values"),
    [
        ("/a/b", "/%61/b", {}),
        ("/%61/b", "/a/%62", {}),
        ("/a%2Fb", "/a%2fb", {}),
        ("/a%2Fb/c", "/a/b/c", None),
        ("/{x}", "/a%2Fb", {"x": "a/b"}),
        ("/{x}/{y}", "/%7Bx%7D/%25zz", {"x": "{x}", "y": "%zz"}),
        ("/%7Bx%7D", "/{x}", {}),
        ("/a/{x...}", "/a/b%2Fc/d%20e/", {"x": "b/c/d e/"}),
        ("/{x}", "/%252F", {"x": "%2F"}),
        ("/a+b", "/a+b", {}),
        ("/é", "/%C3%A9", {}),
        ("/é", "/\xc3\xa9", {}),
        ("/{$}", "/%2F", None),
    ],
)
def test_escapes(pattern, target, values):
    w, r = ask(mux_of(pattern), "GET", target)
    if values is None:
        assert w.status == 404
    else:
        assert (w.status, r.pattern, r.path_values) == (200, pattern, values)


# TestRegisterErr, TestServeMuxHandleFuncWithNilHandler
@pytest.mark.parametrize(
    ("pattern", "handler", "error", "text"),
    [
        ("", answers("x"), PatternError, "empty pattern"),
        ("/{x", answers("x"), PatternError, "offset 1: bad wildcard segment"),
        ("/", 5, TypeError, "a handler is"),
        ("/", "text", TypeError, "a handler is"),
    ],
)
def test_a_bad_registration_is_refused(pattern, handler, error, text):
    mux = ServeMux()
    with pytest.raises(error, match=text):
        mux.handle(pattern, handler)
    assert mux.routes() == []


# TestRegisterConflict
def test_a_conflict_names_both_patterns_and_where_they_were_registered():
    mux = ServeMux()
    mux.handle("/a/{x}", answers("one"))
    with pytest.raises(PatternConflict) as refusal:
        mux.handle("/{y}/b", answers("two"))
    first, _, rest = str(refusal.value).partition("\n")
    assert 'pattern "/{y}/b" (registered at ' in first
    assert 'conflicts with pattern "/a/{x}" (registered at ' in first
    assert first.count("test_mux.py:") == 2
    assert "Both match /a/b" in rest
    assert isinstance(refusal.value, ValueError)
    assert [route.pattern.text for route in mux.routes()] == ["/a/{x}"]


def test_handle_is_a_decorator_too():
    mux = ServeMux()

    @mux.handle("GET /one")
    @mux.handle("GET /two/{x}")
    async def handler(w, r):
        await w.write(r.pattern.encode())

    assert asyncio.iscoroutinefunction(handler)
    assert mux.handle("/three", handler) is handler
    assert outcome(mux, "GET", "/one") == "GET /one"
    assert outcome(mux, "HEAD", "/two/2") == "GET /two/{x}"
    assert [route.pattern.text for route in mux.routes()] == ["GET /two/{x}", "GET /one", "/three"]


def test_an_object_with_serve_http_is_a_handler_so_that_muxes_nest():
    outer = ServeMux()
    outer.handle("/in/", mux_of("/in/{x}"))
    assert outcome(outer, "GET", "/in/a") == "/in/{x}"
    assert outcome(outer, "GET", "/in/a/b") == 404


def test_own_answers_to_404_and_405():
    async def lost(w, r):
        w.write_header(404)
        await w.write(b"lost " + r.target.encode())

    async def wrong(w, r):
        w.write_header(405)
        await w.write(b"try " + w.headers["Allow"].encode())

    mux = mux_of("GET /a", not_found=lost, method_not_allowed=wrong)
    w, _ = ask(mux, "GET", "/b")
    assert (w.status, w.body) == (404, b"lost /b")
    w, _ = ask(mux, "PUT", "/a")
    assert (w.status, w.body) == (405, b"try GET, HEAD")
    with pytest.raises(TypeError):
        ServeMux(not_found=404)


def test_path_values_of_an_outer_mux_do_not_remain():
    w, r = Writer(), Req("GET", "/a")
    r.path_values = {"old": "1"}
    asyncio.run(mux_of("/{x}").serve_http(w, r))
    assert r.path_values == {"x": "a"}


def test_the_default_mux_is_where_handle_registers():
    assert handle.__self__ is default_mux
