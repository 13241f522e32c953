"""What the wire reports: one vocabulary for every version of HTTP.

An exchange is received as one head, any number of ``Data``, and one ``End``.
Events are plain values.  They say what the peer meant, after framing and
grammar have been checked, in the peer's own bytes.

Rule: nothing here knows how the bytes were laid out, but for ``raw_names``,
which gives back the spelling of field names that HTTP/1 does not care about.

RFC 9110 section 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from holdfast.wire.persistence import CloseReason

__all__ = ["END", "Data", "End", "Event", "Field", "RequestHead"]

Field: TypeAlias = tuple[bytes, bytes]


class RequestHead:
    """The head of a request: what is asked, of whom, and how the rest of it will come.

    Treat ``index`` as read-only: a peer that sends the same fields again gets the same
    dict again.  ``fields`` belongs to this head alone.

    Attributes:
        method: the method token, case kept.
        target: the request target as it came, latin-1.
        version: ``"1.1"``, ``"1.0"``, or ``"2"`` for the preface ``PRI * HTTP/2.0``.
        fields: (lower-case name, value) of every field line, in order, Host included.
        index: name -> last value, complete.
        block: the field lines as they came, without the last CRLF.
        host: the authority of an absolute-form or CONNECT target, else the Host field;
            ``""`` when there is none.
        content_length: the body's length in bytes, 0 without a body, -1 when chunked.
        expect_continue: the peer waits for 100 (Continue) before it sends its body.
        expect_unknown: the peer expects something else, to be refused with 417.
        persist: None when the peer wishes to keep the connection, else why it cannot be kept.
        upgrade: the value of Upgrade, when Connection lists it too.
    """

    __slots__ = (
        "block",
        "content_length",
        "expect_continue",
        "expect_unknown",
        "fields",
        "host",
        "index",
        "method",
        "persist",
        "target",
        "upgrade",
        "version",
    )

    def __init__(
        self,
        method: str,
        target: str,
        version: str,
        fields: list[Field],
        index: dict[bytes, bytes],
        block: bytes = b"",
        host: str = "",
        content_length: int = 0,
        persist: CloseReason | None = None,
        upgrade: bytes | None = None,
        expect_continue: bool = False,
        expect_unknown: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.index = index
        self.block = block
        self.host = host
        self.content_length = content_length
        self.persist = persist
        self.upgrade = upgrade
        self.expect_continue = expect_continue
        self.expect_unknown = expect_unknown

    def raw_names(self) -> list[bytes]:
        """Return the field names as they came, one for each of ``fields``."""
        return [line.partition(b":")[0] for line in self.block.split(b"\r\n")] if self.block else []

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.target} HTTP/{self.version}, {len(self.fields)} fields>"


class Data:
    """A piece of a body, at least one byte."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"<Data {len(self.data)} bytes>"


class End:
    """The message is whole.

    Attributes:
        trailers: (lower-case name, value) of every trailer field, in order.
    """

    __slots__ = ("trailers",)

    def __init__(self, trailers: list[Field]) -> None:
        self.trailers = trailers

    def __repr__(self) -> str:
        return f"<End, {len(self.trailers)} trailers>"


Event: TypeAlias = RequestHead | Data | End

# The end of every message without trailers.  Shared: its list is not to be changed.
END: Final = End([])
