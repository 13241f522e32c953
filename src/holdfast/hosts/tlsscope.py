"""ASGI's ``tls`` extension: what the application is told of the connection's TLS.

ASGI TLS extension 0.2; RFC 4514 for the client's name.
"""

from __future__ import annotations

from base64 import encodebytes
from typing import Any, Final

__all__ = ["tls_extension"]


def tls_extension(tls: Any) -> dict[str, Any]:
    """The value of ``scope["extensions"]["tls"]``, from the connection's ``TLSInfo``.

    The server's certificate is not given: OpenSSL does not tell which one was chosen.
    """
    certificate = tls.peer_certificate_der
    return {
        "server_cert": None,
        "client_cert_chain": [_pem(certificate)] if certificate else [],
        "client_cert_name": _name(tls.peer_certificate) if certificate else None,
        "client_cert_error": None,  # a certificate that cannot be verified ends the handshake
        "tls_version": _VERSIONS.get(tls.version),
        "cipher_suite": tls.cipher_suite,
    }


def _pem(certificate: bytes) -> str:
    """DER as PEM, lines of 64 characters (RFC 7468)."""
    text = encodebytes(certificate).decode("ascii").replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _name(certificate: dict[str, Any] | None) -> str | None:
    """The subject as RFC 4514 writes it: the most specific part first."""
    if certificate is None:
        return None
    return ",".join(
        "+".join(f"{_SHORT.get(key, key)}={_escaped(value)}" for key, value in relative)
        for relative in reversed(certificate.get("subject", ()))
    )


def _escaped(value: str) -> str:
    # RFC 4514 2.4.
    text = "".join(f"\\{char}" if char in '\\"+,;<>' else char for char in value).replace("\0", "\\00")
    if text[:1] in ("#", " "):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(value) > 1 else text


_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_SHORT: Final = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
