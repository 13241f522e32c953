"""All of a source into a response: what Go's ``io.Copy(w, source)`` does.

Go's net/http server.go ``(*response).ReadFrom``.
"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.errors import ContentLengthError
from holdfast.net.disk import on_a_thread, regular_file

if TYPE_CHECKING:
    from holdfast.server.response import ResponseWriter

__all__ = ["copy_into"]


async def copy_into(w: ResponseWriter, source: Any) -> int:
    """Write what ``source`` has left to ``w``; see ``ResponseWriter.read_from``."""
    descriptor = regular_file(source)
    if descriptor is not None and not isinstance(source, int):
        return await _copy_file(w, source, descriptor)
    before = w.bytes_written
    while data := await _read(source):
        if not w.status:
            w.write_header(200)
        room = w.room
        if room is not None and len(data) > room:
            await w.write(data[:room])
            raise ContentLengthError("the source has more bytes than the declared Content-Length")
        await w.write(data)
    return w.bytes_written - before


async def _copy_file(w: ResponseWriter, file: Any, descriptor: int) -> int:
    offset: int = file.tell()
    size = max(os.fstat(descriptor).st_size - offset, 0)
    if size and not w.status:
        w.write_header(200)
    room = w.room
    count = size if room is None else min(size, room)
    await w.send_file(file, offset, count)
    file.seek(offset + count)
    if count < size:
        raise ContentLengthError(f"the file has {size - count} bytes more than the declared Content-Length")
    return count


async def _read(source: Any) -> bytes:
    read = source.read
    if inspect.iscoroutinefunction(read):
        data: bytes = await read(limits.FILE_PIECE)
    else:
        data = await on_a_thread(read, limits.FILE_PIECE)
    return data
