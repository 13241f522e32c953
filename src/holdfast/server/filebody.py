"""A file, or a part of one, as a piece of a response's body.

The kernel sends it where the body goes on the wire as it is: a plain connection, a
regular file, no chunks.  Everywhere else, and for what is small, it is read and written
piece by piece; both ways the peer's pace is waited for, and its stall clock runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.errors import LocalProtocolError
from holdfast.net.disk import on_a_thread, read_at, regular_file
from holdfast.net.sendfile import FileSender
from holdfast.net.tasks import sleep
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket

    from holdfast.server.exchange import Exchange
    from holdfast.wire.h1.response import ResponseEncoder

__all__ = ["read_file", "send_file"]


async def read_file(file: Any, offset: int, size: int) -> bytes:
    """Return up to ``size`` bytes of an open file, or of a descriptor, from ``offset``; b"" at its end.

    Raises OSError, also for what cannot seek.
    """
    descriptor = regular_file(file)
    if descriptor is not None:
        return await read_at(descriptor, offset, size)
    await on_a_thread(file.seek, offset)
    data: bytes = await on_a_thread(file.read, size)
    return data


async def send_file(
    exchange: Exchange, response: ResponseEncoder, file: Any, offset: int, count: int
) -> None:
    """Send ``count`` bytes of ``file`` from ``offset``; see ``Exchange.send_file``."""
    if count > limits.FILE_IN_ONE_WRITE and response.is_bare:
        sock, descriptor = _plain_socket(exchange), regular_file(file)
        if sock is not None and descriptor is not None:
            sent = await _send_by_kernel(exchange, response, sock, descriptor, offset, count)
            offset += sent
            count -= sent
    while count:
        data = await read_file(file, offset, min(count, limits.FILE_PIECE))
        if not data:
            raise LocalProtocolError(f"the file ended {count} bytes before what was to be sent of it")
        exchange.write(data)
        await exchange.drain()
        offset += len(data)
        count -= len(data)


def _plain_socket(exchange: Exchange) -> socket.socket | None:
    """The socket that gets the transport's bytes as they are; None where there is none."""
    conn = exchange.conn
    return None if conn.transport.get_extra_info("tls") else conn.sock


async def _send_by_kernel(
    exchange: Exchange,
    response: ResponseEncoder,
    sock: socket.socket,
    descriptor: int,
    offset: int,
    count: int,
) -> int:
    """Send by ``sendfile(2)``; return how much was sent, less than ``count`` where that is not possible."""
    conn = exchange.conn
    await conn.wait_turn(exchange)
    await exchange.drain()
    conn.transport.set_write_buffer_limits(0)  # the head leaves first: wait for every byte of it
    done = 0
    sender = FileSender(sock, conn)
    try:
        while done < count:
            await exchange.drain()
            size = min(count - done, limits.FILE_PIECE)
            sent = await sender.send(descriptor, offset + done, size)
            if sent is None:
                break
            done += sent
            response.count(sent)
            exchange.bytes_sent += sent
            if sent == size:
                await sleep(0)  # it could go on for ever with a fast peer
    except EOFError as error:
        raise LocalProtocolError(f"{error}, {count - done} bytes before what was to be sent of it") from error
    except ConnectionError:
        conn.abort_exchange(exchange, CloseReason.RESET)
        await exchange.drain()  # raises what it is now lost for
        raise
    finally:
        sender.close()
        if conn.error is None:
            conn.transport.set_write_buffer_limits(limits.WRITE_HIGH_WATER, limits.WRITE_LOW_WATER)
    return done
