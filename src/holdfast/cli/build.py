"""From ``Settings`` and what was loaded to a ``Server`` that has not started.

What is imported here is what is served: an ASGI application does not pay for files, nor files for WSGI.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from holdfast.cli.messages import wants_colors
from holdfast.server.server import Server
from holdfast.trace.hooks import ServerTrace, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.cli.loading import Application
    from holdfast.cli.settings import Settings
    from holdfast.net.tlsconfig import TLSConfig

__all__ = ["build"]


def build(
    settings: Settings, application: Application, tls: TLSConfig | None, worn: Callable[[], None]
) -> Server:
    """Make the server.

    A ``Server`` of the user's keeps its own settings; what the command line adds to it is where to
    listen, TLS, the logs, ``--proxy-headers`` and the limits of requests.

    Args:
        worn: called once, when ``--limit-max-requests`` were answered.
    """
    if application.interface == "server":
        server: Server = application.value
        if tls is not None:
            server.tls, server.scheme = tls, "https"
    else:
        server = _server(settings, _handler(settings, application), tls)
    server.trace = join(server.trace, *_listeners(settings, worn))
    if settings.proxy_headers:
        from holdfast.server.forwarded import ForwardedHeaders, TrustedProxies

        server.front = ForwardedHeaders(
            server.front, TrustedProxies(settings.forwarded_allow_ips)
        ).serve_exchange
    if settings.limit_concurrency is not None:
        from holdfast.server.admission import Admission

        server.front = Admission(server.front, settings.limit_concurrency).serve_exchange
    return server


def _server(settings: Settings, handler: Any, tls: TLSConfig | None) -> Server:
    return Server(
        handler,
        tls=tls,
        tls_handshake_timeout=settings.tls_handshake_timeout,
        read_header_timeout=settings.read_header_timeout,
        read_timeout=settings.read_timeout,
        body_read_timeout=settings.body_read_timeout,
        min_body_rate=settings.min_body_rate,
        write_timeout=settings.write_timeout,
        write_stall_timeout=settings.write_stall_timeout,
        idle_timeout=settings.timeout_keep_alive,
        max_header_bytes=settings.max_header_bytes,
        max_header_count=settings.max_header_count,
        max_connections=settings.max_connections,
        max_connection_age=settings.max_connection_age,
        threads=settings.threads,
        default_headers=_default_headers(settings),
        date_header=settings.date_header,
        debug=settings.log_level == "trace",
    )


def _default_headers(settings: Settings) -> list[tuple[str, str]]:
    headers = list(settings.headers)
    if settings.server_header and not any(name.lower() == "server" for name, _ in headers):
        headers.append(("Server", "holdfast"))
    return headers


def _handler(settings: Settings, application: Application) -> Any:
    value = application.value
    match application.interface:
        case "folder":
            from holdfast.server.files import FileServer

            return FileServer(value)
        case "asgi3" | "asgi2":
            from holdfast.hosts.asgi import ASGI

            lifespan: Any = settings.lifespan
            return ASGI(value, lifespan=lifespan, root_path=settings.root_path)
        case "wsgi":
            from holdfast.hosts.wsgi import WSGI

            return WSGI(
                value,
                threads=settings.threads,
                root_path=settings.root_path,
                multiprocess=settings.workers > 1,
            )
    return value


def _listeners(settings: Settings, worn: Callable[[], None]) -> list[ServerTrace]:
    """Who hears of finished exchanges: the access log, and the count of ``--limit-max-requests``."""
    heard = []
    if settings.access_log:
        from holdfast.trace.accesslog import AccessLog

        heard.append(AccessLog(settings.log_format, colors=wants_colors(settings, sys.stdout)).trace())
    if settings.limit_max_requests is not None:
        import random

        left = settings.limit_max_requests + random.randint(0, settings.max_requests_jitter)

        def count(exchange: Any, done: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                worn()

        heard.append(ServerTrace(exchange_done=count))
    return heard
