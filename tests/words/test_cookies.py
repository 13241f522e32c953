"""Cookies: the tables of Go's tests, and some lines that try to break out.

Names with ★ in nethttp.md 10.7: TestWriteSetCookies, TestReadSetCookies, TestParseSetCookie,
TestReadCookies, TestParseCookie, TestCookieValid; also TestSetCookieDoubleQuotes,
TestCookieSanitizeValue, TestCookieSanitizePath.
"""

from __future__ import annotations

import pytest

from holdfast.cookies import Cookie, SameSite, parse_cookie, parse_cookies, parse_set_cookie
from holdfast.dates import parse_http_date
from holdfast.limits import MAX_COOKIES

YEAR_1601 = parse_http_date("Mon, 01 Jan 1601 01:01:01 GMT")
YEAR_1600 = parse_http_date("Sat, 01 Jan 1600 01:01:01 GMT")
LABEL_63 = "a" * 63


@pytest.mark.parametrize(
    ("cookie", "line"),
    [
        (Cookie("c", "v$1"), "c=v$1"),
        (Cookie("c", "two", max_age=3600), "c=two; Max-Age=3600"),
        (Cookie("c", "two", max_age=-1), "c=two; Max-Age=0"),
        (Cookie("c", "two", max_age=0), "c=two"),
        (Cookie("c", "three", domain=".example.com"), "c=three; Domain=example.com"),
        (Cookie("c", "four", path="/restricted/"), "c=four; Path=/restricted/"),
        (Cookie("c", "five", domain="wrong;bad.abc"), "c=five"),
        (Cookie("c", "six", domain="bad-.abc"), "c=six"),
        (Cookie("c", "seven", domain="127.0.0.1"), "c=seven; Domain=127.0.0.1"),
        (Cookie("c", "eight", domain="::1"), "c=eight"),
        (Cookie("c", "nine", expires=1257894000), "c=nine; Expires=Tue, 10 Nov 2009 23:00:00 GMT"),
        (Cookie("c", "v", expires=YEAR_1601), "c=v; Expires=Mon, 01 Jan 1601 01:01:01 GMT"),
        (Cookie("c", "v", expires=YEAR_1600), "c=v"),
        (Cookie("c", "v", expires=1e12), "c=v"),
        (Cookie("c", "v", expires=float("nan")), "c=v"),
        (Cookie("c", "v", expires=0), "c=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        (Cookie("c", "v", same_site=SameSite.DEFAULT), "c=v"),
        (Cookie("c", "v", same_site=SameSite.LAX), "c=v; SameSite=Lax"),
        (Cookie("c", "v", same_site=SameSite.STRICT), "c=v; SameSite=Strict"),
        (Cookie("c", "v", same_site=SameSite.NONE), "c=v; SameSite=None"),
        (Cookie("c", "v", secure=True, partitioned=True), "c=v; Secure; Partitioned"),
        (Cookie("c", "a z"), 'c="a z"'),
        (Cookie("c", " z"), 'c=" z"'),
        (Cookie("c", "a "), 'c="a "'),
        (Cookie("c", " "), 'c=" "'),
        (Cookie("c", "a,z"), 'c="a,z"'),
        (Cookie("c", ","), 'c=","'),
        (Cookie("c", "v", quoted=True), 'c="v"'),
        (Cookie("c", "", quoted=True), "c="),
        (Cookie("c"), "c="),
        (Cookie(""), ""),
        (Cookie("\t"), ""),
        (Cookie("\r"), ""),
        (Cookie("a\nb", "v"), ""),
        (Cookie("a\rb", "v"), ""),
        (Cookie("a=b", "v"), ""),
        (Cookie("ä", "v"), ""),
        (
            Cookie(
                name="c",
                value="v",
                path="/",
                domain="example.com",
                expires=0,
                max_age=1,
                secure=True,
                http_only=True,
                same_site=SameSite.NONE,
                partitioned=True,
            ),
            "c=v; Path=/; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=1; "
            "HttpOnly; Secure; SameSite=None; Partitioned",
        ),
    ],
)
def test_write_set_cookies(cookie, line):
    assert cookie.to_set_cookie() == line


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("foo", "foo"),
        ("foo;bar", "foobar"),
        ("foo\\bar", "foobar"),
        ('foo"bar', "foobar"),
        ("\x00\x7e\x7f\x80", "\x7e"),
        ('"withquotes"', "withquotes"),
        ("a\r\nSet-Cookie: b=c", '"aSet-Cookie: b=c"'),
        ("", ""),
    ],
)
def test_what_a_value_must_not_have_is_left_out(value, written):
    assert Cookie("c", value).to_set_cookie() == f"c={written}"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/path", "/path"),
        ("/path with space/", "/path with space/"),
        ("/just;no;semicolon\x00orstuff/", "/justnosemicolonorstuff/"),
        ("/\r\nX: y", "/X: y"),
    ],
)
def test_what_a_path_must_not_have_is_left_out(path, written):
    assert Cookie("c", "v", path=path).to_set_cookie() == f"c=v; Path={written}"


