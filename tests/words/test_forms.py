"""Multipart bodies: Go's mime/multipart tests, and bodies that are meant to be read in two ways.

Every body is parsed whole and byte by byte.  Of the CVE classes in field.md D2 and D3: endless
loops, work per tiny part, heads without end, CRLF in names (aiohttp, Starlette, Go).
"""

from __future__ import annotations

import time

import pytest

from holdfast import limits
from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.forms import MultipartParser, PartBegin, PartData, PartEnd, boundary_of


def parse(body, step=None, boundary=b"b", **options):
    """The parts as (fields, content), and the parser; given in pieces of ``step`` bytes."""
    parser = MultipartParser(boundary, **options)
    parts = []
    step = step or len(body) or 1
    for start in range(0, len(body), step):
        parser.receive(body[start : start + step])
        take(parser, parts)
    parser.receive_eof()
    take(parser, parts)
    return parts, parser


def take(parser, parts):
    while (event := parser.next_event()) is not None:
        match event:
            case PartBegin():
                parts.append([event, b"", False])
            case PartData():
                assert event.data
                parts[-1][1] += event.data
            case PartEnd():
                assert not parts[-1][2]
                parts[-1][2] = True


every_step = pytest.mark.parametrize("step", [None, 1, 2, 7], ids=["whole", "1", "2", "7"])


def part(content, head=b'Content-Disposition: form-data; name="a"'):
    return b"--b\r\n" + (head + b"\r\n" if head else b"") + b"\r\n" + content + b"\r\n"


@every_step
@pytest.mark.parametrize(
    ("body", "contents"),
    [
        pytest.param(part(b"x") + b"--b--\r\n", [b"x"], id="one"),
        pytest.param(part(b"x") + part(b"yy") + b"--b--", [b"x", b"yy"], id="no last line end"),
        pytest.param(b"--b--\r\n", [], id="no part"),
        pytest.param(b"hello\r\nyou\r\n" + part(b"x") + b"--b--\r\n", [b"x"], id="preamble"),
        pytest.param(b"--x\r\n\r\n" + part(b"x") + b"--b--\r\n", [b"x"], id="preamble like a delimiter"),
        pytest.param(b" --b\r\n" + part(b"x") + b"--b--", [b"x"], id="a delimiter begins its line"),
        pytest.param(part(b"x") + b"--b--\r\n--b\r\nmore", [b"x"], id="epilogue"),
        pytest.param(part(b"x") + b"--b-- \t \r\n", [b"x"], id="padding of the last"),
        pytest.param(b"--b  \t\r\n\r\nx\r\n--b--", [b"x"], id="padding"),
        pytest.param(part(b"x", b"") + b"--b--", [b"x"], id="no head"),
        pytest.param(part(b"") + b"--b--", [b""], id="empty content"),
        pytest.param(b"--b\r\nA: 1\r\n\r\n--b--", [b""], id="content missing altogether"),
        pytest.param(b"--b\r\n\r\n--b\r\n\r\n\r\n--b--", [b"", b""], id="empty parts"),
        pytest.param(part(b"\r\n") + b"--b--", [b"\r\n"], id="only a line end"),
        pytest.param(part(b"\r\n--\r\n\r\n-") + b"--b--", [b"\r\n--\r\n\r\n-"], id="parts of a delimiter"),
        pytest.param(part(b"\r\r\n--\r") + b"--b--", [b"\r\r\n--\r"], id="bare CR"),
        pytest.param(part(b"\n--b\nx") + b"--b--", [b"\n--b\nx"], id="LF does not begin a delimiter"),
        pytest.param(part(b"x--b") + b"--b--", [b"x--b"], id="not at a line's beginning"),
        pytest.param(part(b"\r\n--bb\r\n") + b"--b--", [b"\r\n--bb\r\n"], id="a longer boundary"),
        pytest.param(part(b"\r\n--b-x\r\n") + b"--b--", [b"\r\n--b-x\r\n"], id="a longer boundary, dash"),
        pytest.param(part(b"\r\n\x00\xff" * 99) + b"--b--", [b"\r\n\x00\xff" * 99], id="binary"),
    ],
)
def test_where_parts_begin_and_end(body, contents, step):
    parts, parser = parse(body, step)
    assert [content for _, content, _ in parts] == contents
    assert all(ended for _, _, ended in parts)
    assert parser.complete


