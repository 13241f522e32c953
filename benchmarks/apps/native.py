"""The benchmark program as a native handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.apps import CHUNK, CHUNKS, LARGE, SHORT, burn

if TYPE_CHECKING:
    from holdfast import Request, ResponseWriter

__all__ = ["handler"]


async def handler(w: ResponseWriter, r: Request) -> None:
    path = r.path
    w.headers["Content-Type"] = "text/plain"
    if path == "/large":
        w.headers["Content-Length"] = str(len(LARGE))
        await w.write(LARGE)
    elif path == "/upload":
        await w.write(str(await _count(r)))
    elif path == "/chunks":
        for _ in range(CHUNKS):
            await w.write(CHUNK)
            await w.flush()
    elif path == "/work":
        burn()
        await w.write(SHORT)
    else:
        await w.write(SHORT)


async def _count(r: Request) -> int:
    received = 0
    async for piece in r.body:
        received += len(piece)
    return received