@pytest.mark.parametrize(
    ("domain", "valid"),
    [
        ("example.com", True),
        ("example.com.", True),
        (".example.com", True),
        ("localhost", True),
        ("1and1.com", True),
        ("xn--bcher-kva.example", True),
        (LABEL_63 + ".com", True),
        ("127.0.0.1", True),
        ("a" + LABEL_63 + ".com", False),
        (f"{LABEL_63}." * 4 + "com", False),
        ("..example.com", False),
        ("a..b", False),
        ("-a.com", False),
        ("a-.com", False),
        ("a_b.com", False),
        ("a b.com", False),
        ("example.com:80", False),
        ("example.com\n", False),
        ("bücher.example", False),
        ("1.2.3", False),
        ("127.0.0.1.", False),
        ("256.0.0.1", False),
        ("127.0.0.01", False),
        (".", False),
    ],
)
def test_domain(domain, valid):
    cookie = Cookie("c", "v", domain=domain)
    assert cookie.to_set_cookie() == ("c=v; Domain=" + domain.removeprefix(".") if valid else "c=v")
    if valid:
        cookie.validate()
    else:
        with pytest.raises(ValueError, match="cookie domain"):
            cookie.validate()


@pytest.mark.parametrize(
    "cookie",
    [
        Cookie("valid-empty"),
        Cookie("valid-value", "a z, !"),
        Cookie("valid-expires", "foo", "/bar", "example.com", expires=0),
        Cookie("valid-max-age", "foo", "/bar", "example.com", max_age=60),
        Cookie(
            "valid-all-fields",
            "foo",
            "/bar",
            "example.com",
            expires=0,
            max_age=0,
            secure=True,
            partitioned=True,
        ),
    ],
    ids=lambda cookie: cookie.name,
)
def test_valid_cookies(cookie):
    cookie.validate()


