"""URLs, the four forms of a request target, paths and queries."""

from __future__ import annotations

import pytest

from holdfast.errors import InvalidURL, LimitExceeded
from holdfast.url import (
    URL,
    clean_path,
    encode_query,
    escape_path,
    escape_wire,
    join,
    normalise,
    parse,
    parse_query,
    parse_target,
    read_query,
    unescape,
    valid_host,
)


# nethttp.md 2.1, the rows about the target.
@pytest.mark.parametrize(
    ("method", "target", "url", "path"),
    [
        ("GET", "/", URL(raw_path="/"), "/"),
        ("GET", "/a/b?q=1&r", URL(raw_path="/a/b", raw_query="q=1&r"), "/a/b"),
        ("GET", "/a?", URL(raw_path="/a", raw_query=""), "/a"),
        ("GET", "/a%2Fb/%C3%A9", URL(raw_path="/a%2Fb/%C3%A9"), "/a/b/é"),
        ("GET", "//x/y", URL(raw_path="//x/y"), "//x/y"),
        ("GET", "/a#b", URL(raw_path="/a#b"), "/a#b"),
        ("GET", "/a?b#c", URL(raw_path="/a", raw_query="b#c"), "/a"),
        ("GET", "/a?b=%zz", URL(raw_path="/a", raw_query="b=%zz"), "/a"),
        ("GET", "/\xc3\xa9", URL(raw_path="/\xc3\xa9"), "/é"),
        ("GET", "/\xff", URL(raw_path="/\xff"), "/\udcff"),
        ("GET", "/a b".replace(" ", "%20"), URL(raw_path="/a%20b"), "/a b"),
        ("OPTIONS", "*", URL(raw_path="*"), "*"),
        ("GET", "*", URL(raw_path="*"), "*"),
        ("GET", "http://other/p?q", URL("http", None, "other", None, "/p", "q"), "/p"),
        ("GET", "HTTP://Other:80", URL("http", None, "Other", 80), ""),
        ("GET", "http://h?q", URL("http", None, "h", None, "", "q"), ""),
        ("GET", "http://h/a#b", URL("http", None, "h", None, "/a#b"), "/a#b"),
        ("GET", "ftp://h/p", URL("ftp", None, "h", None, "/p"), "/p"),
        ("GET", "http://u:p@h/", URL("http", "u:p", "h", None, "/"), "/"),
        ("GET", "http://[::1]:8080/", URL("http", None, "::1", 8080, "/"), "/"),
        ("GET", "http:///p", URL("http", None, "", None, "/p"), "/p"),
        ("GET", "http:/p", URL("http", None, None, None, "/p"), "/p"),
        ("GET", "mailto:x@y", URL("mailto", opaque="x@y"), ""),
        ("CONNECT", "a.b:443", URL(host="a.b", port=443), ""),
        ("CONNECT", "[::1]:443", URL(host="::1", port=443), ""),
        ("CONNECT", "/path", URL(raw_path="/path"), "/path"),
    ],
)
def test_target(method, target, url, path):
    parsed = parse_target(method, target)
    assert parsed == url
    assert parsed.path == path


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", ""),
        ("GET", "foo"),
        ("GET", "?q"),
        ("GET", "#f"),
        ("GET", "/a%"),
        ("GET", "/a%4"),
        ("GET", "/%zz"),
        ("GET", "/%%41"),
        ("GET", "http://h/%zz"),
        ("GET", "/a\0"),
        ("GET", "/a\tb"),
        ("GET", "/a\x7f"),
        ("GET", "/a\n"),
        ("GET", "/a?b\r"),
        ("GET", "/a b"),
        ("GET", "http://h/\x01"),
        ("GET", "http://h?\x01"),
        ("GET", "http://a b/"),
        ("GET", "http://a@b@c/"),
        ("GET", "http://a{b/"),
        ("GET", "http://h:x/"),
        ("GET", "http://h:65536/"),
        ("GET", "http://h:99999999999/"),
        ("GET", "http://[::1/"),
        ("GET", "http://h\xe9/"),
        ("GET", "1a://h/"),
        ("GET", "**"),
        ("CONNECT", "a.b"),
        ("CONNECT", "a.b:"),
        ("CONNECT", ":443"),
        ("CONNECT", "u@a.b:443"),
        ("CONNECT", "a.b:65536"),
        ("CONNECT", "http://a.b:443/"),
        ("CONNECT", "*"),
    ],
    ids=ascii,
)
def test_bad_target(method, target):
    with pytest.raises(InvalidURL):
        parse_target(method, target)


