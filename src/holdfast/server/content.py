"""Serving content that can be read from anywhere: conditions, ranges, and the bytes.

``conditional`` decides; this writes what was decided.  The same steps serve a file of a
``FileServer`` and whatever an application can seek in.

Rule: what fails is answered without the fields that were set for the content: an error is not to be
cached as the content would be.

Go's net/http ``ServeContent``; RFC 9110 sections 13, 14 and 15.3.7.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from holdfast import limits
from holdfast.conditional import Outcome, decide, parse_range, unsatisfied_range
from holdfast.dates import http_date
from holdfast.errors import RangeError
from holdfast.mime import SNIFF_LENGTH, detect_content_type, type_by_extension
from holdfast.net.disk import on_a_thread, regular_file
from holdfast.server.blocking import also_blocking
from holdfast.server.filebody import read_file
from holdfast.server.replies import error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.conditional import ByteRange
    from holdfast.message import Request

__all__ = ["not_modified", "send_content", "serve_content", "serve_error", "set_last_modified"]


@also_blocking
async def serve_content(w: Any, r: Request, name: str, modtime: float | datetime | None, file: Any) -> None:
    """Answer with the content of ``file``: all of it, or what conditions and ranges ask for.

    Set ``ETag`` before, if the content has one: ``If-Match`` and its kin are answered by it.

    Args:
        name: its extension gives the Content-Type where none is set; otherwise the first bytes do.
        modtime: when the content last changed, in seconds since the epoch; None or 0 when unknown.
        file: a binary file that can seek.  Its position is lost; it is not closed.

    Raises OSError when ``file`` cannot be read, and what ``ResponseWriter.send_file`` raises.
    """
    await send_content(w, r, name, modtime.timestamp() if isinstance(modtime, datetime) else modtime, file)


async def send_content(
    w: Any, r: Request, name: str, modtime: float | None, file: Any, size: int | None = None
) -> None:
    """``serve_content`` of a file, or a descriptor; of ``size`` bytes, if that is known already."""
    headers = w.headers
    set_last_modified(w, modtime)
    decision = decide(r.method, _asker(r), headers.get("ETag", ""), modtime)
    if decision.outcome is Outcome.NOT_MODIFIED:
        not_modified(w)
        return
    if decision.outcome is Outcome.PRECONDITION_FAILED:
        w.write_header(412)
        return
    if size is None:
        try:
            size = await _size_of(file)
        except (OSError, ValueError):
            await serve_error(w, "seeker can't seek", 500)
            return
    if "Content-Type" not in headers:
        kind = type_by_extension(name) or detect_content_type(await read_file(file, 0, SNIFF_LENGTH))
        headers["Content-Type"] = kind
    try:
        parts = parse_range(decision.range, size)
    except RangeError as wrong:
        if wrong.unsatisfiable:
            headers["Content-Range"] = unsatisfied_range(size)
        why = ": failed to overlap" if wrong.unsatisfiable else ""
        await serve_error(w, f"invalid range{why}", 416)
        return
    headers["Accept-Ranges"] = "bytes"
    if len(parts) > 1:
        await _send_parts(w, r, file, size, parts)
    elif parts:
        headers["Content-Range"] = parts[0].content_range(size)
        await _send_one(w, r, file, *parts[0], status=206)
    else:
        await _send_one(w, r, file, 0, size, status=200)


def _asker(r: Request) -> Callable[[str], str | None]:
    """Asks for a field's lines as one list; most requests have none of those that are asked for."""
    headers = r.headers
    return lambda name: headers.get_joined(name) if name in headers else None


async def _size_of(file: Any) -> int:
    descriptor = regular_file(file)
    if descriptor is not None:
        return os.fstat(descriptor).st_size
    size: int = await on_a_thread(file.seek, 0, os.SEEK_END)
    return size


async def _send_one(w: Any, r: Request, file: Any, start: int, length: int, status: int) -> None:
    if status == 206 or not w.headers.get("Content-Encoding"):
        w.headers["Content-Length"] = str(length)
    w.write_header(status)
    if r.method != "HEAD":
        await _send_file(w, file, start, length)


async def _send_parts(w: Any, r: Request, file: Any, size: int, parts: list[ByteRange]) -> None:
    """RFC 9110 15.3.7.2."""
    headers = w.headers
    boundary = secrets.token_hex(16)
    kind = headers["Content-Type"] if headers.get("Content-Type") else "application/octet-stream"
    line = f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: "
    heads = [f"{line}{part.content_range(size)}\r\n\r\n".encode("latin-1") for part in parts]
    heads[0] = heads[0][2:]
    end = f"\r\n--{boundary}--\r\n".encode()
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    headers["Content-Length"] = str(sum(map(len, heads)) + sum(part.length for part in parts) + len(end))
    w.write_header(206)
    if r.method == "HEAD":
        return
    for head, part in zip(heads, parts, strict=True):
        await w.write(head)
        await _send_file(w, file, *part)
    await w.write(end)


async def _send_file(w: Any, file: Any, offset: int, count: int) -> None:
    """Send a part of ``file`` through ``w``, whose writer may be a wrapper that only writes."""
    send = getattr(w, "send_file", None)
    if send is not None:
        await send(file, offset, count)
        return
    while count and (data := await read_file(file, offset, min(count, limits.FILE_PIECE))):
        await w.write(data)
        offset += len(data)
        count -= len(data)


def set_last_modified(w: Any, modtime: float | None) -> None:
    """Say when the content last changed, unless that is unknown."""
    if modtime:
        w.headers["Last-Modified"] = http_date(int(modtime)).decode()


def not_modified(w: Any) -> None:
    """Answer 304: what the client has is good, and only what it needs to know that is repeated."""
    headers = w.headers
    for name in ("Content-Type", "Content-Length", "Content-Encoding"):
        del headers[name]
    if headers.get("ETag"):
        del headers["Last-Modified"]
    w.write_header(304)


def serve_error(w: Any, text: str, status: int) -> Awaitable[None]:
    """Answer an error in the place of content."""
    for name in _OF_THE_CONTENT:
        del w.headers[name]
    return error(w, text, status)


_OF_THE_CONTENT: Final = ("Cache-Control", "Content-Encoding", "ETag", "Last-Modified")
