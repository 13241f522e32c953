"""The benchmark program as an ASGI application."""

from __future__ import annotations

from typing import Any

from benchmarks.apps import CHUNK, CHUNKS, LARGE, SHORT, burn

__all__ = ["app"]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    path = scope["path"]
    if path == "/large":
        await _answer(send, LARGE)
    elif path == "/upload":
        await _answer(send, str(await _count(receive)).encode())
    elif path == "/chunks":
        await _chunks(send)
    elif path == "/work":
        burn()
        await _answer(send, SHORT)
    else:
        await _answer(send, SHORT)


async def _answer(send: Any, body: bytes) -> None:
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _chunks(send: Any) -> None:
    fields = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body"})


async def _count(receive: Any) -> int:
    received, more = 0, True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        received += len(message["body"])
        more = message["more_body"]
    return received
