import asyncio

import pytest

from holdfast.errors import ConnectionReset
from holdfast.server.pipeline import _runs_beside
from holdfast.testing import serving
from holdfast.wire.h1.decoder import RequestDecoder

HEADS = [
    ("GET / HTTP/1.1", True),
    ("HEAD / HTTP/1.1", True),
    ("OPTIONS * HTTP/1.1", True),
    ("GET / HTTP/1.1\r\nConnection: close", True),
    ("GET / HTTP/1.1\r\nContent-Length: 0", True),
    ("GET / HTTP/1.1\r\nContent-Length: 1", False),
    ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked", False),
    ("GET / HTTP/1.1\r\nExpect: 100-continue", True),  # without a body it expects nothing
    ("GET / HTTP/1.1\r\nExpect: a-miracle", False),
    ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket", False),
    ("GET / HTTP/1.0\r\nConnection: keep-alive", False),
    ("POST / HTTP/1.1\r\nContent-Length: 0", False),
    ("DELETE / HTTP/1.1", False),
    ("PROPFIND / HTTP/1.1", False),
    ("CONNECT x:1 HTTP/1.1", False),
]


@pytest.mark.parametrize(("head", "beside"), HEADS, ids=[head.replace("\r\n", ", ") for head, _ in HEADS])
def test_what_may_run_beside_others(head, beside):
    decoder = RequestDecoder()
    host = "x:1" if "CONNECT" in head else "x"
    decoder.feed(f"{head}\r\nHost: {host}\r\n\r\n".encode())
    assert _runs_beside(decoder.next_event()) is beside


async def handler(w, r):
    """Take some turns of the loop, and end in one of many ways; the path says all."""
    turns, _, way = r.path.strip("/").partition("-")
    for _ in range(int(turns)):
        await asyncio.sleep(0)
    if way == "fail":
        raise LookupError("on purpose")
    if way == "close":
        w.headers["Connection"] = "close"
    if way == "length":
        w.headers["Content-Length"] = "3"
    await w.write("abc" if way == "length" else r.path)
    if way == "flush":
        body = await r.read()  # after the flush it could not be read any more
        await w.flush()
        await w.write(body)
    if way == "large":
        await w.write("x" * 100_000)


def batch(rng):
    """Pipelined requests as bytes; the last one closes."""
    ways = ["", "", "", "flush", "length", "large"] + (["fail", "close"] if rng.random() < 0.2 else [])
    wire = b""
    for _ in range(rng.randrange(1, 25)):
        path = f"/{rng.randrange(6)}-{rng.choice(ways)}".encode()
        wire += rng.choice(
            [
                b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n",
                b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
                b"PUT %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
                b"GET %b HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n" if rng.random() < 0.1 else b"",
            ]
        ).replace(b"%b", path)
    last = b"GET /0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return wire + rng.choice([last, b"malformed\r\n\r\n"])


async def answers(pieces, **settings):
    async with serving(handler, date_header=False, **settings) as (client, _):
        peer = await client.connect()
        try:
            for piece in pieces:
                await peer.send(piece)
                await asyncio.sleep(0)
        except ConnectionReset:
            pass  # it has said its last word
        return await peer.read_until_closed()


@pytest.mark.parametrize("model", ["task", "pool"])
@pytest.mark.parametrize("round_", range(15))
async def test_a_peer_cannot_tell_the_difference(round_, model, rng):
    wire = batch(rng)
    cuts = sorted(rng.randrange(len(wire)) for _ in range(rng.randrange(5)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    settings = {"concurrency": model, "pool_size": rng.randrange(1, 5), "max_pipelined": rng.randrange(1, 9)}
    assert await answers(pieces, pipeline="concurrent", **settings) == await answers(pieces)
