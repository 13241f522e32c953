"""Moments in the life of a server, as optional callables.

The server calls a hook and forgets it: it never logs and never counts by itself.
The access log, metrics and spans are listeners, each one file beside this one.

Rule 1: a hook that is None costs one test.  ``server`` reads each hook once per
connection, so a trace is fixed when its ``Server`` is made.
Rule 2: a hook runs in the middle of the connection's work: it must not block,
must not await and must not raise.
Rule 3: this file knows none of the server's classes.  A ``conn`` is the server's
connection, an ``exchange`` one request with its response; both say where they
stand in their ``repr`` and are valid during the call only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ExchangeDone", "ServerTrace", "join"]


@dataclass(slots=True, kw_only=True)
class ServerTrace:
    """What to call at which moment; every hook is optional.

    Attributes:
        connection_opened: ``(conn)``, after accept, before TLS.
        state_changed: ``(conn, old, new, because)``: one row of ``LIFECYCLE`` was walked.
        request_received: ``(exchange)``: a request head is complete.
        wrote_head: ``(exchange)``: the final response head was handed to the transport.
        first_byte: ``(exchange)``: the first byte of the response's body was.
        exchange_done: ``(exchange, done)``: the last byte was, or the exchange broke off.
        connection_closed: ``(conn, reason)``; ``reason`` is the ``CloseReason`` or the row's ``because``.
        refused: ``(conn, error)``: a request was malformed or over a limit, and was answered so.
        accept_error: ``(error)``: a connection could not be accepted.
    """

    connection_opened: Callable[[Any], None] | None = None
    state_changed: Callable[[Any, Any, Any, str], None] | None = None
    request_received: Callable[[Any], None] | None = None
    wrote_head: Callable[[Any], None] | None = None
    first_byte: Callable[[Any], None] | None = None
    exchange_done: Callable[[Any, ExchangeDone], None] | None = None
    connection_closed: Callable[[Any, str], None] | None = None
    refused: Callable[[Any, Exception], None] | None = None
    accept_error: Callable[[Exception], None] | None = None


class Head(Protocol):
    """The part of ``wire.events.RequestHead`` that a listener reads."""

    method: str
    target: str
    version: str
    index: dict[bytes, bytes]


@dataclass(slots=True)
class ExchangeDone:
    """What is known of an exchange when its last byte went out, or when it broke off.

    Attributes:
        head: the request's head, as it came.
        peer: ``"host:port"``, or a Unix socket's path, or "".
        status: of the final response; 0 when none was begun.
        bytes_sent: body bytes of the response, without framing.
        bytes_received: body bytes of the request, without framing.
        started: when the request head was complete, in seconds of the server's clock (monotonic).
        duration: seconds from ``started`` to the last byte.
        time_to_first_byte: seconds from ``started`` to the response's head; None when none went out.
        close_reason: why the connection closes after this exchange (a ``CloseReason``); None when it is kept.
        response_fields: header fields of the final response, lower-case names.
    """

    head: Head
    peer: str
    status: int
    bytes_sent: int
    bytes_received: int
    started: float
    duration: float
    time_to_first_byte: float | None = None
    close_reason: str | None = None
    response_fields: Sequence[tuple[bytes, bytes]] = ()

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def target(self) -> str:
        """The request target as it came: any octet but space and controls, as latin-1 text."""
        return self.head.target

    @property
    def version(self) -> str:
        """``"1.1"``, ``"1.0"`` or ``"2"``."""
        return self.head.version

    @property
    def user_agent(self) -> str | None:
        return self.request_header(b"user-agent")

    @property
    def referer(self) -> str | None:
        return self.request_header(b"referer")

    def request_header(self, name: bytes) -> str | None:
        """The last value of a request field, by its lower-case name."""
        value = self.head.index.get(name)
        return None if value is None else value.decode("latin-1")

    def response_header(self, name: bytes) -> str | None:
        """The first value of a response field, by its lower-case name."""
        for field, value in self.response_fields:
            if field == name:
                return value.decode("latin-1")
        return None


def join(*traces: ServerTrace | None) -> ServerTrace:
    """One trace that calls the hooks of all, in order.  A hook that only one of them has is used as it is."""
    joined = ServerTrace()
    for field in fields(ServerTrace):
        hooks = [hook for trace in traces if (hook := getattr(trace, field.name, None)) is not None]
        if hooks:
            setattr(joined, field.name, hooks[0] if len(hooks) == 1 else _each(hooks))
    return joined


def _each(hooks: list[Callable[..., None]]) -> Callable[..., None]:
    def call_each(*args: Any) -> None:
        for hook in hooks:
            hook(*args)

    return call_each
