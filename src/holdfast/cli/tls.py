"""From the ``--ssl-`` flags to TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import CannotStart

if TYPE_CHECKING:
    from holdfast.cli.settings import Settings
    from holdfast.net.tlsconfig import TLSConfig

__all__ = ["tls_config"]


def tls_config(settings: Settings) -> TLSConfig | None:
    """The TLS that the ``--ssl-`` flags ask for, its files not read yet; None for cleartext.

    Raises:
        CannotStart: the flags contradict each other.
    """
    if settings.ssl_certfile is None:
        return None
    from holdfast.net.tlsconfig import TLSConfig  # OpenSSL, for those who use it

    asked = ("none", "optional", "required")
    try:
        return TLSConfig(
            settings.ssl_certfile,
            settings.ssl_keyfile,
            password=settings.ssl_keyfile_password,
            client_ca=settings.ssl_ca_certs,
            client_cert=asked[settings.ssl_cert_reqs],  # type: ignore[arg-type]
            ciphers=settings.ssl_ciphers,
        )
    except ValueError as error:
        raise CannotStart(str(error)) from error
