"""A certificate for ``localhost``, made at first use, and the two sides of a TLS connection with it."""

from __future__ import annotations

import functools
import ssl
from typing import Any

from holdfast.errors import UsageError

__all__ = ["client_side", "server_side"]


@functools.cache
def server_side() -> ssl.SSLContext:
    """What the server shows.  Raises UsageError where the package ``trustme`` is missing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@functools.cache
def client_side() -> ssl.SSLContext:
    """What a client trusts: that certificate, for the name ``localhost``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _authority().configure_trust(context)
    return context


@functools.cache
def _authority() -> Any:
    try:
        import trustme
    except ImportError:
        raise UsageError("serving in mode h1+tls needs a test certificate: pip install trustme") from None
    return trustme.CA()
