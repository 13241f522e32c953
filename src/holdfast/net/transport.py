"""What carries bytes, and what they are carried to.

``Transport`` and ``Receiver`` are asyncio's transport and protocol, method for
method, written down as types.  Nothing wraps them: a connection of the server
*is* the protocol object, the loop calls its ``data_received`` straight from the
socket, and it calls the loop's own transport.  There is no layer of ours on the
path of a byte, and none to wake up.

Three things satisfy ``Transport``: the transports of asyncio and uvloop, the TLS
of ``net.tls`` (a ``Receiver`` below, a ``Transport`` above), and ``net.memory``.
Whoever takes a connection over (hijack, a protocol upgrade) gives the transport
its own receiver by ``set_protocol``; from then on the old one hears nothing.

Rule 1: a receiver has no ``get_buffer``; the loops take that for a buffered protocol.
Rule 2: after ``connection_lost`` a receiver calls nothing on its transport, not even
``close``: uvloop raises RuntimeError then, and asyncio, after some ways to the end, AttributeError.
Rule 3: the loops' type for a protocol is a class, ours a shape; ``listen`` and
``stream``, which join the two, say so with one cast each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Buffer", "Receiver", "Transport"]

Buffer = bytes | bytearray | memoryview


class Receiver(Protocol):
    """The owner of one connection: what a transport calls.

    The order is: ``connection_made`` once, then ``data_received`` any number of times,
    then ``eof_received`` at most once, then ``connection_lost`` once, whatever happens.
    A receiver that came by ``set_protocol`` gets no ``connection_made``.
    """

    def connection_made(self, transport: Any, /) -> None:
        """Begin; ``transport`` is a `Transport` (asyncio types it loosely, so do we)."""
        ...

    def data_received(self, data: bytes, /) -> None:
        """Take ``data``, which is never empty."""
        ...

    def eof_received(self) -> bool | None:
        """The peer closed its half.  True keeps our half open; False or None closes the transport."""
        ...

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The end: None after `close`, `abort` or the peer's end, else what broke the connection."""
        ...

    def pause_writing(self) -> None:
        """More than the high-water mark is unsent: stop writing."""
        ...

    def resume_writing(self) -> None:
        """No more than the low-water mark is unsent: go on."""
        ...


class Transport(Protocol):
    """One connection: what a receiver calls.  Nothing here blocks or raises for the peer's sake."""

    def write(self, data: Buffer, /) -> None:
        """Send ``data``, or keep it until the peer takes it.

        Raises RuntimeError after `write_eof`.  After `close` and `abort` it is not to be relied on.
        """
        ...

    def writelines(self, list_of_data: Iterable[Buffer], /) -> None:
        """As `write` of the pieces joined."""
        ...

    def write_eof(self) -> None:
        """Close our half once everything written is sent; nothing may be written after."""
        ...

    def can_write_eof(self) -> bool: ...

    def close(self) -> None:
        """Send what is written, read nothing more, then end with ``connection_lost(None)``."""
        ...

    def abort(self) -> None:
        """Drop what is unsent and end as soon as the loop comes round."""
        ...

    def is_closing(self) -> bool: ...

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`; the peer's end is not seen either."""
        ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks, in bytes, for ``pause_writing`` and ``resume_writing``."""
        ...

    def get_write_buffer_size(self) -> int:
        """Bytes written and not yet given to the kernel."""
        ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``peername``, ``sockname``, ``socket`` and, under TLS, ``ssl_object``; else ``default``."""
        ...

    def set_protocol(self, protocol: Any, /) -> None:
        """Give the connection to another `Receiver`, from the next event on."""
        ...