@every_step
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="no delimiter"),
        pytest.param(b"--b", id="half a delimiter"),
        pytest.param(b"--b-", id="half the last delimiter"),
        pytest.param(b"--b\r\n", id="no head"),
        pytest.param(b"--b\r\nA: 1\r\n", id="half a head"),
        pytest.param(part(b"x"), id="no last delimiter"),
        pytest.param(part(b"x") + b"--b", id="last delimiter without dashes"),
        pytest.param(b"--b--\r", id="half a line end"),
        pytest.param(b"--b x\r\n\r\n\r\n--b--", id="more on the delimiter's line"),
        pytest.param(b"--b\rx\r\n\r\n--b--", id="CR on the delimiter's line"),
        pytest.param(b"--b--x\r\n", id="more on the last line"),
        pytest.param(b"--b\n\nx\n--b--\n", id="LF lines"),
        pytest.param(part(b"x", b"A 1") + b"--b--", id="no colon"),
        pytest.param(part(b"x", b"A : 1") + b"--b--", id="space before the colon"),
        pytest.param(part(b"x", b": 1") + b"--b--", id="no name"),
        pytest.param(part(b"x", b"A: 1\r\n 2") + b"--b--", id="folded line"),
        pytest.param(part(b"x", b"A: 1\rB: 2") + b"--b--", id="CR in a value"),
        pytest.param(part(b"x", b"A: 1\nB: 2") + b"--b--", id="LF in a value"),
        pytest.param(part(b"x", b"A: \x00") + b"--b--", id="NUL in a value"),
        pytest.param(part(b"x", b'Content-Disposition: form-data; name="a') + b"--b--", id="open quote"),
        pytest.param(
            part(b"x", b"Content-Disposition: form-data; name=a; name=b") + b"--b--", id="two names"
        ),
        pytest.param(
            part(b"x", b"Content-Disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b")
            + b"--b--",
            id="two dispositions",
        ),
    ],
)
def test_what_is_refused(body, step):
    with pytest.raises(RemoteProtocolError) as caught:
        parse(body, step)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (b'form-data; name="a"', "a", ""),
        (b"form-data; name=a", "a", ""),
        (b'FORM-DATA; Name="a"; FileName="f.txt"', "a", "f.txt"),
        (b'form-data; name="a"; filename=""', "a", ""),
        (b'form-data; name="a"; filename="../../etc/passwd"', "a", "passwd"),
        (b'form-data; name="a"; filename="C:\\dir\\f.txt"', "a", "f.txt"),
        (b'form-data; name="a"; filename="\\\\server\\share\\f.txt"', "a", "f.txt"),
        (b'form-data; name="a"; filename=".."', "a", ""),
        (b'form-data; name="a"; filename="dir/"', "a", ""),
        (b'form-data; name="a"; filename="say \\"hi\\".txt"', "a", 'say "hi".txt'),
        (b'form-data; name="a"; filename="%22;x.txt"', "a", "%22;x.txt"),
        ('form-data; name="größe"; filename="日本.txt"'.encode(), "größe", "日本.txt"),
        (b'form-data; name="\xff"', "\ufffd", ""),
        (b"form-data; name=a; filename*=UTF-8''x.txt", "a", ""),
        (b'attachment; name="a"; filename="f.txt"', "", ""),
        (b"form-data", "", ""),
    ],
)
def test_names(disposition, name, filename):
    parts, _ = parse(part(b"x", b"Content-Disposition: " + disposition) + b"--b--")
    begin = parts[0][0]
    assert (begin.name, begin.filename) == (name, filename)


def test_fields_are_kept_in_order():
    parts, _ = parse(part(b"x", b"Content-Type:  text/plain \r\nX-A: 1\r\nx-a: 2\r\nEmpty:") + b"--b--")
    assert parts[0][0].fields == [
        (b"content-type", b"text/plain"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"empty", b""),
    ]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ("Multipart/Form-Data; charset=utf-8; boundary=abc", b"abc"),
        ('multipart/form-data; boundary="a b:c"', b"a b:c"),
        ("multipart/form-data; boundary=" + "x" * 70, b"x" * 70),
    ],
)
def test_boundaries(content_type, boundary):
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary", 415),
        ("multipart/mixed; boundary=abc", 415),
        ("multipart/form-data", 400),
        ('multipart/form-data; boundary=""', 400),
        ('multipart/form-data; boundary="a "', 400),
        ('multipart/form-data; boundary="\xe4"', 400),
        ('multipart/form-data; boundary="a\\"b"', 400),
        ("multipart/form-data; boundary=" + "x" * 71, 400),
    ],
)
def test_boundaries_that_are_refused(content_type, status):
    with pytest.raises(RemoteProtocolError) as caught:
        boundary_of(content_type)
    assert caught.value.status == status


