"""A hostile peer: it keeps what comes, and says what it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.fuzz.clumsy import Story

__all__ = ["Peer"]


class Peer:
    """One connection's client: the receiver of its bytes.

    Attributes:
        received: everything.
        ending: how it ended: in order, by a reset, or by somebody's close.
        stories: what it asked for, in order.
        spoilt: it sent what is no request; from there on answers cannot be foretold.
        wilful: it went, or stopped, itself.
        pending: what it has not said yet of its last request.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.ending: Literal["", "eof", "reset", "lost"] = ""
        self.stories: list[Story] = []
        self.spoilt = False
        self.wilful = False
        self.sent_eof = False
        self.pending = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.ending = self.ending or "eof"
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ending = self.ending or ("reset" if exc else "lost")

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    @property
    def speaks(self) -> bool:
        """Whether it can say anything."""
        return self.transport is not None and not self.sent_eof and not self.transport.is_closing()

    def send(self, data: bytes) -> None:
        """Say ``data``, if it can still."""
        if self.speaks:
            self.transport.write(data)
