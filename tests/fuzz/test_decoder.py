"""Whatever comes, however it is cut: the same events, the same error, and no other exception.

``messages`` builds what nearly is HTTP: valid parts, each of which may be damaged.  atheris_decoder.py
does the same from nothing but coverage, by hand.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.errors import RemoteProtocolError
from holdfast.wire.events import Data, End, Event, RequestHead
from holdfast.wire.h1.decoder import RequestDecoder
from holdfast.wire.h1.head import HeadParser

PARTS = [
    *[
        b"GET",
        b"POST",
        b"CONNECT",
        b"OPTIONS",
        b"PRI",
        b" ",
        b"\t",
        b"/",
        b"*",
        b"http://h/",
        b"a:1",
        b"/%zz",
        b"%",
        b"?",
    ],
    *[
        b" HTTP/1.1",
        b" HTTP/1.0",
        b" HTTP/2.0",
        b"HTTP/1.1",
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\0",
        b"\xff",
        b":",
    ],
    *[
        b"Host: x\r\n",
        b"Host: a/b\r\n",
        b"Host:",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\n",
        b"Upgrade: a\r\n",
    ],
    *[
        b"Content-Length: 3\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: +3\r\n",
        b"Expect: 100-continue\r\n",
    ],
    *[
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Trailer: A\r\n",
        b" folded\r\n",
        b"A : b\r\n",
    ],
    *[
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"0\r\n\r\n",
        b"3;a=b\r\n",
        b'1;a="\\""\r\nz\r\n',
        b"A: b\r\n",
        b"ffffffffffffffff\r\n",
        b"abc",
    ],
    *[
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
]
messages = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=4)), max_size=25).map(b"".join)


def told(event: Event) -> tuple[object, ...]:
    if isinstance(event, RequestHead):
        return "request", *(getattr(event, name) for name in RequestHead.__slots__)
    if isinstance(event, End):
        return "end", event.trailers
    return "data", event.data


def decode(pieces: list[bytes]) -> list[tuple[object, ...]]:
    decoder = RequestDecoder(max_header_bytes=300, max_header_count=6)
    got: list[tuple[object, ...]] = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            take(decoder, got)
        decoder.feed_eof()
        take(decoder, got)
    except RemoteProtocolError as error:
        got.append(("error", error.status, error.reason))
    return got


def decode_quickly(wires: list[bytes]) -> list[tuple[object, ...]]:
    """As ``decode``, by the way that the server takes: ``feed_head`` wherever a head may begin."""
    decoder = RequestDecoder(max_header_bytes=300, max_header_count=6)
    got: list[tuple[object, ...]] = []
    try:
        for wire in wires:
            head = decoder.feed_head(wire)
            if head is not None:
                got.append(told(head))
                if head.content_length == 0:
                    got.append(("end", []))
            take(decoder, got)
        decoder.feed_eof()
        take(decoder, got)
    except RemoteProtocolError as error:
        got.append(("error", error.status, error.reason))
    return got


def take(decoder: RequestDecoder, got: list[tuple[object, ...]]) -> None:
    while (event := decoder.next_event()) is not None:
        if isinstance(event, Data) and got[-1][0] == "data":
            got[-1] = "data", got[-1][1] + event.data
        else:
            got.append(told(event))


WHOLE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Id: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Id: a\x7fb\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Id:  2 \r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"ab",
]


@settings(max_examples=600)
@given(st.lists(st.one_of(messages, st.sampled_from(WHOLE)), min_size=1, max_size=4))
@example([b"GET"])
def test_the_quick_way_to_a_head_tells_the_same(wires: list[bytes]) -> None:
    assert decode_quickly(wires) == decode(wires)


@settings(max_examples=400)
@given(messages, st.data())
@example(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", None)
def test_cuts_do_not_matter(wire: bytes, data: st.DataObject | None) -> None:
    whole = decode([wire])
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == whole
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
        pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        assert decode(pieces) == whole


@settings(max_examples=400)
@given(messages)
def test_what_was_decoded_is_within_the_grammar(wire: bytes) -> None:
    for event in decode([wire]):
        if event[0] != "request":
            continue
        head = dict(zip(["event", *RequestHead.__slots__], event, strict=True))
        assert not any(c in head["target"] for c in " \t\r\n\0")
        assert not any(c in head["host"] for c in "/@?# \\")
        assert head["content_length"] >= -1
        for name, value in head["fields"]:
            assert name == name.lower()
            assert value == value.strip(b" \t")
            assert not set(value) & {0, 10, 13}


@settings(max_examples=200)
@given(st.binary(max_size=200), st.lists(st.integers(1, 20), min_size=1), st.booleans())
def test_a_body_comes_out_as_it_went_in(body: bytes, sizes: list[int], chunked: bool) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    if chunked:
        pieces, at = [], 0
        while at < len(body):
            size = sizes[len(pieces) % len(sizes)]
            pieces.append(body[at : at + size])
            at += size
        wire = head + b"Transfer-Encoding: chunked\r\n\r\n"
        wire += b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        wire = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    got = decode([wire])
    assert [event[0] for event in got] == ["request", *(["data"] if body else []), "end"]
    assert not body or got[1][1] == body


LINES = [
    *[
        b"Host: x",
        b"Host: y",
        b"Host: /",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: upgrade",
    ],
    *[
        b"Upgrade: a",
        b"Upgrade: b",
        b"Content-Length: 0",
        b"Content-Length: 00",
        b"Expect: a",
        b"Expect:",
        b"Trailer: a",
    ],
    *[
        b"Cookie: a",
        b"Cookie: b",
        b"A: 1",
        b"A: 2",
        b"a: 2",
        b"B: 1",
        b"A : 1",
        b"A",
        b"Transfer-Encoding: x",
        b"TE: x",
    ],
]
heads = st.tuples(
    st.sampled_from([b"GET / HTTP/1.1", b"GET / HTTP/1.0", b"GET http://h/ HTTP/1.1", b"PRI * HTTP/2.0"]),
    st.lists(st.sampled_from(LINES), max_size=5),
).map(lambda head: b"\r\n".join([head[0], *head[1]]))


@settings(max_examples=600)
@given(st.lists(heads, min_size=2, max_size=6), st.data())
def test_what_a_head_means_does_not_depend_on_the_ones_before(
    wires: list[bytes], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):  # the same again, but for one line
        at = data.draw(st.integers(0, len(wires) - 1))
        lines = wires[at].split(b"\r\n")
        lines[data.draw(st.integers(0, len(lines) - 1))] = data.draw(
            st.sampled_from([*LINES, b"GET /2 HTTP/1.1"])
        )
        wires.insert(at + 1, b"\r\n".join(lines))
    parser = HeadParser(4)
    for wire in wires:
        head = told_by(parser, wire)
        assert head == told_by(HeadParser(4), wire)


def told_by(parser: HeadParser, wire: bytes) -> object:
    try:
        head = parser.parse(wire)
    except RemoteProtocolError as error:
        return str(error), error.status, error.reason
    said = {name: getattr(head, name) for name in RequestHead.__slots__} | {"fields": tuple(head.fields)}
    head.fields.clear()  # the list is its owner's, who may do so
    return said
