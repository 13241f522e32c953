"""The pages of tests/corpus/h1, run: each case is bytes from a peer and the events they mean.

A case is a heading of level two, a sentence or two of why, and one block:

    > text      what the peer sends, and CRLF; a backslash at the very end sends it without
    >.          the peer closes its half
    = event     what the decoder reports, in order:

        request METHOD TARGET [key=value ...]   keys are those of ``SHOWN``; only the ones named are compared
        field name: value                       a line of the head above; only those written are compared
        data bytes                              neighbouring pieces are joined
        end [name: value; ...]                  the message is whole, with its trailers
        error STATUS [reason]                   reason is what the peer may be told
        closed                                  the peer left between two messages

Odd bytes are written \\x00, \\t, \\r, \\n, \\\\, and \\{text*3} for texttexttext.

Every case runs whole, byte by byte, and with another request behind it, which must be
read as such, unless the case ends in an error: then nothing behind it may be read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdfast.errors import RemoteProtocolError
from holdfast.wire.events import Data, End, RequestHead
from holdfast.wire.h1.decoder import RequestDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CORPUS = Path(__file__).parents[1] / "corpus" / "h1"
CASE = re.compile(r"^## (.+?)\n.*?^```wire\n(.*?)^```", re.M | re.S)
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\{(.*?)\*(\d+)\}|([trn\\]))")
LETTERS = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\"}
NEXT = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"

SHOWN = {
    "version": lambda head: head.version,
    "host": lambda head: head.host,
    "length": lambda head: head.content_length,
    "fields": lambda head: len(head.fields),
    "persist": lambda head: head.persist.name if head.persist else "yes",
    "upgrade": lambda head: head.upgrade.decode() if head.upgrade is not None else "no",
    "expect": lambda head: "continue" if head.expect_continue else "unknown" if head.expect_unknown else "no",
}


def cases() -> Iterator[object]:
    for page in sorted(CORPUS.glob("*.md")):
        for title, body in CASE.findall(page.read_text()):
            yield pytest.param(body, id=f"{page.stem}: {title}")


@pytest.mark.parametrize("body", list(cases()))
def test_whole_and_byte_by_byte_and_with_a_request_behind(body: str) -> None:
    wire, closes, want = parse(body)
    each_byte = [wire[i : i + 1] for i in range(len(wire))]
    assert run([wire], want, closes=closes) == want
    assert run(each_byte, want, closes=closes) == want
    if not closes:
        more = ["request GET /next host=next", "end"] if want[-1].startswith("end") else []
        assert run([wire + NEXT], want + more) == want + more
        assert run([*each_byte, NEXT], want + more) == want + more


def test_every_heading_is_a_case() -> None:
    for page in sorted(CORPUS.glob("*.md")):
        text = page.read_text()
        assert text.count("\n## ") == text.count("\n```wire\n") == len(CASE.findall(text)), page.name


def parse(body: str) -> tuple[bytes, bool, list[str]]:
    wire, closes, want = b"", False, []
    for line in body.splitlines():
        if line == ">.":
            closes = True
        elif line.startswith(">"):
            text, end = line[2:], "\r\n"
            if text.endswith("\\") and not text.endswith("\\\\"):
                text, end = text[:-1], ""
            wire += (unescape(text) + end).encode("latin-1")
        elif line.startswith("= "):
            want.append(unescape(line[2:]))
        else:
            raise ValueError(f"neither sent nor reported: {line!r}")
    return wire, closes, want


def unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code, repeated, times, letter = match.groups()
        return chr(int(code, 16)) if code else unescape(repeated) * int(times) if times else LETTERS[letter]

    return ESCAPE.sub(one, text)


def run(pieces: Iterable[bytes], want: list[str], *, closes: bool = False) -> list[str]:
    """Feed ``pieces`` and return what was reported, each event with the details that ``want`` mentions."""
    decoder = RequestDecoder()
    got: list[str] = []
    for piece in pieces:
        decoder.feed(piece)
        report(decoder, got, want)
    if closes:
        decoder.feed_eof()
        report(decoder, got, want)
        if decoder.at_eof:
            got.append("closed")
    return got


def report(decoder: RequestDecoder, got: list[str], want: list[str]) -> None:
    while True:
        try:
            event = decoder.next_event()
        except RemoteProtocolError as error:
            text = f"error {error.status} {error.reason}".rstrip()
            if got[-1:] != [text]:  # it is the same for ever; once is enough to read
                got.append(text)
            return
        if event is None:
            return
        if isinstance(event, RequestHead):
            got += describe(event, want[len(got) :])
        elif isinstance(event, Data):
            assert event.data, "an empty Data"
            text = event.data.decode("latin-1")
            if got[-1].startswith("data "):
                got[-1] += text
            else:
                got.append("data " + text)
        elif isinstance(event, End):
            trailers = "; ".join(
                f"{name.decode()}: {value.decode('latin-1')}" for name, value in event.trailers
            )
            got.append(f"end {trailers}".rstrip())


def describe(head: RequestHead, want: list[str]) -> list[str]:
    keys = [word.partition("=")[0] for word in want[0].split(" ")[3:]] if want else []
    lines = [" ".join(["request", head.method, head.target, *(f"{key}={SHOWN[key](head)}" for key in keys)])]
    fields = [f"field {name.decode()}: {value.decode('latin-1')}" for name, value in head.fields]
    for line in want[1:]:
        if not line.startswith("field "):
            break
        # A line that did not come shows up as all that did.
        lines.append(line if line in fields else f"fields {fields}")
    return lines
