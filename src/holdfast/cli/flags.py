"""Every flag of ``holdfast serve``: one table, in the order of the help.

A flag's name is the field of ``Settings`` that it fills, unless ``options`` says otherwise.
"""

from __future__ import annotations

from typing import Any, Final

import click

from holdfast import limits
from holdfast.cli.sources import read_config, read_env_file
from holdfast.cli.values import Header, LogFormat, Seconds

__all__ = ["SECTIONS"]


def _flag(*names: str, **attributes: Any) -> click.Option:
    kind = attributes.get("type")
    if isinstance(kind, click.IntRange):
        attributes.setdefault("metavar", "N")
    elif isinstance(kind, click.FloatRange):
        attributes.setdefault("metavar", "SECONDS")
    return click.Option(list(names), **attributes)


def _clock(name: str, default: float | None, help: str, **attributes: Any) -> click.Option:
    """A clock that can be turned off with 0."""
    attributes |= {"show_default": "off"} if default is None else {"default": default}
    return _flag(name, type=Seconds(), help=help if default is None else f"{help}; 0 is off.", **attributes)


_COUNT: Final = click.IntRange(min=1)
_FILE: Final = click.Path(exists=True, dir_okay=False)

SECTIONS: Final = {
    "Where": [
        _flag("--host", help="Address to listen on.", show_default="127.0.0.1"),
        _flag(
            "--port",
            type=click.IntRange(0, 65535),
            envvar=["HOLDFAST_PORT", "PORT"],
            help="Port to listen on; 0 takes a free one.",
            show_default="8000",
        ),
        _flag("--uds", metavar="PATH", help="Listen on a Unix socket."),
        _flag("--fd", type=click.IntRange(min=0), help="Listen on an inherited socket."),
        _flag(
            "--bind",
            multiple=True,
            metavar="ADDRESS",
            help="host:port, unix:/path or fd:3, instead of the four above; may be repeated.",
        ),
        _flag(
            "--backlog", type=_COUNT, default=limits.BACKLOG, help="Connections that may wait to be accepted."
        ),
    ],
    "What": [
        _flag(
            "--app-dir",
            type=click.Path(exists=True, file_okay=False),
            default=".",
            help="The folder of MODULE.",
        ),
        _flag("--factory", is_flag=True, help="ATTRIBUTE is a function that returns the application."),
        _flag(
            "--interface",
            type=click.Choice(["auto", "asgi3", "asgi2", "wsgi", "handler"]),
            default="auto",
            help="What the application speaks.",
        ),
        _flag(
            "--lifespan",
            type=click.Choice(["auto", "on", "off"]),
            default="auto",
            help="Whether an ASGI application is told of start-up and shutdown.",
        ),
        _flag("--root-path", default="", help="The path under which a proxy shows the application."),
        _flag("--threads", type=_COUNT, default=limits.THREADS, help="Threads for WSGI and plain functions."),
        _flag(
            "--loop",
            type=click.Choice(["auto", "asyncio", "uvloop"]),
            default="auto",
            help="Event loop; auto is uvloop where there is one.",
        ),
        _flag(
            "--http",
            type=click.Choice(["auto", "h11", "httptools"]),
            default="auto",
            help="For uvicorn's users; changes nothing.",
        ),
    ],
    "Processes": [
        _flag(
            "--workers",
            type=_COUNT,
            default=1,
            envvar=["HOLDFAST_WORKERS", "WEB_CONCURRENCY"],
            help="Worker processes; with 2 or more a supervisor keeps them alive.",
        ),
        _flag("--reload", is_flag=True, help="Start anew when a file changes, for development."),
        _flag(
            "--reload-dir",
            multiple=True,
            type=click.Path(exists=True, file_okay=False),
            help="Folder to watch; may be repeated.",
            show_default="--app-dir",
        ),
        _flag("--reload-include", multiple=True, metavar="GLOB", help="Watch these files too, beside *.py."),
        _flag("--reload-exclude", multiple=True, metavar="GLOB", help="Do not watch these files or folders."),
        _flag(
            "--reload-delay",
            type=click.FloatRange(min=0, min_open=True),
            default=0.25,
            help="Seconds between two looks at the files.",
        ),
        _flag("--limit-max-requests", type=_COUNT, help="A worker that has answered so many is replaced."),
        _flag(
            "--max-requests-jitter",
            "--limit-max-requests-jitter",
            type=click.IntRange(min=0),
            default=0,
            help="Up to so many more, by chance, so that not all are replaced at once.",
        ),
        _flag("--pid", metavar="FILE", help="Write the process id into FILE."),
    ],
    "Clocks": [
        _flag(
            "--timeout-keep-alive",
            type=click.FloatRange(min=0, min_open=True),
            default=limits.IDLE_TIMEOUT,
            help="How long a kept connection may be idle.",
        ),
        _flag(
            "--timeout-graceful-shutdown",
            type=click.FloatRange(min=0),
            default=limits.SHUTDOWN_TIMEOUT,
            help="How long requests in flight may take at the end.",
        ),
        _clock("--tls-handshake-timeout", limits.TLS_HANDSHAKE_TIMEOUT, "How long a TLS handshake may take"),
        _clock(
            "--read-header-timeout", limits.READ_HEADER_TIMEOUT, "How long the head of a request may take"
        ),
        _clock("--read-timeout", None, "How long a whole request may take to arrive."),
        _clock("--body-read-timeout", limits.BODY_READ_TIMEOUT, "Longest gap between two pieces of a body"),
        _clock(
            "--min-body-rate",
            limits.MIN_BODY_RATE,
            f"Least bytes a second of a body, after {limits.MIN_BODY_RATE_GRACE:g} s of grace",
            metavar="BYTES",
        ),
        _clock("--write-timeout", None, "How long a whole response may take."),
        _clock("--write-stall-timeout", limits.WRITE_STALL_TIMEOUT, "How long a client may take nothing"),
    ],
    "Limits": [
        _flag("--limit-concurrency", type=_COUNT, help="Requests that may run at once; more get 503."),
        _flag("--max-connections", type=_COUNT, help="Connections that may be open at once; more wait."),
        _clock("--max-connection-age", None, "Age at which a connection closes with its next answer."),
        _flag(
            "--max-header-bytes",
            type=_COUNT,
            default=limits.MAX_HEADER_BYTES,
            help="Bytes that the head of a request may have.",
        ),
        _flag(
            "--max-header-count",
            type=_COUNT,
            default=limits.MAX_HEADER_COUNT,
            help="Header fields that a request may have.",
        ),
    ],
    "TLS": [
        _flag("--ssl-certfile", type=_FILE, help="Certificate chain (PEM); turns TLS on."),
        _flag("--ssl-keyfile", type=_FILE, help="Its key, when not in the same file."),
        _flag("--ssl-keyfile-password", help="The key's password.", show_default=False),
        _flag(
            "--ssl-ca-certs", type=_FILE, help="Certificates that clients' certificates must descend from."
        ),
        _flag(
            "--ssl-cert-reqs",
            type=click.IntRange(0, 2),
            default=0,
            help="Client certificates: 0 none, 1 optional, 2 required.",
        ),
        _flag("--ssl-ciphers", metavar="LIST", help="OpenSSL cipher list.", show_default="the safe ones"),
    ],
    "Headers and proxies": [
        _flag(
            "--header", multiple=True, type=Header(), help="Add a field to every response; may be repeated."
        ),
        _flag("--date-header/--no-date-header", default=True, help="Send Date."),
        _flag("--server-header/--no-server-header", default=True, help="Send Server."),
        _flag(
            "--proxy-headers/--no-proxy-headers",
            default=True,
            help="Believe X-Forwarded-For and X-Forwarded-Proto of trusted proxies.",
        ),
        _flag(
            "--forwarded-allow-ips",
            default="127.0.0.1,::1",
            envvar=["HOLDFAST_FORWARDED_ALLOW_IPS", "FORWARDED_ALLOW_IPS"],
            metavar="LIST",
            help="The trusted: addresses, networks, Unix socket paths, or * for all.",
        ),
    ],
    "Logs": [
        _flag(
            "--log-level",
            type=click.Choice(["critical", "error", "warning", "info", "debug", "trace"]),
            help="Least level that is shown; trace shows each step of every connection.",
            show_default="info",
        ),
        _flag("--log-config", type=_FILE, help="Configuration of logging: .ini, .json or .yaml."),
        _flag("--access-log/--no-access-log", default=True, help="One line for each request."),
        _flag(
            "--log-format",
            type=LogFormat(),
            default="uvicorn",
            help="uvicorn, combined, json (the first two also with +close), or a format: '%(h)s %(s)s'.",
        ),
        _flag(
            "--use-colors/--no-use-colors",
            default=None,
            help="Colour the lines.",
            show_default="on a terminal",
        ),
    ],
    "Configuration": [
        _flag(
            "--config",
            is_eager=True,
            callback=read_config,
            expose_value=False,
            metavar="FILE",
            help="TOML file with flags as keys: port = 80, bind = [...].",
        ),
        _flag(
            "--env-file",
            is_eager=True,
            callback=read_env_file,
            expose_value=False,
            metavar="FILE",
            help="NAME=value lines for the environment.",
        ),
    ],
}