def test_valid_host_is_exactly_the_table():
    # nethttp.md 2.3.
    good = {b for b in range(256) if valid_host(bytes([b]))}
    assert good == set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%&()*+,-.:;=[']_~")
    assert valid_host(b"")
    assert valid_host(b"a,b")
    assert valid_host(b"[::1]:80")
    assert not valid_host(b"a/b")
    assert not valid_host(b"a\n")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h", URL("http", None, "h")),
        ("HTTP://ExAmple.COM:80/A", URL("http", None, "example.com", 80, "/A")),
        ("http://h:/", URL("http", None, "h", None, "/")),
        ("http://u:p%40@h:1/p?q#f", URL("http", "u:p%40", "h", 1, "/p", "q", "f")),
        ("http://h?#", URL("http", None, "h", None, "", "", "")),
        ("http://[2001:DB8::1]:8/", URL("http", None, "2001:db8::1", 8, "/")),
        ("http://[fe80::1%25en0]/", URL("http", None, "fe80::1%25en0", None, "/")),
        ("http://h/a b/é?ü=→#ß", URL("http", None, "h", None, "/a%20b/%C3%A9", "%C3%BC=%E2%86%92", "%C3%9F")),
        ("http://h/100%/%zz/%41", URL("http", None, "h", None, "/100%25/%25zz/%41")),
        ('http://h/"<>\\^`{|}', URL("http", None, "h", None, "/%22%3C%3E%5C%5E%60%7B%7C%7D")),
        ("http://bücher.example/", URL("http", None, "xn--bcher-kva.example", None, "/")),
        ("http://b%C3%BCcher.example/", URL("http", None, "xn--bcher-kva.example", None, "/")),
        ("file:///etc/x", URL("file", None, "", None, "/etc/x")),
        ("mailto:a@b?subject=x", URL("mailto", raw_query="subject=x", opaque="a@b")),
        ("/a?b#c", URL(raw_path="/a", raw_query="b", fragment="c")),
        ("//h/a", URL(host="h", raw_path="/a")),
        ("a/b:c", URL(raw_path="a/b:c")),
        ("", URL()),
        ("?", URL(raw_query="")),
    ],
)
def test_parse(text, url):
    assert parse(text) == url


@pytest.mark.parametrize(
    "text",
    ["http://a b/", "http://h:x", "http://h:65536", "http://[::1", "http://[1]/", "http://a<b/", "http://a\nb/",
     "/a\0", "/\x7f", "http://%zz/", "http://a%2Fb/", "http://a%40b/", "/\ud800", "http://" + "ü" * 70 + "/",
     "http://\ud800/", "http://a@b@c/", "http://evil\\@good/", "http://é@h/"],
    ids=ascii,
)  # fmt: skip
def test_parse_refuses(text):
    with pytest.raises(InvalidURL):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["http://u:p@h:8/p/%41?q=%20#f", "http://[::1]:80/", "file:///x", "mailto:a@b", "//h/p", "/p", "p/q?",
     "#", "", "http://h", "http://h?", "a:b", "./a:b", "/.//x"],
)  # fmt: skip
def test_str_writes_what_was_parsed(text):
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (URL(raw_path="//evil/x"), "/.//evil/x"),
        (URL(raw_path="a:b"), "./a:b"),
        (URL("http", None, "h", None, "p"), "http://h/p"),
        (URL(host="a", port=1), "//a:1"),
    ],
    ids=["not an authority", "not a scheme", "not a host", "authority"],
)
def test_str_cannot_be_read_as_something_else(url, text):
    assert str(url) == text


def test_repr_hides_the_password():
    assert repr(parse("http://me:hunter2@h/")) == "<URL http://<hidden>@h/>"
    assert repr(parse("/a")) == "<URL /a>"


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("http://u@h:8/", "h:8"),
        ("http://h/", "h"),
        ("http://[::1]:8/", "[::1]:8"),
        ("http:///p", ""),
        ("/p", ""),
    ],
)
def test_authority(text, authority):
    assert parse(text).authority == authority


def test_a_url_is_immutable():
    with pytest.raises(AttributeError):
        parse("/").raw_path = "/x"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTP://H:80/%7euser/%c3%a9/../b", "http://h/~user/b"),
        ("https://h:443", "https://h/"),
        ("https://h:80", "https://h:80/"),
        ("http://h/a/%2e%2E/b/./c", "http://h/b/c"),
        ("http://h/%2f?%61=%2b#%41", "http://h/%2F?a=%2B#A"),
        ("../a", "../a"),
        ("mailto:A@B", "mailto:A@B"),
    ],
)
def test_normalise(text, normal):
    assert str(normalise(parse(text))) == normal
    assert normalise(parse(normal)) == parse(normal)


# RFC 3986 5.4.1 and 5.4.2, with base http://a/b/c/d;p?q
@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y#s"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"),
        ("g..", "http://a/b/c/g.."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/./x", "http://a/b/c/g#s/./x"),
        ("g#s/../x", "http://a/b/c/g#s/../x"),
        ("http:g", "http:g"),
    ],
)
def test_join(reference, target):
    assert str(join("http://a/b/c/d;p?q", reference)) == target


