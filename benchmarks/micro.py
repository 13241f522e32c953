"""One function at a time: nanoseconds for one operation, the best of five.

The best, not the median: everything that disturbs a loop without system calls makes it slower. Two
requests of one kind share their bytes in the rows called "repeated" (what the codecs remember pays
there), and no line in the rows called "differing".
"""

from __future__ import annotations

import timeit
from dataclasses import dataclass
from itertools import cycle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.workloads import BARE, HEADERS, Workload
from holdfast.headers import Headers
from holdfast.message import Request
from holdfast.server.mux import ServeMux
from holdfast.wire.events import RequestHead
from holdfast.wire.h1.connection import H1Connection
from holdfast.wire.h1.decoder import RequestDecoder
from holdfast.wire.h1.response import ResponseEncoder, plain_response
from holdfast.wire.lifecycle import Event, Lifecycle, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CASES", "Case", "nanoseconds", "table"]

DIFFERENT = 20_000  # distinct requests: more than any memory of lines holds


@dataclass(frozen=True)
class Case:
    """A statement to time, and what makes its names."""

    name: str
    statement: str
    names: Callable[[], dict[str, Any]]


def table(progress: Callable[[str], None]) -> str:
    """Time every case; the outcome as a Markdown table."""
    lines = [f"| {'function':<46} |     ns |", f"| {'-' * 46} | -----: |"]
    for case in CASES:
        progress(case.name)
        lines.append(f"| {case.name:<46} | {nanoseconds(case):>6,.0f} |")
    return "\n".join(lines)


def nanoseconds(case: Case, *, seconds: float = 0.1, repeat: int = 5) -> float:
    """The best of ``repeat`` loops of about ``seconds`` each, for one run of the statement."""
    timer = timeit.Timer(case.statement, globals=case.names())
    number, taken = 1, timer.timeit(1)
    while taken < seconds / 4:
        number *= 2
        taken = timer.timeit(number)
    number = max(1, int(number * seconds / taken))
    return min(timer.repeat(repeat, number)) / number * 1e9


def _requests(workload: Workload, different: int = 1) -> Iterator[bytes]:
    text = workload.request()
    return cycle([text.replace("{nnnnnnnn}", f"{n:010}").encode() for n in range(different)])


def _decoder(requests: Iterator[bytes]) -> dict[str, Any]:
    decoder = RequestDecoder()
    return {"feed": decoder.feed, "event": decoder.next_event, "requests": requests}


def _chunked() -> Iterator[bytes]:
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return cycle([head + b"64\r\n" + b"x" * 100 + b"\r\n" + b"0\r\n\r\n"])


def _head(workload: Workload) -> RequestHead:
    decoder = RequestDecoder()
    decoder.feed(next(_requests(workload)))
    head = decoder.next_event()
    assert isinstance(head, RequestHead)
    return head


def _encoder() -> dict[str, Any]:
    fields = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    date = b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    return {
        "plain_response": plain_response,
        "ResponseEncoder": ResponseEncoder,
        "connection": H1Connection(),
        "head": _head(BARE),
        "fields": fields,
        "date": date,
        "body": b"Hello, World!",
    }


def _headers() -> dict[str, Any]:
    return {"Headers": Headers, "fields": _head(HEADERS).fields, "index": _head(HEADERS).index}


def _lifecycle() -> dict[str, Any]:
    steps = {"fire": Lifecycle(Side.SERVER).fire}
    return {**steps, "BYTES": Event.BYTES, "REQUEST": Event.REQUEST, "KEEP": Event.KEEP}


def _mux(path: str) -> dict[str, Any]:
    """A mux with 40 patterns and a request for ``path``; reading its target is part of the search."""
    mux = ServeMux()
    for name in ("ropes", "knots", "boats", "sails", "anchors", "charts", "lamps", "flags", "masts", "oars"):
        for pattern in (f"GET /{name}", f"POST /{name}", f"GET /{name}/{{id}}", f"GET /{name}/{{id}}/parts"):
            mux.handle(pattern, lambda w, r: None)
    return {
        "find": mux.handler,
        "Request": Request,
        "source": SimpleNamespace(head=_head(Workload(path=path))),
    }


_DECODE = "feed(next(requests)); event(); event()"
_ENCODE = (
    "out = []; answer = ResponseEncoder(connection, head); "
    "answer.start(200, fields, out, length=13, date=date); "
    "answer.data(body, out); answer.end((), out); b''.join(out)"
)
CASES = (
    Case("decoder: bare request, repeated", _DECODE, lambda: _decoder(_requests(BARE))),
    Case("decoder: ten headers, repeated", _DECODE, lambda: _decoder(_requests(HEADERS))),
    Case(
        "decoder: ten headers, path and one differing",
        _DECODE,
        lambda: _decoder(_requests(HEADERS, DIFFERENT)),
    ),
    Case("decoder: POST of one chunk", f"{_DECODE}; event()", lambda: _decoder(_chunked())),
    Case(
        "encoder: a whole short answer, at once",
        "plain_response(connection, head, 200, fields, body, date)",
        _encoder,
    ),
    Case("encoder: a whole short answer, in steps", _ENCODE, _encoder),
    Case(
        "headers: two set by an application",
        "h = Headers(); h['Content-Type'] = 'text/plain'; h['X-A'] = 'b'",
        _headers,
    ),
    Case("headers: one read of ten received", "Headers.trusted(fields, index)['user-agent']", _headers),
    Case("mux: a fixed path among 40 patterns", "find(Request(source))", lambda: _mux("/sails")),
    Case("mux: a path with a wildcard", "find(Request(source))", lambda: _mux("/sails/17")),
    Case("lifecycle: one exchange, three events", "fire(BYTES); fire(REQUEST); fire(KEEP)", _lifecycle),
)
