"""A request that can be read: what its handler sees of it.

Requirements H1, H3; RFC 9112 sections 2, 3, 5 and 7.1; Go's readrequest_test.go and serve_test.go.
"""

from __future__ import annotations

import json

import pytest

from holdfast.testing import serving
from tests.whole.modes import every_mode

HOST = "Host: x"


async def say(w, r):
    """Everything that a handler can know of its request."""
    body = (await r.read()).decode("latin-1")
    url = r.url
    await w.write_json(
        {
            "method": r.method,
            "target": r.target,
            "proto": r.proto,
            "host": r.host,
            "scheme": url.scheme,
            "authority": url.host or "",
            "path": r.path.encode("utf-8", "surrogateescape").decode("latin-1"),
            "query": url.raw_query,
            "length": r.content_length,
            "transfer_encoding": r.transfer_encoding,
            "headers": {name: r.headers.values(name) for name in r.headers},
            "body": body,
            "trailers": r.trailers.items(),
        }
    )


def one(line: str, *fields: str, body: str = "") -> bytes:
    return ("\r\n".join([line, *fields, "", ""]) + body).encode("latin-1")


# (what is sent, what of it the handler sees)
# fmt: off
ACCEPTED = {
    "an absolute URI wins over Host":
        (one("GET http://www.example.com/p?q=1 HTTP/1.1", "Host: other"),
         {"target": "http://www.example.com/p?q=1", "host": "www.example.com", "scheme": "http",
          "authority": "www.example.com", "path": "/p", "query": "q=1"}),
    "an absolute URI of another scheme":
        (one("GET ftp://files/a HTTP/1.1", HOST), {"host": "files", "scheme": "ftp", "path": "/a"}),
    "an absolute URI without an authority":
        (one("GET http:///p HTTP/1.1", HOST), {"host": "x", "path": "/p"}),
    "two slashes are a path":
        (one("GET //user@host/is/actually/a/path/ HTTP/1.1", "Host: test"),
         {"host": "test", "authority": "", "path": "//user@host/is/actually/a/path/"}),
    "a broken escape in the query is the query's":
        (one("GET /?q=%zz HTTP/1.1", HOST), {"path": "/", "query": "q=%zz"}),
    "bytes beyond ASCII in the target":
        (one("GET /\xe9 HTTP/1.1", HOST), {"target": "/\xe9", "path": "/\xe9"}),
    "a fragment is a part of the path":
        (one("GET /a#b HTTP/1.1", HOST), {"path": "/a#b"}),
    "a body of chunks, and trailers":
        (one("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Trailer: Md5",
             body="3\r\nfoo\r\n3\r\nbar\r\n0\r\nMd5: abc\r\n\r\n"),
         {"length": -1, "transfer_encoding": ["chunked"], "body": "foobar", "trailers": [["Md5", "abc"]]}),
    "chunked in any case":
        (one("POST / HTTP/1.1", HOST, "Transfer-Encoding: ChunKed", body="1\r\nx\r\n0\r\n\r\n"),
         {"length": -1, "body": "x"}),
    "chunk extensions are skipped":
        (one("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked",
             body='3;a=b;token;quoted="s;p"\r\nfoo\r\n0;last\r\n\r\n'),
         {"body": "foo"}),
    "chunk sizes of any case, with zeros before them":
        (one("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked",
             body="000a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"),
         {"body": "01234567890123456789a"}),
    "a length with zeros before it":
        (one("POST / HTTP/1.1", HOST, "Content-Length: 003", body="abc"),
         {"length": 3, "body": "abc", "headers": {"Host": ["x"], "Content-Length": ["003"]}}),
    "a body of GET":
        (one("GET / HTTP/1.1", HOST, "Content-Length: 3", body="abc"), {"length": 3, "body": "abc"}),
    "no Host in 1.0":
        (one("GET /p HTTP/1.0", "Connection: keep-alive"), {"proto": "HTTP/1.0", "host": "", "path": "/p"}),
    "an empty Host":
        (one("GET / HTTP/1.1", "Host:"), {"host": ""}),
    "a Host of odd but allowed characters":
        (one("GET / HTTP/1.1", "Host: [::1%25eth0]:80,a"), {"host": "[::1%25eth0]:80,a"}),
    "a later 1.x is 1.1":
        (one("GET / HTTP/1.9", HOST), {"proto": "HTTP/1.1"}),
    "a method of any name":
        (one("M-SEARCH * HTTP/1.1", HOST), {"method": "M-SEARCH", "target": "*"}),
    "spaces around a value are none of it":
        (one("GET / HTTP/1.1", HOST, "A: \t b\t c \t"), {"headers": {"Host": ["x"], "A": ["b\t c"]}}),
    "a name that repeats keeps its values in order":
        (one("GET / HTTP/1.1", HOST, "a: 1", "B: 2", "A: 3"),
         {"headers": {"Host": ["x"], "A": ["1", "3"], "B": ["2"]}}),
    "an underscore is no hyphen":
        (one("GET / HTTP/1.1", HOST, "foo_bar: 1", "foo-bar: 2", "Transfer_Encoding: chunked"),
         {"length": 0, "headers": {"Host": ["x"], "Foo_bar": ["1"], "Foo-Bar": ["2"],
                                   "Transfer_encoding": ["chunked"]}}),
    "Trailer without chunks is a field like others":
        (one("POST / HTTP/1.1", HOST, "Trailer: A", "Content-Length: 1", body="x"),
         {"trailers": [], "body": "x"}),
}
# fmt: on


