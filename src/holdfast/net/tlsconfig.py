"""Certificates: from files to the context that a handshake runs in.

Each configuration has one OpenSSL context at a time.  The base one serves every
client; ``sni`` adds others, each for its own names.  A session ticket is valid
in the context that wrote it and nowhere else, so no client carries what one
host granted over to another, or past a change of its own host's files.

Rule 1: a mistake is found when the context is made, before anything is served, and
is one line that begins with the file's name.
Rule 2: once serving, no mistake stops the service: a certificate that cannot be
read anew leaves the old one in use, and is reported once.
Rule 3: a context that the caller made is used as it is, and never written to.

RFC 6066 section 3 (names); RFC 6125 section 6.4.3 (wildcards); RFC 7301 (ALPN);
RFC 9325 (versions, ciphers, what is off).
"""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from holdfast.errors import TLSError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

__all__ = ["ServerContext", "TLSConfig", "server_context"]


@dataclass(frozen=True, kw_only=True)
class TLSConfig:
    """Which certificate a server shows, and what it asks of its clients.

    Raises ValueError for settings that contradict each other.  The files are first read by `server_context`.
    """

    certfile: str = field(kw_only=False)
    """The certificate and the chain up to its issuer, PEM, the server's own first."""

    keyfile: str | None = field(default=None, kw_only=False)
    """The private key, PEM; None when it is in ``certfile``."""

    password: str | bytes | None = None
    """What the key is encrypted with; None for a key in the clear."""

    client_ca: str | None = None
    """The authorities, PEM, whose certificates clients may show; without it none is accepted."""

    client_cert: Literal["none", "optional", "required"] = "none"
    """Whether clients are asked for a certificate, and refused without one.  A bad one is always refused."""

    sni: Mapping[str, TLSConfig | tuple[str, str]] = field(default_factory=dict)
    """Other certificates by the name that the client asks for: ``"www.example.com"``, or ``"*.example.com"``
    for one label more.  A pair ``(certfile, keyfile)`` has all other settings from here, a TLSConfig none."""

    reload: bool = True
    """Whether changed files are read anew, looked at once a second at most, at a handshake."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest TLS spoken."""

    ciphers: str | None = None
    """The suites of TLS 1.2 in OpenSSL's notation; None for Python's choice.  TLS 1.3 has only good ones."""

    alpn: Sequence[str] | None = None
    """Protocols offered, the preferred one first; None for those that the server speaks."""

    def __post_init__(self) -> None:
        if self.client_cert not in VERIFY_MODES:
            raise ValueError(f"client_cert is one of {', '.join(VERIFY_MODES)}, not {self.client_cert!r}")
        if self.client_cert != "none" and self.client_ca is None:
            raise ValueError(
                f"client_cert={self.client_cert!r} needs client_ca: nobody else is trusted with it"
            )
        if self.min_version not in VERSIONS:
            raise ValueError(f"min_version is one of {', '.join(VERSIONS)}, not {self.min_version!r}")
        for name, other in self.sni.items():
            if isinstance(other, TLSConfig) and other.sni:
                raise ValueError(f"sni[{name!r}] has an sni of its own: names are looked up once")


def server_context(
    tls: TLSConfig | ssl.SSLContext,
    alpn: Sequence[str] = ("http/1.1",),
    *,
    on_error: Callable[[TLSError], object],
    now: Callable[[], float] = time.monotonic,
) -> ServerContext:
    """Read every file of ``tls`` and return what handshakes ask for their context.

    ``alpn`` is what the server speaks, the preferred protocol first.  A caller's own SSLContext is used as it
    is: what it offers by ALPN is its caller's to set, and without any, clients get HTTP/1.1.  ``on_error``
    hears of certificates that could not be renewed; ``now`` is in seconds.

    Raises TLSError, in one line, for a file that is missing or is not what it should be.
    """
    if isinstance(tls, ssl.SSLContext):
        _check_server_side(tls)
        return ServerContext(_Fixed(tls), {})
    others = {
        _ascii_name(name): _Watched(_filled(other, tls), alpn, on_error, now)
        for name, other in tls.sni.items()
    }
    return ServerContext(_Watched(tls, alpn, on_error, now), others)


class ServerContext:
    """Which OpenSSL context a handshake runs in: decided by the name that the client asks for."""

    __slots__ = ("_default", "_others")

    def __init__(self, default: _Fixed | _Watched, others: Mapping[str, _Watched]) -> None:
        self._default = default
        self._others = others

    def select(self, server_name: str | None) -> ssl.SSLContext:
        """The context for ``server_name`` (lower case): its own, its parent's wildcard, or the default."""
        if server_name is None or not self._others:
            return self._default.current()
        parent = server_name.partition(".")[2]
        found = self._others.get(server_name) or self._others.get(f"*.{parent}")
        return (found or self._default).current()


