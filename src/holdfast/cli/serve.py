"""``holdfast serve``: what can be found wrong before anything starts, and which processes there will be.

Rule: port, certificate, log configuration and files are checked here, in the one process that there
is; the application is checked by the first process that imports it, before a second one is started.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdfast.cli import garbage
from holdfast.cli.loading import folder_of
from holdfast.cli.messages import configure_logging
from holdfast.cli.tls import tls_config
from holdfast.errors import CannotStart, DialError, TLSError
from holdfast.net.listen import bind, parse_addr
from holdfast.server.forwarded import TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.cli.settings import Settings
    from holdfast.net.listen import Listener

__all__ = ["listen", "serve"]


def serve(settings: Settings) -> int:
    """Serve until told to end; return the exit code.

    Raises:
        CannotStart: something that was asked for is not possible.
    """
    configure_logging(settings)
    _check(settings)
    listeners = listen(settings)
    try:
        with _pid_file(settings.pid):
            if settings.supervised:
                _supervise(settings, listeners)
            else:
                from holdfast.cli.running import run_alone

                run_alone(settings, listeners)
    finally:
        for listener in listeners:
            listener.close()
    return 0


def listen(settings: Settings) -> list[Listener]:
    """The listening sockets of ``--bind``, all or none.

    Raises:
        CannotStart: one cannot be had.
    """
    listeners: list[Listener] = []
    try:
        for text in settings.bind:
            listeners += bind(parse_addr(text), backlog=settings.backlog, uds_mode=UDS_MODE)
    except (DialError, ValueError) as error:
        for listener in listeners:
            listener.close()
        raise CannotStart(str(error)) from error
    return listeners


UDS_MODE = 0o666  # uvicorn's: the proxy in front runs as another user; who may come is the folder's to say


def _check(settings: Settings) -> None:
    """Find the mistakes that need neither a socket nor the application.

    Raises:
        CannotStart: for the first.
    """
    folder_of(settings.target)
    if (tls := tls_config(settings)) is not None:
        from holdfast.net.tlsconfig import server_context

        try:
            server_context(tls, on_error=lambda error: None)
        except TLSError as error:
            raise CannotStart(str(error)) from error
    try:
        TrustedProxies(settings.forwarded_allow_ips)
    except ValueError as error:
        raise CannotStart(f"--forwarded-allow-ips: {error}") from error
    if settings.loop == "uvloop":
        from importlib.util import find_spec

        if find_spec("uvloop") is None:
            raise CannotStart("--loop uvloop: the package uvloop is not installed")


def _supervise(settings: Settings, listeners: list[Listener]) -> None:
    from holdfast.cli.reload import Watcher
    from holdfast.cli.supervisor import Supervisor

    garbage.resume()
    watcher = None
    if settings.reload:
        folders = settings.reload_dir or (folder_of(settings.target) or settings.app_dir,)
        watcher = Watcher(folders, include=settings.reload_include, exclude=settings.reload_exclude)
    Supervisor(settings, listeners, watcher=watcher).run()


@contextmanager
def _pid_file(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    except OSError as error:
        raise CannotStart(f"--pid {path}: {error.strerror}") from error
    try:
        yield
    finally:
        if os.path.exists(path):
            os.unlink(path)