def test_mixed_is_read_where_it_is_asked_for():
    assert boundary_of("multipart/mixed; boundary=abc", ("form-data", "mixed")) == b"abc"


@every_step
@pytest.mark.parametrize(
    ("body", "limit"),
    [
        pytest.param(
            b"--b\r\nA: " + b"x" * limits.MAX_PART_HEADER_BYTES + b"....", "max_part_header_bytes", id="open"
        ),
        pytest.param(
            part(b"", b"A: " + b"x" * limits.MAX_PART_HEADER_BYTES), "max_part_header_bytes", id="closed"
        ),
        pytest.param(
            part(b"", b"\r\n".join([b"A:"] * (limits.MAX_PART_HEADER_COUNT + 1))),
            "max_part_header_count",
            id="many lines",
        ),
        pytest.param(part(b"") * 4, "max_form_parts", id="many parts"),
    ],
)
def test_limits(body, limit, step):
    with pytest.raises(LimitExceeded) as caught:
        parse(body, step, max_parts=3)
    assert caught.value.limit == limit


@every_step
def test_what_is_just_within_the_limits(step):
    longest = b"A:" + b"x" * (limits.MAX_PART_HEADER_BYTES - 2)
    most = b"\r\n".join([b"A:"] * limits.MAX_PART_HEADER_COUNT)
    parts, _ = parse(part(b"", longest) + part(b"", most) + b"--b--", step, max_parts=2)
    assert [len(begin.fields) for begin, _, _ in parts] == [1, limits.MAX_PART_HEADER_COUNT]


def test_little_is_kept():
    parser = MultipartParser(b"b" * 70)
    parser.receive(b"--" + b"b" * 70 + b"\r\n\r\n")
    content = 0
    for piece in (b"\r\n--" + b"b" * 69, b"x" * 65536, b"\r\n" * 1000, b"\r\n--" + b"b" * 60):
        parser.receive(piece)
        while (event := parser.next_event()) is not None:
            content += len(event.data) if type(event) is PartData else 0
        assert len(parser._buffer) <= 80
    assert content > 65536


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(b"\r\n--bbbbbbbbb", id="nearly delimiters"),
        pytest.param(b"\r\n--bbbbbbbbbbX", id="longer delimiters"),
        pytest.param(b"\r", id="CR"),
        pytest.param(b"\r\n--bbbbbbbbbb\r\n\r\n", id="parts"),
        pytest.param(b"\r\n--bbbbbbbbbb" + b" " * 500 + b"\r\n\r\n", id="padded parts"),
    ],
)
def test_time_grows_with_the_size_only(unit):
    """Four times the bytes in one piece take four times as long, and not sixteen; ten are allowed."""
    boundary = b"b" * 10

    def seconds(size):
        body = b"--" + boundary + b"\r\n\r\n" + unit * (size // len(unit)) + b"\r\n--" + boundary + b"--"
        best = 10.0
        for _ in range(3):
            parser = MultipartParser(boundary, max_parts=size)
            start = time.process_time()
            parser.receive(body)
            parser.receive_eof()
            while parser.next_event() is not None:
                pass
            assert parser.complete
            best = min(best, time.process_time() - start)
        return best

    assert seconds(400_000) < 10 * seconds(100_000) + 0.01


@pytest.mark.parametrize("rounds", [300])
def test_any_bytes_are_parts_or_refused_the_same_in_any_pieces(rng, rounds):
    alphabet = [b"\r\n", b"--b", b"--", b"\r", b"\n", b"-", b"b", b" ", b"A: 1", b":", b"x", b"\r\n\r\n"]
    for _ in range(rounds):
        body = b"--b\r\n" + b"".join(rng.choices(alphabet, k=rng.randrange(1, 14))) + b"\r\n--b--"

        def outcome(step, body=body):
            try:
                parts, parser = parse(body, step)
            except RemoteProtocolError:
                return "refused"
            return [(begin.fields, content) for begin, content, _ in parts], parser.complete

        assert outcome(None) == outcome(1) == outcome(3), body
