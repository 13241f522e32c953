"""ServeMux in a server: which handler a request on the wire comes to, and what is answered where none is.

Patterns, precedence and paths by themselves, in their tables: tests/server/test_mux.py, test_pattern.py and
test_routing.py.  Go's serve_test.go and server_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import PatternConflict, PatternError
from holdfast.server.mux import ServeMux
from holdfast.testing import serving
from tests.whole.modes import every_mode


def mux_of(*patterns: str) -> ServeMux:
    """A mux whose every handler says which pattern matched, and what its wildcards stand for."""
    mux = ServeMux()

    async def say(w, r):
        values = ",".join(f"{name}={value}" for name, value in r.path_values.items())
        await w.write(f"{r.pattern} {values}".strip())

    for pattern in patterns:
        mux.handle(pattern, say)
    return mux


async def ask(client, line: str, host: str = "localhost", body: bytes = b""):
    method, _, target = line.partition(" ")
    return await client.request(method, target, headers={"Host": host}, body=body)


# TestHostHandlers, TestStripPortFromHost
@every_mode
@pytest.mark.parametrize(
    ("host", "target", "pattern"),
    [
        ("localhost", "/", "/"),
        ("localhost", "/some", "/"),
        ("alt.com", "/other", "alt.com/"),
        ("alt.com:8080", "/other", "alt.com/"),
        ("alt.com:8080", "http://alt.com:9/other", "alt.com/"),
        ("localhost", "http://alt.com/other", "alt.com/"),  # an absolute target wins over Host
        ("[::1]:80", "/", "[::1]/"),
        ("sub.alt.com", "/other", "/"),
    ],
)
async def test_a_host_pattern_wins_for_its_host_on_every_port(mode, host, target, pattern):
    async with serving(mux_of("/", "alt.com/", "[::1]/"), mode) as (client, _):
        response = await ask(client, f"GET {target}", host)
        assert (response.status, response.body.decode()) == (200, pattern)


# TestRoutingNodeMatch, TestExactMatch: nethttp.md 3.3
@every_mode
async def test_the_most_specific_pattern_answers_and_its_wildcards_have_values(mode):
    mux = mux_of(
        "/item/",
        "POST /item/{user}",
        "GET /item/{user}",
        "/item/{user}",
        "/item/{user}/{id}",
        "/item/{user}/new",
        "/item/{$}",
        "POST alt.com/item/{user}",
        "GET /headwins",
        "/path/{p...}",
    )
    async with serving(mux, mode) as (client, server):
        for line, host, said in [
            ("GET /item/jba", "x", "GET /item/{user} user=jba"),
            ("get /item/jba", "x", "/item/{user} user=jba"),
            ("POST /item/jba/17", "x", "/item/{user}/{id} user=jba,id=17"),
            ("GET /item/jba/new", "x", "/item/{user}/new user=jba"),
            ("GET /item/", "x", "/item/{$}"),
            ("GET /item/jba/17/line2", "x", "/item/"),
            ("POST /item/jba", "alt.com", "POST alt.com/item/{user} user=jba"),
            ("POST /item/jba", "x", "POST /item/{user} user=jba"),
            ("GET /item/jba", "alt.com", "GET /item/{user} user=jba"),
            ("GET /path/*", "x", "/path/{p...} p=*"),
            ("GET /path/a/b", "x", "/path/{p...} p=a/b"),
        ]:
            response = await ask(client, line, host)
            assert (response.status, response.body.decode()) == (200, said)
        head = await ask(client, "HEAD /item/jba")
        assert (head.status, head.header("Content-Length")) == (200, str(len("GET /item/{user} user=jba")))
        assert server.stats().connections_accepted == 1


# TestServeMuxHandlerRedirects, TestServeWithSlashRedirectKeepsQueryString, TestFindHandler
@every_mode
@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/dir", "/dir/"),
        ("/dir?a=b&c=d", "/dir/?a=b&c=d"),
        ("//dir//file", "/dir/file"),
        ("/dir/../dir/file?q=/../", "/dir/file?q=/../"),
        ("/dir/%2e%2e/x", None),  # an escaped dot is not cleaned: nothing but its text
        ("//evil.example/dir/", "/evil.example/dir/"),  # TestMuxRedirectLeadingSlashes
        ("/./", "/"),
    ],
)
async def test_a_redirect_goes_to_the_clean_path_and_keeps_the_query(mode, target, location):
    async with serving(mux_of("/", "/dir/", "/dir/file"), mode) as (client, _):
        response = await ask(client, f"GET {target}")
        if location is None:
            assert response.status == 200
        else:
            assert (response.status, response.header("Location")) == (307, location)


# TestServeMuxHandlerRedirectPost
@every_mode
@pytest.mark.rfc("9110", "15.4.8", "the user agent MUST NOT change the request method")
async def test_a_redirected_post_stays_one(mode):
    async with serving(mux_of("POST /dir/"), mode) as (client, server):
        response = await ask(client, "POST /dir?x=1", body=b"abc")
        assert (response.status, response.header("Location")) == (307, "/dir/?x=1")
        response = await ask(client, f"POST {response.header('Location')}", body=b"abc")
        assert (response.status, response.body) == (200, b"POST /dir/")
        assert server.stats().connections_accepted == 1


# TestMuxNoSlashRedirectWithTrailingSlash, TestMuxNoSlash405WithTrailingSlash
@every_mode
async def test_a_path_that_ends_in_a_slash_is_not_redirected_nor_is_another_method_offered(mode):
    async with serving(mux_of("/a/{x}/", "GET /b/{x}"), mode) as (client, _):
        assert (await ask(client, "GET /a/")).status == 404
        assert (await ask(client, "POST /b/")).status == 404
        assert (await ask(client, "POST /b/1")).status == 405


# TestMatchingMethods
@every_mode
@pytest.mark.parametrize(
    ("line", "allow"),
    [
        ("DELETE /both", "GET, HEAD, POST"),
        ("GET /put", "PUT"),
        ("get /both", "GET, HEAD, POST"),
        ("DELETE /dir", "GET, HEAD"),  # and with a slash it would match
    ],
)
@pytest.mark.rfc("9110", "15.5.6", "The origin server MUST generate an Allow header field in a 405 response")
async def test_where_only_the_method_is_wrong_405_says_which_are_right(mode, line, allow):
    mux = mux_of("GET /both", "POST /both", "PUT /put", "GET /dir/")
    async with serving(mux, mode) as (client, _):
        response = await ask(client, line)
        assert (response.status, response.header("Allow")) == (405, allow)
        assert response.body == b"Method Not Allowed\n"


# TestEmptyServeMux
@every_mode
async def test_an_empty_mux_says_404(mode):
    async with serving(ServeMux(), mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.body) == (404, b"404 page not found\n")


# TestFindHandler: CONNECT
@every_mode
async def test_the_path_of_connect_is_not_cleaned(mode):
    async with serving(mux_of("CONNECT //a//b", "CONNECT /dir/"), mode) as (client, _):
        for target, status in [("//a//b", 200), ("/dir", 307)]:
            peer = await client.connect()
            await peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            response = await peer.read_response("CONNECT")
            assert response.status == status


# nethttp.md 3.4: of the server as a whole, OPTIONS apart, a mux has nothing to say
@every_mode
async def test_an_asterisk_is_400_and_closes(mode):
    async with serving(mux_of("/"), mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n")
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (400, "close")
        assert await peer.expect_closed() == "eof"


# TestEscapedPathsAndPatterns
@every_mode
@pytest.mark.parametrize(
    ("pattern", "target", "said"),
    [
        ("/a%2Fb/{x}", "/a%2fb/c%20d", "/a%2Fb/{x} x=c d"),
        ("/a/{x}", "/a/b%2Fc", "/a/{x} x=b/c"),
        ("/a/{x...}", "/a/b%2Fc/d", "/a/{x...} x=b/c/d"),
        ("/%7B/{x}", "/%7b/%7d", "/%7B/{x} x=}"),
        ("/{x}", "/%C3%A9", "/{x} x=é"),
    ],
)
async def test_paths_and_patterns_are_decoded_segment_by_segment(mode, pattern, target, said):
    async with serving(mux_of(pattern), mode) as (client, _):
        response = await ask(client, f"GET {target}")
        assert (response.status, response.body.decode()) == (200, said)


# TestRegisterErr, TestRegisterConflict, TestParsePatternError, TestConflictsWith: a server that would
# serve the wrong handler is never made
def test_what_could_not_work_is_refused_where_it_is_registered():
    mux = mux_of("/a/{x}", "GET /foo", "/foo")
    with pytest.raises(PatternError, match="at offset 1: bad wildcard segment"):
        mux.handle("/{w}x", lambda w, r: None)
    for pattern in ("/a/{y}", "/{x}/b", "GET /{y}/b"):
        with pytest.raises(PatternConflict, match=r"test_mux\.py:\d+"):
            mux.handle(pattern, lambda w, r: None)
    with pytest.raises(TypeError):
        mux.handle("/ok", 5)
    assert [str(route.pattern) for route in mux.routes()] == ["/a/{x}", "GET /foo", "/foo"]
