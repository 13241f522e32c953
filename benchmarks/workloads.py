"""What the load generator sends, and the one answer it takes for right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.apps import CHUNK, CHUNKS, LARGE, SHORT

__all__ = [
    "BARE",
    "CHUNKED",
    "FRESH",
    "HEADERS",
    "IDLE",
    "LARGE_ANSWER",
    "UPLOAD",
    "WORK",
    "Answer",
    "Workload",
]


@dataclass(frozen=True)
class Answer:
    """The expected answer: ``piece``, ``repeat`` times; in ``chunks`` chunks, or with a length (0)."""

    piece: bytes = SHORT
    repeat: int = 1
    chunks: int = 0

    def spec(self) -> dict[str, Any]:
        return {
            "status": 200,
            "content_type": "text/plain",
            "body": self.piece.decode(),
            "repeat": self.repeat,
            "chunks": self.chunks,
        }


@dataclass(frozen=True)
class Workload:
    """A stream of equal requests; ``{nnnnnnnn}`` in a head becomes a number that no other has."""

    path: str = "/"
    method: str = "GET"
    fields: tuple[str, ...] = ()
    body: bytes = b""
    connections: int = 64
    fresh: bool = False
    answer: Answer = field(default_factory=Answer)

    def request(self) -> str:
        """The request's text, as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost:8080", *self.fields]
        if self.fresh:
            lines.append("Connection: close")
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", self.body.decode()])

    def job(self, port: int, seconds: float, **more: Any) -> dict[str, Any]:
        """The load generator's instructions (see load/main.go)."""
        return {
            "address": f"127.0.0.1:{port}",
            "request": self.request(),
            "connections": self.connections,
            "seconds": seconds,
            "fresh": self.fresh,
            "expect": self.answer.spec(),
            **more,
        }


# What a browser behind a proxy sends: ten fields with Host, one of them never the same twice.
_REALISTIC = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://localhost:8080/shop/ropes",
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
    "X-Forwarded-For: 203.0.113.7",
    "X-Request-Id: 6f1d2c3b-4a59-4e8b-9f00-0000{nnnnnnnn}",
    "Cache-Control: no-cache",
)

BARE = Workload()
HEADERS = Workload(path="/shop/ropes/{nnnnnnnn}?colour=blue&page=2", fields=_REALISTIC)
LARGE_ANSWER = Workload(path="/large", connections=16, answer=Answer(LARGE[:1], len(LARGE)))
UPLOAD = Workload(
    path="/upload", method="POST", body=b"x" * 1_000_000, connections=16, answer=Answer(b"1000000")
)
CHUNKED = Workload(path="/chunks", connections=32, answer=Answer(CHUNK, CHUNKS, CHUNKS))
FRESH = Workload(connections=32, fresh=True)
WORK = Workload(path="/work", connections=32)
IDLE = Workload(fields=_REALISTIC[:4])