class _Fixed:
    """A context that the caller made."""

    __slots__ = ("_context",)

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def current(self) -> ssl.SSLContext:
        return self._context


class _Watched:
    """One configuration's context, made anew when its files change."""

    __slots__ = ("_alpn", "_config", "_context", "_look_at", "_now", "_on_error", "_seen")

    def __init__(
        self,
        config: TLSConfig,
        alpn: Sequence[str],
        on_error: Callable[[TLSError], object],
        now: Callable[[], float],
    ) -> None:
        self._config = config
        self._alpn = alpn if config.alpn is None else config.alpn
        self._on_error = on_error
        self._now = now
        self._look_at = now() + LOOK_INTERVAL
        # Looked at before it is read: what changes in between is seen as a change the next time.
        self._seen = self._look()
        self._context = _load(config, self._alpn)

    def current(self) -> ssl.SSLContext:
        if self._config.reload and (now := self._now()) >= self._look_at:
            self._look_at = now + LOOK_INTERVAL
            self._renew()
        return self._context

    def _renew(self) -> None:
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._context = _load(self._config, self._alpn)
        except TLSError as exc:
            self._on_error(TLSError(f"{exc}; the certificate that was read before stays in use"))

    def _look(self) -> list[tuple[int, int, int] | None]:
        """What tells a file's contents from its next: a new time, size, or file under the name."""
        config = self._config
        found: list[tuple[int, int, int] | None] = []
        for path in filter(None, (config.certfile, config.keyfile, config.client_ca)):
            try:
                stat = os.stat(path)
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append(None)
        return found


def _load(config: TLSConfig, alpn: Sequence[str]) -> ssl.SSLContext:
    """The context of one configuration."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[config.min_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if config.ciphers is not None:
        try:
            context.set_ciphers(config.ciphers)
        except ssl.SSLError:
            raise TLSError(f"no cipher that OpenSSL knows in ciphers={config.ciphers!r}") from None
    if alpn:
        context.set_alpn_protocols(list(alpn))
    _load_pair(context, config)
    if config.client_ca is not None:
        _load_authorities(context, config.client_ca)
    context.verify_mode = VERIFY_MODES[config.client_cert]
    return context


def _load_pair(context: ssl.SSLContext, config: TLSConfig) -> None:
    """Load certificate and key.  OpenSSL does not say which file is wrong, nor how: find out first."""
    certfile, keyfile = config.certfile, config.keyfile or config.certfile
    _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certfile)
    if b"PRIVATE KEY-----" not in _read(keyfile):
        raise TLSError(f"{keyfile}: no private key in PEM form")

    def no_password() -> NoReturn:
        # Without this OpenSSL would ask on the terminal.
        raise TLSError(f"{keyfile}: the private key is encrypted, and no password was given")

    try:
        context.load_cert_chain(
            certfile, keyfile, no_password if config.password is None else config.password
        )
    except ssl.SSLError as exc:
        raise TLSError(_what_is_wrong(exc, config)) from exc
    except TLSError:
        raise  # of no_password: an OSError, too
    except OSError as exc:  # gone since it was read
        raise TLSError(f"{certfile} or {keyfile}: {exc.strerror}") from exc


def _what_is_wrong(exc: ssl.SSLError, config: TLSConfig) -> str:
    keyfile = config.keyfile or config.certfile
    if exc.reason == "KEY_VALUES_MISMATCH":
        return f"{keyfile}: the private key does not belong to the certificate in {config.certfile}"
    if exc.reason is not None:
        return f"{config.certfile}: {exc.reason.replace('_', ' ').lower()}"
    if config.password is not None:
        return f"{keyfile}: the private key cannot be read: it is damaged, or the password is wrong"
    return f"{keyfile}: the private key cannot be read: it is damaged"


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    _read(path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as exc:
        if exc.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
            raise TLSError(f"{path}: no certificate in PEM form") from exc
        raise TLSError(f"{path}: a certificate in it is damaged") from exc
    except OSError as exc:  # gone since it was read
        raise TLSError(f"{path}: {exc.strerror}") from exc


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise TLSError(f"{path}: {exc.strerror}") from exc


def _check_server_side(context: ssl.SSLContext) -> None:
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    except ssl.SSLError as exc:
        raise TLSError("the SSLContext is made for clients: a server needs ssl.PROTOCOL_TLS_SERVER") from exc


def _filled(other: TLSConfig | tuple[str, str], base: TLSConfig) -> TLSConfig:
    if isinstance(other, TLSConfig):
        return other
    certfile, keyfile = other
    return replace(base, certfile=certfile, keyfile=keyfile, sni={})


def _ascii_name(name: str) -> str:
    """A name as it comes in a ClientHello."""
    return name.encode("idna").decode("ascii").lower()


LOOK_INTERVAL: Final = 1.0  # seconds between two looks at the same files
VERIFY_MODES: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
