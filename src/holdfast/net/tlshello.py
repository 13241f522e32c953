"""The name a client asks for, read from its ClientHello before OpenSSL sees a byte.

Python can change the certificate of a handshake that has begun, but not whether it
asks for the client's; and a session ticket is decrypted before the name is
looked at.  So the context is chosen first, by the name found here, and the
handshake runs in that context alone: what one host demands, no other host's
ticket can bypass.

Rule 1: nothing is judged here.  OpenSSL parses the same bytes after us; where we
find no name, for whatever reason, the default context gets to refuse them.
Rule 2: a byte is looked at once, however the bytes come apart.

RFC 8446 sections 4.1.2 and 5.1; RFC 6066 section 3.
"""

from __future__ import annotations

from struct import error as StructError
from struct import unpack_from
from typing import Final

from holdfast.limits import MAX_CLIENT_HELLO

__all__ = ["ClientHello"]


class ClientHello:
    """Collects the first bytes of a connection until the name is known, or will not be."""

    __slots__ = ("_at", "_message", "data", "server_name")

    data: bytearray
    """All that came, for the handshake to begin with."""

    server_name: str | None
    """The name asked for, in lower case; None without one."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.server_name = None
        self._message = bytearray()  # the handshake message, out of its records
        self._at = 0  # where in `data` the next record begins

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; True when no more are needed."""
        self.data += data
        while len(self.data) - self._at >= RECORD_HEADER:
            kind, length = unpack_from(">B2xH", self.data, self._at)
            if kind != HANDSHAKE_RECORD:
                return True
            start, end = self._at + RECORD_HEADER, self._at + RECORD_HEADER + length
            if len(self.data) < end:
                break
            self._message += self.data[start:end]
            self._at = end
            size = MESSAGE_HEADER + int.from_bytes(self._message[1:MESSAGE_HEADER])
            if MESSAGE_HEADER <= len(self._message) >= size:
                self.server_name = _server_name(self._message[:size])
                return True
        return len(self.data) > MAX_CLIENT_HELLO


def _server_name(hello: bytearray) -> str | None:
    """The host name in a whole ClientHello message; None where there is none to be read."""
    try:
        at = MESSAGE_HEADER + 2 + 32  # behind the version and the random
        at += 1 + hello[at]  # session id
        at += 2 + int(unpack_from(">H", hello, at)[0])  # cipher suites
        at += 1 + hello[at]  # compression methods
        at += 2  # the length of all extensions: they end where the message does
        while True:
            kind, size = unpack_from(">HH", hello, at)
            if kind == SERVER_NAME:
                name_type, length = unpack_from(">2xBH", hello, at + 4)
                name = hello[at + 9 : at + 9 + length]
                whole = name_type == HOST_NAME and 0 < length == len(name) and length + 5 <= size
                return name.decode("ascii").lower() if whole else None
            at += 4 + size
    except (IndexError, StructError, UnicodeDecodeError):
        return None


RECORD_HEADER: Final = 5  # type, version, length
MESSAGE_HEADER: Final = 4  # type, length
HANDSHAKE_RECORD: Final = 22
SERVER_NAME: Final = 0  # the extension
HOST_NAME: Final = 0  # the only type of name that RFC 6066 has
