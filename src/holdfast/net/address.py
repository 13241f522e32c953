"""Where to listen, or whom to dial: the texts a user writes, read once.

host:port   :port   :http   [::1]:80   unix:/path   fd:3
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Address", "address_text", "inherited", "parse_addr"]


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP host and port, or a Unix socket's path, or the number of an inherited descriptor."""

    host: str = ""
    port: int = 0
    path: str | None = None
    fd: int | None = None

    def __str__(self) -> str:
        if self.fd is not None:
            return f"fd:{self.fd}"
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_addr(text: str) -> Address:
    """Read an address.  An empty host stands for every address of this machine, port 0 for any free port.

    Raises ValueError, with the text and what is wrong with it.
    """
    if text.startswith("unix:"):
        return Address(path=_known(text, text[5:], "a path after 'unix:'"))
    if text.startswith("fd:"):
        return Address(fd=_number(text, text[3:], "descriptor"))
    host, colon, port = text.rpartition(":")
    if not colon or host.count("[") != host.count("]"):
        raise ValueError(f"address {text!r}: expected host:port, :port, unix:/path or fd:number")
    if host.startswith("[") and host.endswith("]"):
        host = _known(text, host[1:-1], "an IPv6 address between the brackets")
    elif ":" in host:
        raise ValueError(f"address {text!r}: write an IPv6 address in brackets, as in [::1]:80")
    return Address(host, _port(text, port))


def inherited(environ: Mapping[str, str]) -> list[Address]:
    """The listening sockets that a service manager passed to this process, as ``fd:3`` and following.

    The protocol of sd_listen_fds(3): ``LISTEN_PID`` must name this process.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    passed = environ.get("LISTEN_FDS", "0")
    return [
        Address(fd=3 + number) for number in range(_number("LISTEN_FDS", passed, "number of descriptors"))
    ]


def address_text(name: object) -> str:
    """A socket's own or its peer's name, as ``getsockname`` and ``get_extra_info`` give it, as text.

    ``host:port``, ``[host]:port``, a Unix socket's path, or "" where there is none.
    """
    match name:
        case (str(host), int(port), *_):
            return str(Address(host, port))
        case bytes():
            return os.fsdecode(name)
        case str():
            return name
    return ""


def _port(text: str, port: str) -> int:
    if not port.isascii() or not port.isdigit():
        try:
            return _WELL_KNOWN.get(port) or socket.getservbyname(port, "tcp")
        except OSError:
            _known(text, port, "a port after the colon")
            raise ValueError(f"address {text!r}: no such port: {port!r}") from None
    number = int(port)
    if number > 65535:
        raise ValueError(f"address {text!r}: the highest port is 65535")
    return number


def _number(text: str, digits: str, what: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"address {text!r}: {digits!r} is not a {what}")
    return int(digits)


def _known(text: str, part: str, what: str) -> str:
    if not part:
        raise ValueError(f"address {text!r}: expected {what}")
    return part


_WELL_KNOWN = {"http": 80, "https": 443}  # small images have no /etc/services