@pytest.mark.parametrize(
    ("base", "reference", "target"),
    [
        ("http://a", "g", "http://a/g"),
        ("http://u@a:8/x", "/g", "http://u@a:8/g"),
        ("http://a/x", "//b/../c", "http://b/c"),
        ("http://a/x//y", "../z", "http://a/x/z"),
        ("mailto:a@b", "#f", "mailto:a@b#f"),
        ("file:///a/b", "c", "file:///a/c"),
    ],
)
def test_join_other_bases(base, reference, target):
    assert str(join(parse(base), parse(reference))) == target


# Go's TestCleanPath and nethttp.md 3.4.
@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("///", "/"),
        ("//x", "/x"),
        ("x//", "/x/"),
        ("a//b/////c", "/a/b/c"),
        ("/foo/../bar/./..//baz", "/baz"),
        ("/a/.", "/a"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/../../a", "/a"),
        ("/a/./", "/a/"),
        ("/a/b/", "/a/b/"),
        ("/a.b/..c/d..", "/a.b/..c/d.."),
        ("/%2e%2e/a", "/%2e%2e/a"),
        ("/a%2F/b", "/a%2F/b"),
        ("*", "/*"),
        ("/a/..\n", "/a/..\n"),
    ],
)
def test_clean_path(path, clean):
    assert clean_path(path) == clean


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("a", "a"),
        ("%41%2F%25", "A/%"),
        ("%C3%A9", "é"),
        ("\xc3\xa9", "é"),
        ("%ff", "\udcff"),
        ("a+b", "a+b"),
        ("", ""),
    ],
)
def test_unescape(escaped, text):
    assert unescape(escaped) == text


@pytest.mark.parametrize(
    "text", ["é/ü", "a b", "100%", "\udcff", "a?b#c", "/!$&'()*+,;=:@-._~", "→"], ids=ascii
)
def test_escape_path_is_the_inverse(text):
    escaped = escape_path(text)
    assert escaped.isascii()
    assert parse_target("GET", "/" + escaped).path == "/" + text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("/a%2Fb", "/a%2Fb"), ("/\\x", "/%5Cx"), ("/\xc3\xa9", "/%C3%A9"), ("q=%zz&<", "q=%zz&%3C")],
)
def test_escape_wire(text, escaped):
    assert escape_wire(text) == escaped


@pytest.mark.parametrize("segment", ["%", "a%4", "%4g", "%zz"])
def test_unescape_refuses(segment):
    with pytest.raises(InvalidURL, match="two hex digits"):
        unescape(segment)


# nethttp.md 2.9: errors are reported, good pairs kept.
@pytest.mark.parametrize(
    ("raw", "pairs", "error"),
    [
        ("", [], None),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")], None),
        ("a&b=&=c", [("a", ""), ("b", ""), ("", "c")], None),
        ("&&a=1&", [("a", "1")], None),
        ("a=b=c", [("a", "b=c")], None),
        ("a+b=c+d%2B", [("a b", "c d+")], None),
        ("a=%C3%A9&b=\xc3\xa9", [("a", "é"), ("b", "é")], None),
        ("a=%ff", [("a", "\ufffd")], None),
        ("a=1;b=2&c=3", [("c", "3")], "semicolon"),
        ("a=%zz&c=3&d=%", [("c", "3")], "'%zz'"),
        ("%=1", [], "'%=1'"),
        ("a=1&;&b=%", [("a", "1")], "semicolon"),
    ],
)
def test_query(raw, pairs, error):
    got, problem = read_query(raw)
    assert got == pairs
    assert parse_query(raw) == pairs
    if error is None:
        assert problem is None
    else:
        assert isinstance(problem, InvalidURL)
        assert error in str(problem)


def test_a_query_has_at_most_10_000_parameters():
    most = "&".join(["a"] * 10_000)
    assert len(parse_query(most)) == 10_000
    pairs, problem = read_query(most + "&a")
    assert pairs == []
    assert isinstance(problem, LimitExceeded)
    with pytest.raises(LimitExceeded, match="more than 10000") as refusal:
        parse_query(most + "&a")
    assert refusal.value.status == 400
    assert len(parse_query("a&b", max_params=2)) == 2
    with pytest.raises(LimitExceeded):
        parse_query("a&b&c", max_params=2)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, ""),
        ({"b": "1", "a": "x y"}, "b=1&a=x+y"),
        ([("a", "&=;+%"), ("a", "é→")], "a=%26%3D%3B%2B%25&a=%C3%A9%E2%86%92"),
    ],
    ids=["empty", "mapping", "pairs"],
)
def test_encode_query(params, query):
    assert encode_query(params) == query
    assert parse_query(query) == list(params.items() if isinstance(params, dict) else params)