@pytest.mark.parametrize(
    ("cookie", "message"),
    [
        (Cookie(""), "name '' is not a token"),
        (Cookie("a b"), "name 'a b' is not a token"),
        (Cookie("c", 'foo"bar'), "value has the invalid character '\"'"),
        (Cookie("c", "foo\n"), r"value has the invalid character '\\n'"),
        (Cookie("c", path="/foo;bar/"), "path has the invalid character ';'"),
        (Cookie("c", domain="example.com:80"), "domain 'example.com:80' is not a domain name"),
        (Cookie("c", expires=YEAR_1600), "not in the years 1601 to 9999"),
        (Cookie("c", expires=1e12), "not in the years 1601 to 9999"),
        (Cookie("c", partitioned=True), "partitioned cookie must be secure"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_invalid_cookies(cookie, message):
    with pytest.raises(ValueError, match=message):
        cookie.validate()


# --- reading requests ------------------------------------------------------------------------

TWO = [("Cookie-1", "v$1"), ("c2", "v2")]


@pytest.mark.parametrize(
    ("lines", "pairs"),
    [
        (["Cookie-1=v$1", "c2=v2"], TWO),
        (["Cookie-1=v$1; c2=v2"], TWO),
        (["Cookie-1=v$1;c2=v2"], TWO),
        (['Cookie-1="v$1"; c2="v2"'], TWO),
        (['Cookie-1="v$1"; c2=v2;'], TWO),
        (["  Cookie-1 =v$1 \t;; ; c2=v2\t"], TWO),
        (["Cookie-1=v$1; broken name=x; b\x80=x; =x; c2=v2"], TWO),
        (['Cookie-1=v$1; a="; b=x"y; c=\\; d=\x01; e=é; c2=v2'], TWO),
        ([""], []),
        ([], []),
        (["flag"], [("flag", "")]),
        (["a=1; a=2"], [("a", "1"), ("a", "2")]),
        (["a=b=c"], [("a", "b=c")]),
        (["a=1, b=2"], [("a", "1, b=2")]),
        (['a=""'], [("a", "")]),
    ],
)
def test_read_cookies(lines, pairs):
    assert [(cookie.name, cookie.value) for cookie in parse_cookies(lines)] == pairs


def test_quotes_are_remembered():
    assert parse_cookies(['a="1"; b=1']) == [Cookie("a", "1", quoted=True), Cookie("b", "1")]


def test_too_many_cookies_are_none():
    assert len(parse_cookies(["a=1;" * (MAX_COOKIES - 1)])) == MAX_COOKIES - 1
    assert len(parse_cookies(["a=1"] * MAX_COOKIES)) == MAX_COOKIES
    assert parse_cookies(["a=1"] * (MAX_COOKIES + 1)) == []
    assert parse_cookies(iter(["a=1;" * MAX_COOKIES])) == []


@pytest.mark.parametrize(
    ("line", "cookies"),
    [
        ("Cookie-1=v$1", [Cookie("Cookie-1", "v$1")]),
        ("Cookie-1=v$1;c2=v2", [Cookie("Cookie-1", "v$1"), Cookie("c2", "v2")]),
        (
            ' Cookie-1="v$1"; c2="v2" ',
            [Cookie("Cookie-1", "v$1", quoted=True), Cookie("c2", "v2", quoted=True)],
        ),
        ("k1=", [Cookie("k1")]),
    ],
)
def test_parse_cookie(line, cookies):
    assert parse_cookie(line) == cookies


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "blank line"),
        (" \t", "blank line"),
        ("whatever", "expected name=value in a cookie, got 'whatever'"),
        ("a=1;", "expected name=value in a cookie, got ''"),
        ("=v1", "name '' is not a token"),
        ("a =v1", "name 'a ' is not a token"),
        ("k1=\\", "value of cookie 'k1' has the invalid character"),
        ("a=1; k2=\x7f", "value of cookie 'k2' has the invalid character"),
        (
            ";".join(["a=1"] * (MAX_COOKIES + 1)),
            f"expected at most {MAX_COOKIES} cookies, got {MAX_COOKIES + 1}",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_parse_cookie_refuses(line, message):
    with pytest.raises(ValueError, match=message):
        parse_cookie(line)


def test_parse_cookie_reads_as_many_as_the_limit():
    assert len(parse_cookie(";".join(["a=1"] * MAX_COOKIES))) == MAX_COOKIES


# --- reading responses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "cookie"),
    [
        ("Cookie-1=v$1", Cookie("Cookie-1", "v$1")),
        (
            "NID=99=YsDT5i3E-; expires=Wed, 23-Nov-2011 01:05:03 GMT; path=/; domain=.google.ch; HttpOnly",
            Cookie("NID", "99=YsDT5i3E-", "/", ".google.ch", expires=1322010303, http_only=True),
        ),
        (
            ".ASPXAUTH=7E3AA; expires=Wed, 07 Mar 2012 14:25:06 UTC; path=/; HttpOnly",
            Cookie(".ASPXAUTH", "7E3AA", "/", expires=1331130306, http_only=True),
        ),
        ("ASP.NET_SessionId=foo; path=/; HttpOnly", Cookie("ASP.NET_SessionId", "foo", "/", http_only=True)),
        ("a=b; SECURE; Partitioned", Cookie("a", "b", secure=True, partitioned=True)),
        ("a=b; secure=yes;;", Cookie("a", "b", secure=True)),
        ("a=b; SameSite", Cookie("a", "b", same_site=SameSite.DEFAULT)),
        ("a=b; SameSite=invalid", Cookie("a", "b", same_site=SameSite.DEFAULT)),
        ("a=b; SameSite=Lax", Cookie("a", "b", same_site=SameSite.LAX)),
        ("a=b; samesite=STRICT", Cookie("a", "b", same_site=SameSite.STRICT)),
        ("a=b; SameSite=None", Cookie("a", "b", same_site=SameSite.NONE)),
        ("a=a z", Cookie("a", "a z")),
        ('a=" z"', Cookie("a", " z", quoted=True)),
        ('a =","', Cookie("a", ",", quoted=True)),
        ("a=b; Max-Age=30", Cookie("a", "b", max_age=30)),
        ("a=b; Max-Age=0", Cookie("a", "b", max_age=-1)),
        ("a=b; Max-Age=-5", Cookie("a", "b", max_age=-1)),
        ("a=b; Max-Age=030", Cookie("a", "b", unparsed=["Max-Age=030"])),
        ("a=b; Max-Age=", Cookie("a", "b", unparsed=["Max-Age="])),
        ("a=b; max-age=1h", Cookie("a", "b", unparsed=["max-age=1h"])),
        ("a=b; max-age=" + "9" * 30, Cookie("a", "b", unparsed=["max-age=" + "9" * 30])),
        ("a=b; max-age=٣", Cookie("a", "b", unparsed=["max-age=٣"])),
        ("a=b; Expires=never", Cookie("a", "b", unparsed=["Expires=never"])),
        (
            "a=b; Expires=Sun Nov  6 08:49:37 1994",
            Cookie("a", "b", unparsed=["Expires=Sun Nov  6 08:49:37 1994"]),
        ),
        ("a=b; Path=/\x01; Priority=High", Cookie("a", "b", unparsed=["Path=/\x01", "Priority=High"])),
        ("a=b; séparé=1", Cookie("a", "b")),
    ],
)
def test_parse_set_cookie(line, cookie):
    cookie.raw = line
    assert parse_set_cookie(line) == cookie


@pytest.mark.parametrize(
    ("line", "value", "max_age"),
    [
        ("q=none; max-age=30", "none", 30),
        ('q="cookieValue"; max-age=31', "cookieValue", 31),
        ('q=cookieAV; max-age="32"', "cookieAV", 0),
        ('q="both"; max-age="33"', "both", 0),
    ],
)
def test_set_cookie_double_quotes(line, value, max_age):
    cookie = parse_set_cookie(line)
    assert (cookie.value, cookie.max_age) == (value, max_age)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "blank line"),
        ("  ", "blank line"),
        ("; Path=/", "expected name=value"),
        ("whatever; Path=/", "expected name=value"),
        ("=v1", "name '' is not a token"),
        ("a b=v1", "name 'a b' is not a token"),
        ("k1=\\", "invalid character"),
        ('k1="', "invalid character"),
    ],
)
def test_parse_set_cookie_refuses(line, message):
    with pytest.raises(ValueError, match=message):
        parse_set_cookie(line)


@pytest.mark.parametrize("value", ["v", "a z", "a,z", ""])
@pytest.mark.parametrize("quoted", [False, True])
def test_what_is_written_is_read_back(value, quoted):
    cookie = Cookie(
        *("c", value, "/p", "example.com", 784111777.0, 60, True, True, SameSite.LAX, True),
        quoted=quoted,
    )
    line = cookie.to_set_cookie()
    cookie.raw, cookie.quoted = line, '"' in line
    assert parse_set_cookie(line) == cookie
