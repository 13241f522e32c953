"""What a handshake agreed on, for whoever asks: a handler, the access log, ASGI's ``tls`` extension.

Nothing is fetched before it is asked for; OpenSSL keeps it all as long as the connection lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ssl

__all__ = ["TLSInfo"]


class TLSInfo:
    """The TLS of one connection: ``Request.tls``."""

    __slots__ = ("_ssl", "server_name")

    server_name: str | None
    """The host name that the client asked for (SNI), in lower case; None without one."""

    def __init__(self, ssl_object: ssl.SSLObject, server_name: str | None) -> None:
        self._ssl = ssl_object
        self.server_name = server_name

    @property
    def version(self) -> str:
        """``"TLSv1.3"`` or ``"TLSv1.2"``."""
        return self._ssl.version() or ""

    @property
    def cipher(self) -> str:
        """The cipher suite by OpenSSL's name, e.g. ``"TLS_AES_256_GCM_SHA384"``."""
        cipher = self._ssl.cipher()
        return cipher[0] if cipher else ""

    @property
    def cipher_suite(self) -> int | None:
        """The cipher suite by its IANA number, e.g. 0x1302; None when OpenSSL does not list it."""
        name = self.cipher
        if name not in _numbers:
            for known in self._ssl.context.get_ciphers():
                _numbers[known["name"]] = known["id"] & 0xFFFF  # above them, OpenSSL's protocol number
        return _numbers.get(name)

    @property
    def alpn(self) -> str | None:
        """The protocol agreed on by ALPN (RFC 7301), e.g. ``"h2"``; None when none was."""
        return self._ssl.selected_alpn_protocol()

    @property
    def resumed(self) -> bool:
        """Whether the handshake continued an earlier session."""
        return bool(self._ssl.session_reused)

    @property
    def peer_certificate(self) -> dict[str, Any] | None:
        """The verified certificate of the peer, as ``SSLObject.getpeercert`` gives it; None without one."""
        return self._ssl.getpeercert() or None

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The certificate of the peer as DER; None without one."""
        return self._ssl.getpeercert(binary_form=True)

    def __repr__(self) -> str:
        return f"<TLSInfo {self.version} {self.alpn or 'no ALPN'} for {self.server_name or 'no name'}>"


_numbers: Final[dict[str, int]] = {}
