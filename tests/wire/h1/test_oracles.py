"""The bytes of tests/corpus, read by h11 and by httptools too: where they differ from us, the table says why.

STRICTER: we refuse what the other reads (or does not get to the end of).  LAXER: the other
refuses what we read; these rows are few, and each is what RFC 9112 or Go asks of us.  A
difference without a row fails, and so does a row without a difference: the table is exact.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import h11
import httptools
import pytest

from holdfast import limits
from holdfast.errors import RemoteProtocolError
from holdfast.wire.events import Data, End, RequestHead
from holdfast.wire.h1.decoder import RequestDecoder
from tests.wire.test_corpus import CASE, CORPUS, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "refused"
STRICTER, LAXER = "stricter", "laxer"

H11 = [
    (
        STRICTER,
        "takes any text as Host, which applications then build URLs from",
        [
            "host: A slash in Host",
            "host: An at sign in Host",
            "host: A question mark in Host",
            "host: A hash in Host",
            "host: A space in Host",
            "host: A brace in Host",
            "host: Bytes over 0x7F in Host",
            "host: A slash in the Host of HTTP/1.0",
            "smuggling: CVE-2026-48710*",
        ],
    ),
    (
        STRICTER,
        "unfolds folded lines, which RFC 9112 5.2 allows",
        [
            "fields: A folded *",
            "smuggling: A folded Transfer-Encoding",
            "smuggling: Transfer-Encoding behind a tab",
            "trailers: A trailer that is folded",
        ],
    ),
    (
        STRICTER,
        "takes a bare LF as the end of a line, which RFC 9112 2.2 allows",
        [
            "fields: A bare LF in a value",
            "fields: LF CRLF at the end of the head",
            "request-line: Lines that end in a bare LF",
            "request-line: One line of many that ends in a bare LF",
            "trailers: Trailers that end in a bare LF",
            "trailers: No trailers, and a bare LF",
        ],
    ),
    (
        STRICTER,
        "waits for a line end behind a bare CR, which can no longer become one",
        [
            "fields: CR CR LF at the end of the head",
            "trailers: A bare CR instead of the last CRLF",
        ],
    ),
    (
        STRICTER,
        "takes control bytes other than NUL, CR and LF in values",
        [
            "fields: Another control byte in a value",
            "fields: DEL in a value",
            "smuggling: CVE-2026-34520*",
        ],
    ),
    (
        STRICTER,
        "prefers chunked to a length, which RFC 9112 6.3 allows with a warning",
        [
            "smuggling: Chunked and a length",
            "smuggling: CVE-2023-47641*",
        ],
    ),
    (
        STRICTER,
        "reads chunked in HTTP/1.0, where RFC 9112 6.1 says that the framing is faulty",
        [
            "chunked: Transfer-Encoding in HTTP/1.0",
            "smuggling: Chunked in HTTP/1.0",
        ],
    ),
    (
        STRICTER,
        "takes lists of equal lengths, which RFC 9112 6.3 allows",
        [
            "length: A list of equal lengths",
            "length: Two equal lengths",
        ],
    ),
    (
        STRICTER,
        "takes lengths of up to 20 digits, and sizes too",
        ["length: A longer length", "chunked: A size of 17 digits"],
    ),
    (
        STRICTER,
        "does not look into chunk extensions",
        [
            "chunked: A space behind a size",
            "chunked: An extension *",
            "chunked: A space at the end of an extension",
            "chunked: A bare CR in an extension",
            "chunked: NUL in an extension",
            "chunked: A control byte in a quoted extension",
            "smuggling: A bare CR in a chunk extension",
        ],
    ),
    (
        STRICTER,
        "has one limit, which it applies to incomplete events only",
        [
            "chunked: A size line of 4097 bytes",
            "chunked: Little but extensions",
            "trailers: A trailer section *",
            "trailers: 501 fields, trailers included",
            "trailers: Announcing 499 trailers",
            "limits: *",
        ],
    ),
    (STRICTER, "takes any field as a trailer", ["trailers: * comes late", "trailers: * is announced"]),
    (
        STRICTER,
        "keeps two Content-Types apart",
        ["fields: Two Content-Types", "smuggling: Two Content-Types"],
    ),
    (
        STRICTER,
        "leaves the version to its caller",
        [
            "request-line: HTTP/?.? in a request line",
            "request-line: The preface of HTTP/2 with a field",
        ],
    ),
    (
        STRICTER,
        "leaves the form of the target to its caller",
        [
            "request-line: A target that is no path and no URI",
            "request-line: A target in absolute form with a bad *",
            "request-line: A bad percent escape in the path",
            "request-line: A percent sign at the end of the path",
            "request-line: CONNECT with*",
            "smuggling: The authority form without CONNECT",
            "smuggling: The absolute form with CONNECT",
        ],
    ),
    (
        LAXER,
        "refuses lengths of more than 20 digits, leading zeros included",
        ["length: Very many leading zeros"],
    ),
    (
        LAXER,
        "refuses empty lines before a request; RFC 9112 2.2 asks to skip one",
        [
            "request-line: One empty line between a POST and the next request",
            "request-line: Two empty lines between a POST and the next request",
            "request-line: An empty line after a POST, then the peer leaves",
        ],
    ),
    (
        LAXER,
        "refuses bytes over 0x7F in a target; browsers and Go do not",
        ["request-line: Bytes over 0x7F in the target"],
    ),
]
HTTPTOOLS = [
    (
        STRICTER,
        "leaves Host to its caller",
        [
            "host: *",
            "smuggling: Two Hosts (CVE-2026-34525)",
            "smuggling: CVE-2026-48710*",
        ],
    ),
    (
        STRICTER,
        "reports a head whose coding it does not know, and may fail in its body",
        [
            "chunked: The coding identity",
            "chunked: A coding before chunked",
            "chunked: A parameter of chunked",
            "smuggling: CVE-2024-6827*",
        ],
    ),
    (
        STRICTER,
        "reads chunked in HTTP/1.0, where RFC 9112 6.1 says that the framing is faulty",
        [
            "chunked: Transfer-Encoding in HTTP/1.0",
            "smuggling: Chunked in HTTP/1.0",
        ],
    ),
    (
        STRICTER,
        "counts in 64 bits without sign, whatever the number of digits",
        [
            "length: A longer length",
            "chunked: A size of 17 digits",
        ],
    ),
    (STRICTER, "takes an extension whose value is missing", ["chunked: An extension without its value"]),
    (
        STRICTER,
        "has no limits: they are its caller's",
        [
            "chunked: A size line of 4097 bytes",
            "chunked: Little but extensions",
            "trailers: A trailer section *",
            "trailers: 501 fields, trailers included",
            "trailers: Announcing 499 trailers",
            "limits: *",
        ],
    ),
    (
        STRICTER,
        "takes any field but Content-Length and Transfer-Encoding as a trailer",
        [
            "trailers: * comes late",
            "trailers: * is announced",
        ],
    ),
    (
        STRICTER,
        "keeps two Content-Types apart",
        ["fields: Two Content-Types", "smuggling: Two Content-Types"],
    ),
    (
        STRICTER,
        "skips any number of CR and LF before a request",
        [
            "request-line: An empty line before the first request",
            "request-line: Three empty lines after a POST",
            "request-line: Half an empty line after a POST",
            "request-line: An empty line between a GET and the next request",
        ],
    ),
    (
        STRICTER,
        "skips spaces in the request line",
        [
            "request-line: Two spaces before the target",
            "request-line: Two spaces before the version",
        ],
    ),
    (
        STRICTER,
        "speaks HTTP/0.9 and leaves HTTP/2.0 to its caller",
        [
            "request-line: No version",
            "request-line: HTTP/0.9 in a request line",
            "request-line: HTTP/2.0 in a request line",
        ],
    ),
    (
        STRICTER,
        "looks at the bytes of a target, and little at its form",
        [
            "request-line: A target in absolute form with a bad port",
            "request-line: A bad percent escape in the path",
            "request-line: A percent sign at the end of the path",
            "request-line: CONNECT with*",
            "smuggling: The absolute form with CONNECT",
        ],
    ),
    (
        LAXER,
        "refuses white space in chunk extensions; RFC 9112 7.1.1 has it in the grammar",
        ["chunked: Extensions"],
    ),
    (
        LAXER,
        "knows the versions 0.9, 1.0, 1.1 and 2.0; RFC 9110 2.5 asks to take 1.2 as 1.1",
        [
            "request-line: HTTP/1.2",
            "request-line: HTTP/1.9",
        ],
    ),
    (LAXER, "knows a list of methods; RFC 9110 9.1 has any token", ["request-line: A method in lower case"]),
    (LAXER, "knows URIs with // only", ["request-line: A target in absolute form without an authority"]),
    (
        LAXER,
        "refuses bytes over 0x7F in a target; browsers and Go do not",
        ["request-line: Bytes over 0x7F in the target"],
    ),
]


@pytest.mark.parametrize("oracle", ["h11", "httptools"])
def test_every_difference_is_explained(oracle):
    read, table = {"h11": (by_h11, H11), "httptools": (by_httptools, HTTPTOOLS)}[oracle]
    unexplained, used = [], set()
    for name, wire, closes in corpus():
        if closes and oracle == "httptools":
            continue  # it is not told of the end of the connection
        ours, theirs = by_us(wire, closes=closes), read(wire, closes=closes)
        if ours == theirs:
            continue
        direction = STRICTER if ours[-1:] == [REFUSED] and more_than(theirs, ours) else LAXER
        rows = {
            (side, pattern)
            for side, _, patterns in table
            for pattern in patterns
            if side == direction and fnmatchcase(name, pattern)
        }
        used |= rows
        if not rows:
            unexplained.append(f"{direction}: {name}: we {ours}, {oracle} {theirs}")
    assert not unexplained, "\n".join(unexplained)
    assert {(side, pattern) for side, _, patterns in table for pattern in patterns} == used


def more_than(theirs: list[object], ours: list[object]) -> bool:
    """Whether the other read on where we refused."""
    return theirs[-1:] != [REFUSED] or len(theirs) > len(ours)


def corpus() -> Iterator[tuple[str, bytes, bool]]:
    for page in sorted(CORPUS.glob("*.md")):
        for title, body in CASE.findall(page.read_text()):
            wire, closes, _ = parse(body)
            yield f"{page.stem}: {title}", wire, closes


# Each reads bytes into [[method, target, body, whether whole], ..., REFUSED?].


def by_us(wire: bytes, *, closes: bool) -> list[object]:
    decoder = RequestDecoder()
    decoder.feed(wire)
    if closes:
        decoder.feed_eof()
    got: list = []
    try:
        while (event := decoder.next_event()) is not None:
            if isinstance(event, RequestHead):
                got.append([event.method, event.target.encode("latin-1"), b"", False])
            elif isinstance(event, Data):
                got[-1][2] += event.data
            elif isinstance(event, End):
                got[-1][3] = True
    except RemoteProtocolError:
        got.append(REFUSED)
    return got


def by_h11(wire: bytes, *, closes: bool) -> list[object]:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.MAX_HEADER_BYTES + 4)
    got: list = []
    try:
        connection.receive_data(wire)
        if closes:
            connection.receive_data(b"")
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                got.append([event.method.decode(), event.target, b"", False])
            elif isinstance(event, h11.Data):
                got[-1][2] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                got[-1][3] = True
                answer(connection)
            elif isinstance(event, h11.ConnectionClosed):
                break
    except h11.RemoteProtocolError:
        got.append(REFUSED)
    return got


def answer(connection: h11.Connection) -> None:
    """h11 reads the next request when this one is answered; an error keeps CONNECT from switching."""
    connection.send(h11.Response(status_code=400, headers=[(b"content-length", b"0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
        connection.start_next_cycle()


def by_httptools(wire: bytes, *, closes: bool) -> list[object]:
    del closes
    messages = Messages()
    try:
        messages.parser.feed_data(wire)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        messages.got.append(REFUSED)
    return messages.got


class Messages:
    """What httptools calls back."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.got: list = []
        self.target = b""

    def on_message_begin(self) -> None:
        self.target = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_headers_complete(self) -> None:
        self.got.append([self.parser.get_method().decode(), self.target, b"", False])

    def on_body(self, body: bytes) -> None:
        self.got[-1][2] += body

    def on_message_complete(self) -> None:
        self.got[-1][3] = True
