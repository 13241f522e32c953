"""Each pattern with what it takes, what it refuses, and that it is linear."""

from __future__ import annotations

import pytest

from holdfast.wire import grammar

TAKES = {
    "TOKEN": [b"GET", b"!#$%&'*+-.^_`|~09azAZ"],
    "REQUEST_LINE": [b"GET / HTTP/1.1", b"x * HTTP/9.9", b"GET \xff HTTP/1.0"],
    "FIELD_LINE": [b"a:", b"a: b", b"a:\tb c\xff ", b"A-_~!:::"],
    "HOST": [b"", b"x", b"a.b:80", b"[::1]:80", b"Az09!$%&'()*+,-.:;=[]_~"],
    "CONNECT_AUTHORITY": [b"a:1", b"[::1]:443", b"*:99999", b":1"],
    "ORIGIN_FORM": [b"/", b"//", b"/a%20b", b"/?%", b"/a?b?c#d", b"/\xff"],
    "ABSOLUTE_FORM": [
        b"http://h",
        b"http://u:p@h:1/p?q",
        b"h2+x.y-z:opaque",
        b"http:///p",
        b"x://[::1]?q",
        b"a:/p",
    ],
    "CONTENT_LENGTH": [b"0", b"0012"],
    "CHUNK_LINE": [b"0", b"ffffFFFF00000000", b"1;a", b"1; a = b ;c", b'1;a="b\\"c;"', b'1;a=""'],
}
REFUSES = {
    "TOKEN": [b"", b"a b", b"a:", b"\xff", b"a\n", b'"', b"(", b"{"],
    "REQUEST_LINE": [
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1 ",
        b" / HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET / HTTP/1.",
        b"GET /\x7f HTTP/1.1",
    ],
    "FIELD_LINE": [b"", b":", b"a", b"a :b", b"a: \x00", b"a: b\n", b"a: \r", b"a: \x7f", b" a: b"],
    "HOST": [b" ", b"a b", b"a/b", b"a@b", b"a?b", b"a#b", b"a\\b", b"a<b", b'a"b', b"\xe4", b"a\n"],
    "CONNECT_AUTHORITY": [
        b"",
        b"a",
        b"a:",
        b"a:b",
        b"a:123456",
        b"a:1 ",
        b"http://a:1",
        b"::1:1",
        b"[]:1",
        b"a@b:1",
    ],
    "ORIGIN_FORM": [b"", b"a", b"/%", b"/%1", b"/%g0", b"/a%%20"],
    "ABSOLUTE_FORM": [
        b"",
        b"a",
        b"1:",
        b":a",
        b"http://h h",
        b"http://h:x",
        b"http://h/%",
        b"http://[::1",
        b"http://a@b@c",
        b"a:%",
    ],
    "CONTENT_LENGTH": [b"", b"+1", b"1,1", b" 1", b"1\n", b"\xb2"],
    "CHUNK_LINE": [
        b"",
        b";a",
        b"1 ",
        b"1 ;a",
        b"1;",
        b"1;a=",
        b'1;a="',
        b"1;a ",
        b"1;a b",
        b"1\n",
        b"12345678901234567",
        b'1;a="\x00"',
        b"g",
    ],
}
# A start, the byte that repeats, and an end that makes the whole fail.
SLOW = [
    ("REQUEST_LINE", b"GET ", b"a", b"\x00"),
    ("FIELD_LINE", b"a:", b" ", b"\x00"),
    ("HOST", b"", b":", b"/"),
    ("CONNECT_AUTHORITY", b"", b"a", b""),
    ("ORIGIN_FORM", b"/", b"%20", b"%"),
    ("ABSOLUTE_FORM", b"http://", b"a:", b"{"),
    ("ABSOLUTE_FORM", b"http://", b"@", b"{"),
    ("ABSOLUTE_FORM", b"http://h/", b"%20", b"%"),
    ("CHUNK_LINE", b"1", b";a ", b"\x00"),
    ("CHUNK_LINE", b"1;a", b" ", b"\x00"),
    ("CHUNK_LINE", b"1", b';a="\\""', b"\x00"),
]


def each(table):
    return [
        pytest.param(name, text, id=f"{name} {text!r}") for name, texts in table.items() for text in texts
    ]


@pytest.mark.parametrize(("name", "text"), each(TAKES))
def test_takes(name, text):
    assert getattr(grammar, name).fullmatch(text)


@pytest.mark.parametrize(("name", "text"), each(REFUSES))
def test_refuses(name, text):
    assert not getattr(grammar, name).fullmatch(text)


@pytest.mark.parametrize(("name", "start", "middle", "end"), SLOW, ids=str)
def test_is_linear(name, start, middle, end):
    """A pattern that tried every way to split this input would not come back for hours."""
    assert not getattr(grammar, name).fullmatch(start + middle * 300_000 + end)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"a\r\nb", None),
        (b"a\r", None),
        (b"\r\n\r\n", None),
        (b"a\nb", 1),
        (b"\n", 0),
        (b"a\rb", 1),
        (b"\r\r\n", 0),
        (b"\r\n\n", 2),
    ],
)
def test_bare_cr_or_lf(text, at):
    match = grammar.BARE.search(text)
    assert (match and match.start()) == at


@pytest.mark.parametrize("name", [name for name in TAKES if name not in ("ORIGIN_FORM", "ABSOLUTE_FORM")])
@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0"], ids=repr)
def test_no_line_lets_a_line_break_pass(name, byte):
    """The two forms of a target are only asked about what a request line has let pass."""
    for text in TAKES[name]:
        for at in range(len(text) + 1):
            assert not getattr(grammar, name).fullmatch(text[:at] + byte + text[at:])
