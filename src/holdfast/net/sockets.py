"""What only the socket under a transport can say or do.

Both loops hide the socket behind the transport for good reasons; these
questions touch nothing that the loop keeps state about.
"""

from __future__ import annotations

import socket
import struct

__all__ = ["end_sending", "has_unread", "peer_name", "reset_on_close"]


def end_sending(sock: socket.socket | None) -> None:
    """Send the FIN now: a loop may do so a turn later, and what comes meanwhile would be lost."""
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer has gone already


def has_unread(sock: socket.socket | None) -> bool:
    """Whether the kernel holds bytes of the peer that the loop has not read yet.

    The last look before an idle connection is closed.  False when there is no socket, at the
    peer's end, and on any error: there is nothing to wait for then.
    """
    if sock is None:
        return False
    try:
        return bool(sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False


def peer_name(sock: socket.socket) -> object:
    """Who is at the other end, before a transport has the socket; None once they have gone."""
    try:
        return sock.getpeername()
    except OSError:
        return None


def reset_on_close(sock: socket.socket | None) -> None:
    """Make the coming close a reset.

    So that a body which ends with the connection is not taken for whole; and so that the kernel drops what
    it holds for a peer that takes nothing, up to 4 MiB, instead of offering it for minutes more.
    """
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # it is gone already, which says the same