# TestReadRequest, TestServerValidatesHostHeader, TestServerValidatesHeaders,
# TestChunkReadingIgnoresExtensions
@every_mode
@pytest.mark.parametrize("case", ACCEPTED)
async def test_what_a_handler_sees_of_a_request(mode, case):
    sent, seen = ACCEPTED[case]
    async with serving(say, mode) as (client, server):
        peer = await client.connect()
        for _ in range(2):  # the second time, what the first one left behind would show
            await peer.send(sent)
            response = await peer.read_response()
            assert response.status == 200
            found = json.loads(response.body)
            assert {name: found[name] for name in seen} == seen
        assert server.stats().requests == 2


# TestReadRequest: CONNECT
@every_mode
async def test_connect_names_an_authority(mode):
    seen = []

    async def refuse(w, r):
        seen.append((r.host, r.url.host, r.url.port, r.path))
        w.write_header(403)

    async with serving(refuse, mode) as (client, _):
        peer = await client.connect()
        await peer.send(one("CONNECT www.example.com:443 HTTP/1.1", "Host: www.example.com:443"))
        assert (await peer.read_response("CONNECT")).status == 403
    assert seen == [("www.example.com:443", "www.example.com", 443, "")]


# TestCaseSensitiveMethod
@every_mode
async def test_get_is_not_GET(mode):
    seen = []

    async def handler(w, r):
        seen.append(r.method)

    async with serving(handler, mode) as (client, _):
        await client.request("get")
        await client.request("GET")
    assert seen == ["get", "GET"]


# TestReadRequest: whatever arrives how it will, it is the same request
@every_mode
async def test_a_request_that_comes_byte_by_byte_is_the_same(mode):
    sent, seen = ACCEPTED["a body of chunks, and trailers"]
    async with serving(say, mode) as (client, _):
        peer = await client.connect()
        for byte in sent:
            await peer.send(bytes([byte]))
        found = json.loads((await peer.read_response()).body)
        assert {name: found[name] for name in seen} == seen


# H1: on the way out too, names keep the case in which the handler wrote them and values their order
@every_mode
async def test_a_handlers_fields_keep_their_order_and_their_case(mode):
    async def handler(w, r):
        w.headers.add("X-One", "1")
        w.headers.add("x-two", "2")
        w.headers.add("X-ONE", "3")
        assert w.headers.values("x-one") == ["1", "3"]
        assert w.headers["X-TWO"] == "2"

    async with serving(handler, mode) as (client, _):
        response = await client.get()
        mine = [(name, value) for name, value in response.headers if name.lower().startswith("x-")]
        assert [(name.lower(), value) for name, value in mine] == [
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-one", "3"),
        ]


# H1: the case in which names came is kept for whoever asks
@every_mode
async def test_the_case_of_names_as_they_came_is_kept(mode):
    async def handler(w, r):
        await w.write(b",".join(name for name, _ in r.headers.raw))

    async with serving(handler, mode) as (client, _):
        response = await client.get(headers=[("HOST", "x"), ("x-LOWER-Upper", "1")])
        assert response.body == b"HOST,x-LOWER-Upper"


# H3
@every_mode
@pytest.mark.parametrize(
    "spelling", ["X-CSRF-Token", "x-csrf-token", "X-Csrf-Token", "X-CSRF-TOKEN", "x-CSRF-tOKEN"]
)
@pytest.mark.parametrize("asked", ["X-CSRF-Token", "x-csrf-token"])
async def test_a_check_keyed_on_a_header_holds_in_every_spelling(mode, spelling, asked):
    async def handler(w, r):
        allowed = asked in r.headers and r.headers[asked] == "right" and r.headers.values(asked) == ["right"]
        w.write_header(200 if allowed else 403)

    async with serving(handler, mode) as (client, _):
        assert (await client.get(headers={spelling: "right"})).status == 200
        assert (await client.get(headers={spelling: "wrong"})).status == 403
        # an underscore is another name, and two tokens are not one
        assert (await client.get(headers={spelling.replace("-", "_"): "right"})).status == 403
        assert (await client.get(headers=[(spelling, "right"), (spelling.lower(), "x")])).status == 403
