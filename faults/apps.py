"""What the servers under test serve: the same paths as an ASGI application and as a native handler.

    /?id=7&ms=20       answers "7" after 20 ms; a body is read first, and its length added: "7 1000"
    /block?s=8&gil=1   blocks the loop's thread, with the GIL held or free
    /large             8 MiB in pieces
    /events            a line each 100 ms, until the client has left
    /wait              waits until the client has left
    /counters          what this process counts about itself, as JSON

With ``FAULTS_BEGUN`` in the environment, each ``id`` is noted in that file when its handler starts.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from holdfast import Request, ResponseWriter

__all__ = ["LARGE", "app", "native"]

LARGE = 8 << 20
PIECE = b"x" * (64 << 10)

counts = {"begun": 0, "told": 0}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI application; without lifespan."""
    if scope["type"] != "http":
        raise RuntimeError(f"{scope['type']} is not spoken here")
    path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode()))
    if path == "/wait":
        counts["begun"] += 1
        while (await receive())["type"] != "http.disconnect":
            pass
        counts["told"] += 1
    elif path == "/events":
        await _events(receive, send)
    elif path == "/large":
        await _start(send, LARGE)
        for left in range(LARGE // len(PIECE) - 1, -1, -1):
            await send({"type": "http.response.body", "body": PIECE, "more_body": left > 0})
    else:
        note(query)
        length = await _length(receive) if scope["method"] == "POST" else None
        answer = await answer_to(path, query, length)
        await _start(send, len(answer))
        await send({"type": "http.response.body", "body": answer})


async def native(w: ResponseWriter, r: Request) -> None:
    """The native handler."""
    query = {name: values[-1] for name, values in r.query.items()}
    if r.path == "/wait":
        counts["begun"] += 1
        await r.disconnected
        counts["told"] += 1
    elif r.path == "/large":
        w.headers["Content-Length"] = str(LARGE)
        for _ in range(LARGE // len(PIECE)):
            await w.write(PIECE)
    else:
        note(query)
        length = len(await r.body.read()) if r.method == "POST" else None
        await w.write(await answer_to(r.path, query, length))


async def answer_to(path: str, query: dict[str, str], length: int | None) -> bytes:
    """The body for ``path``, after what it asks for was done."""
    if path == "/counters":
        return json.dumps(own_counters()).encode()
    if path == "/block":
        block(float(query["s"]), held=query.get("gil") == "1")
    elif "ms" in query:
        await asyncio.sleep(int(query["ms"]) / 1000)
    return f"{query.get('id', 'ok')}{'' if length is None else f' {length}'}".encode()


def block(seconds: float, *, held: bool) -> None:
    """Let nothing else run in this thread; with the GIL held, in no other thread of Python either."""
    if held:
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))
    else:
        time.sleep(seconds)


def note(query: dict[str, str]) -> None:
    """Write down that the handler of a request has started."""
    if _BEGUN is not None and "id" in query:
        os.write(_BEGUN, f"{query['id']}\n".encode())


def own_counters() -> dict[str, int]:
    """This process: its tasks, its descriptors, and what its handlers counted."""
    tasks = len(asyncio.all_tasks())
    return {"pid": os.getpid(), "tasks": tasks, "descriptors": len(os.listdir("/proc/self/fd")), **counts}


async def _events(receive: Any, send: Any) -> None:
    fields = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    gone = asyncio.get_running_loop().create_task(_gone(receive))
    try:
        while not gone.done():
            await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
            await asyncio.wait([gone], timeout=0.1)
    finally:
        gone.cancel()


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _length(receive: Any) -> int:
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client left in mid-body")
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    return length


async def _start(send: Any, length: int) -> None:
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": fields})


def _open_begun() -> int | None:
    path = os.environ.get("FAULTS_BEGUN")
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else None


_BEGUN = _open_begun()
