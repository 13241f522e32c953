"""What a server is doing, over HTTP: for those who run it, behind a path or a port of their own (S22)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.message import Request
    from holdfast.server.response import ResponseWriter
    from holdfast.server.server import Server

__all__ = ["snapshot_page"]


async def snapshot_page(w: ResponseWriter, r: Request) -> None:
    """Answer with ``stats()`` and ``connections()`` of the request's own server, as JSON.

    It tells addresses, requests and where handlers stand: mount it where only operators come.
    """
    server: Server = r.context["server"]
    w.headers["Cache-Control"] = "no-store"
    connections = [asdict(info) for info in server.connections()]
    await w.write_json({"stats": asdict(server.stats()), "connections": connections})
