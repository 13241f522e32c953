"""Telling a service manager how far we are: one datagram, when somebody asked for it.

sd_notify(3): ``NOTIFY_SOCKET`` is a path, or ``@name`` in Linux's abstract namespace.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["notify"]


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send ``state``, e.g. ``READY=1``, to the service manager named in ``environ``; without one, do nothing.

    A manager that cannot be reached is not our trouble: nothing is raised.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@"):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else path)
    except OSError:
        pass
