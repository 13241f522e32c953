"""A real server on a free port, in a thread with a loop of its own, and a client that shows every byte."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.net import tasks
from holdfast.server.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 5.0


class Served:
    """Where a server is, and one connection's worth of talk with it."""

    def __init__(self, server: Server, url: str) -> None:
        self.server = server
        self.url = url
        self.port = int(url.rpartition(":")[2])

    def connect(self) -> Talk:
        return Talk(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))

    def ask(self, method: str = "GET", target: str = "/", body: bytes = b"", **headers: str) -> Answer:
        """One request on a connection of its own."""
        with self.connect() as talk:
            return talk.ask(method, target, body, **headers)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Talk:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, method: str = "GET", target: str = "/", body: bytes = b"", **headers: str) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: test"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.answer(head_only=method == "HEAD")

    def until(self, mark: bytes) -> bytes:
        """What comes up to and with ``mark``."""
        while mark not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"the server closed after {self.buffer!r}")
            self.buffer += data
        found, _, self.buffer = self.buffer.partition(mark)
        return found + mark

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while data := self.sock.recv(65536):
            self.buffer += data
        found, self.buffer = self.buffer, b""
        return found

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"{len(self.buffer)} of {size} bytes came")
            self.buffer += data
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.until(b"\r\n"), 16):
            yield self.exactly(size)
            assert self.exactly(2) == b"\r\n"

    def answer(self, *, head_only: bool = False) -> Answer:
        head = self.until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(": ")
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        status = int(lines[0].split()[1])
        if status < 200:
            return Answer(status, headers, b"", head)
        if head_only or status in (204, 304):
            body = b""
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join(self.chunks())
            for line in iter(lambda: self.until(b"\r\n"), b"\r\n"):
                name, _, value = line.decode().strip().partition(": ")
                headers[f"trailer {name.lower()}"] = value
        else:
            body = self.rest()
        return Answer(status, headers, body, head)


@contextmanager
def served(handler: Any, **settings: Any) -> Iterator[Served]:
    """``handler`` on a real server; leaving the block shuts it down."""
    settings.setdefault("shutdown_timeout", PATIENCE)
    begun = threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        stop = tasks.Event()
        try:
            async with Server(handler, addr="127.0.0.1:0", **settings) as server:
                found.extend([Served(server, server.url), server.thread_pool, stop])
                begun.set()
                await stop.wait()
        except BaseException as error:
            found.append(error)
            raise
        finally:
            begun.set()

    failed: list[BaseException] = []

    def main() -> None:
        try:
            tasks.run(serve())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=main, name="server")
    thread.start()
    begun.wait(PATIENCE)
    try:
        if failed or not found or isinstance(found[0], BaseException):
            thread.join(PATIENCE)
            raise failed[0]
        yield found[0]
    finally:
        if len(found) > 2:
            found[1].post(found[2].set)
        thread.join(2 * PATIENCE)
    assert not thread.is_alive(), "the server did not end"
    if failed:
        raise failed[0]
