"""Header fields: both doors, every spelling, and what is never remembered or shown.

Names with ★ in nethttp.md 10.7: TestHeaderWrite, TestHasToken.
"""

from __future__ import annotations

import pytest

from holdfast import headers as module
from holdfast import limits
from holdfast.headers import Headers, canonical_name, has_token, valid_name, valid_value


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("content-type", "Content-Type"),
        ("CONTENT-TYPE", "Content-Type"),
        ("user-agent", "User-Agent"),
        ("USER_AGENT", "User_agent"),
        ("foo-bar_baz", "Foo-Bar_baz"),
        ("x-2fa-b", "X-2fa-B"),
        ("-a-", "-A-"),
        ("www-authenticate", "Www-Authenticate"),
        ("C Ontent-Transfer-Encoding", "C Ontent-Transfer-Encoding"),
        ("foo bar", "foo bar"),
        ("ñame", "ñame"),
        ("", ""),
    ],
)
def test_canonical_name(spelling, canonical):
    assert canonical_name(spelling) == canonical


@pytest.mark.parametrize("spelling", ["X-Csrf-Token", "x-csrf-token", "X-CSRF-TOKEN", "x-CSRF-tOKEN"])
def test_every_spelling_of_a_name_is_one_key(spelling):
    # requirements.md H3
    h = Headers.trusted([(b"x-csrf-token", b"secret")])
    assert spelling in h
    assert h[spelling] == h.get(spelling) == "secret"
    assert h.values(spelling) == ["secret"]
    h[spelling] = "other"
    assert h.fields == [(b"x-csrf-token", b"other")]
    del h[spelling]
    assert "x-csrf-token" not in h


@pytest.mark.parametrize(
    "other",
    [
        "X_Csrf_Token",
        "X-Csrf-To\u212aen",
        "X-Csrf-Token ",
        " X-Csrf-Token",
        "X-Csrf-Token\0",
        "X-C\u017frf-Token",
    ],
    ids=["underscore", "kelvin sign", "space after", "space before", "nul", "long s"],
)
def test_what_only_looks_like_a_name_is_another(other):
    h = Headers.trusted([(b"x-csrf-token", b"secret")])
    assert other not in h
    assert h.get(other) is None
    assert h.values(other) == []


def test_first_value_all_values_joined():
    h = Headers([("Accept", "a"), ("Vary", "x"), ("accept", "b")])
    assert h["accept"] == h.get("ACCEPT") == "a"
    assert h.values("Accept") == ["a", "b"]
    assert h.get_joined("Accept") == "a, b"
    assert len(h) == 3
    assert list(h) == h.keys() == ["Accept", "Vary"]
    assert h.items() == [("Accept", "a"), ("Vary", "x"), ("Accept", "b")]
    assert dict(h) == {"Accept": "a", "Vary": "x"}


def test_absent():
    h = Headers()
    assert not h
    assert h.get("a") is None
    assert h.get("a", "d") == h.get_joined("a", "d") == "d"
    assert h.get_joined("a") is None
    assert h.values("a") == []
    assert "a" not in h
    assert 5 not in h
    with pytest.raises(KeyError, match="X-a"):
        h["X-a"]
    del h["a"]  # Go's Del: not there is no error


@pytest.mark.parametrize(
    "init",
    [
        {"a-b": "1", "C": "2"},
        [("a-b", "1"), ("C", "2")],
        [(b"A-B", b"1"), (b"c", b"2")],
        Headers([("A-b", "1"), ("c", "2")]),
    ],
    ids=["mapping", "pairs", "bytes", "headers"],
)
def test_made_from(init):
    h = Headers(init)
    assert h.fields == [(b"a-b", b"1"), (b"c", b"2")]
    assert h.raw == [(b"A-B", b"1"), (b"C", b"2")]


# Go's TestHeaderWrite: which lines a header map becomes.  Ours keep their order; what Go repairs is refused.
@pytest.mark.parametrize(
    ("pairs", "raw"),
    [
        ([], []),
        ([("Content-Type", "text/html; charset=UTF-8"), ("Content-Length", "0")],
         [(b"Content-Type", b"text/html; charset=UTF-8"), (b"Content-Length", b"0")]),
        ([("Content-Length", "0"), ("Content-Length", "1"), ("Content-Length", "2")],
         [(b"Content-Length", b"0"), (b"Content-Length", b"1"), (b"Content-Length", b"2")]),
        ([("Expires", "-1"), ("Content-Length", "0")], [(b"Expires", b"-1"), (b"Content-Length", b"0")]),
        ([("k4", " leading"), ("k5", "trailing \t")], [(b"K4", b"leading"), (b"K5", b"trailing")]),
        ([("k", "\ttabs\tinside\t")], [(b"K", b"tabs\tinside")]),
        ([("k", "")], [(b"K", b"")]),
        ([("k", "né")], [(b"K", b"n\xe9")]),
        ([("k", "→")], [(b"K", "→".encode())]),
    ],
    ids=["nothing", "two", "repeated", "order", "spaces", "tabs", "empty", "latin-1", "utf-8"],
)  # fmt: skip
def test_lines_to_write(pairs, raw):
    assert Headers(pairs).raw == raw


BAD_NAMES = [
    "",
    " ",
    "a b",
    "a:",
    "a\r",
    "a\n",
    "(a)",
    "ñ",
    "a\0",
    "\t",
    '"a"',
    "a/b",
    "a@",
    "\x7f",
    "K\u212a",
]
BAD_VALUES = [
    "\r",
    "a\nb",
    "a\r\nSet-Cookie: x",
    "\0",
    "\x7f",
    "a\x0bb",
    "\x1f",
    "é\x01",
    "→\n",
    "ab\r\n",
    "\n ab",
]


def writers(name, value):
    return [
        lambda h: h.__setitem__(name, value),
        lambda h: h.set(name, value),
        lambda h: h.add(name, value),
        lambda h: h.setdefault(name, value),
        lambda h: h.update({name: value}),
        lambda h: h.extend([("good", "1"), (name, value)]),
        lambda h: Headers({name: value}),
    ]


@pytest.mark.parametrize(
    "way", range(7), ids=["[]", "set", "add", "setdefault", "update", "extend", "Headers()"]
)
@pytest.mark.parametrize(
    ("name", "value"),
    [*((name, "x") for name in BAD_NAMES), *(("X-Bad", value) for value in BAD_VALUES)],
    ids=ascii,
)
def test_what_cannot_be_sent_is_refused_at_once(name, value, way):
    h = Headers({"Was": "here"})
    for _ in range(2):  # a refusal is not remembered as an acceptance
        with pytest.raises(ValueError, match="header"):
            writers(name, value)[way](h)
    assert h.fields == [(b"was", b"here")]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_bad_name_cannot_be_suppressed(name):
    with pytest.raises(ValueError, match="header name"):
        Headers().suppress(name)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X-A", "ab\r\nc", r"value of header 'X-A' has the control byte '\r' at 2"),
        (b"X-A", b"\x00", r"value of header b'X-A' has the control byte '\x00' at 0"),
        ("a b", "", "header name 'a b' is not a token"),
        ("", "", "header name is empty"),
        ("X-A", "a\ud800", "value of header 'X-A' has a lone surrogate at 1"),
    ],
)
def test_a_refusal_names_the_header_and_shows_what_is_wrong(name, value, message):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole text is compared
        Headers().add(name, value)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("name", "value", "types"),
    [
        ("a", 5, "str and int"),
        ("a", None, "str and NoneType"),
        ("a", ["x"], "str and list"),
        (b"a", "x", "bytes and str"),
        ("a", b"x", "str and bytes"),
        (1, "x", "int and str"),
    ],
)
def test_only_text_is_a_header(name, value, types):
    with pytest.raises(TypeError, match=types):
        Headers().add(name, value)


def test_set_replaces_all_in_the_place_of_the_first():
    h = Headers([("a", "1"), ("b", "2"), ("A", "3"), ("c", "4"), ("a", "5")])
    h["A"] = "6"
    assert h.items() == [("A", "6"), ("B", "2"), ("C", "4")]


def test_add_setdefault_update_extend_pop_clear():
    h = Headers({"a": "1"})
    h.add("a", "2")
    assert h.setdefault("A", "9") == "1"
    assert h.setdefault("b", "3") == "3"
    h.update([("a", "4"), ("d", "5"), ("a", "6")])
    assert h.items() == [("B", "3"), ("A", "4"), ("D", "5"), ("A", "6")]
    h.extend(Headers({"b": "7"}))
    assert h.values("b") == ["3", "7"]
    assert h.pop("a") == "4"
    assert h.pop("a", "none") == "none"
    assert h.items() == [("B", "3"), ("D", "5"), ("B", "7")]
    h.clear()
    assert h.fields == []
    assert not h


def test_a_change_is_seen_by_every_reader():
    fields = [(b"a", b"1"), (b"b", b"2")]
    h = Headers.trusted(fields, dict(fields))
    assert h["a"] == "1"
    h["a"] = "3"
    assert h["a"] == "3"
    h.add("c", "4")
    assert h["c"] == "4"
    del h["b"]
    assert h.get("b") is None
    h.update({"a": "5"})
    assert h["a"] == "5"


def test_trusted_adopts_the_list_and_the_index():
    fields = [(b"a", b"1"), (b"b", b"2")]
    h = Headers.trusted(fields, {b"a": b"from the index", b"b": b"2"})
    assert h.fields is fields
    assert h["A"] == "from the index"


def test_an_index_of_last_values_does_not_hide_the_first():
    fields = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    h = Headers.trusted(fields, dict(fields))
    assert h["a"] == "1"
    assert h["b"] == "2"


def test_raw_keeps_the_case_that_came_through_changes():
    fields = [(b"x-a", b"1"), (b"host", b"h"), (b"x-a", b"2")]
    h = Headers.trusted(fields, raw_names=lambda: [b"X-a", b"HOST", b"x-A"])
    assert h.raw == [(b"X-a", b"1"), (b"HOST", b"h"), (b"x-A", b"2")]
    twin = h.copy()
    h.add("new-one", "3")
    h["host"] = "other"
    assert h.raw == [(b"X-a", b"1"), (b"HOST", b"other"), (b"x-A", b"2"), (b"New-One", b"3")]
    h["x-a"] = "4"
    assert h.raw == [(b"X-a", b"4"), (b"HOST", b"other"), (b"New-One", b"3")]
    del h["x-a"]
    assert h.raw == [(b"HOST", b"other"), (b"New-One", b"3")]
    assert twin.raw == [(b"X-a", b"1"), (b"HOST", b"h"), (b"x-A", b"2")]


def test_a_copy_is_independent():
    h = Headers({"a": "1"})
    h.suppress("date")
    twin = h.copy()
    assert twin == h
    twin["a"] = "2"
    del twin["date"]
    assert h["a"] == "1"
    assert "date" in h


# Go: "a key set to an empty list is meaningful", it stops what would be added automatically.
def test_suppressed_is_present_without_a_line():
    h = Headers({"Date": "x", "A": "1"})
    h.suppress("DATE")
    assert "date" in h
    assert h.values("date") == []
    assert h.get("date") is None
    assert h.setdefault("date", "y") == ""
    assert h.raw == [(b"A", b"1")]
    assert len(h) == 1
    assert h != Headers({"A": "1"})
    assert Headers(h) == h


@pytest.mark.parametrize(
    "write", [lambda h: h.set("date", "y"), lambda h: h.add("Date", "y")], ids=["set", "add"]
)
def test_a_value_ends_suppression(write):
    h = Headers()
    h.suppress("Date")
    write(h)
    assert h == Headers({"Date": "y"})
    del h["date"]
    assert "date" not in h


def test_clear_and_del_end_suppression():
    h = Headers()
    h.suppress("a")
    del h["A"]
    assert "a" not in h
    h.suppress("a")
    h.clear()
    assert "a" not in h


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([("a", "1"), ("b", "2")], [("B", "2"), ("A", "1")], True),
        ([("a", "1"), ("a", "2")], [("a", "2"), ("a", "1")], False),
        ([("a", "1")], [("a", "1"), ("a", "1")], False),
        ([("a", "1")], [("a_", "1")], False),
    ],
    ids=["order of names", "order of values", "repeated", "other name"],
)
def test_equality(one, other, equal):
    assert (Headers(one) == Headers(other)) is equal


def test_not_equal_to_anything_else_and_not_hashable():
    assert Headers() != {}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Headers())


@pytest.mark.parametrize("name", ["Cookie", "set-cookie", "AUTHORIZATION", "Proxy-Authorization"])
def test_a_secret_is_neither_shown_nor_remembered(name):
    h = Headers({"Accept": "x", name: "hunter2-" + name})
    h.add(name.encode(), b"hunter2-" + name.encode())
    assert "hunter2" not in repr(h)
    assert canonical_name(name) in repr(h)
    assert "x" in repr(h)
    with pytest.raises(ValueError, match=name) as refusal:
        h[name] = "hunter2\n"
    assert "hunter2" not in str(refusal.value)
    remembered = repr([module._TEXT_LINES, module._BYTE_LINES, module._KEYS, module._CANONICAL])
    assert "hunter2" not in remembered


def test_the_memories_are_bounded():
    for i in range(limits.REMEMBERED_LINES + 10):
        h = Headers([(f"x-{i}", str(i)), (b"y-%d" % i, b"%d" % i)])
        assert h.get(f"X-{i}") == str(i)
        assert h.raw == [(b"X-%d" % i, b"%d" % i), (b"Y-%d" % i, b"%d" % i)]
    for memory in (module._TEXT_LINES, module._BYTE_LINES, module._KEYS, module._CANONICAL):
        assert 0 < len(memory) <= limits.REMEMBERED_LINES


def test_what_is_long_is_checked_but_not_remembered():
    long = "v" * (limits.REMEMBERED_LENGTH + 1)
    h = Headers({"x-long": long, long: "short"})
    assert h["X-Long"] == long
    assert h[long.upper()] == "short"
    assert h.keys() == ["X-Long", canonical_name(long)]
    for memory in (module._TEXT_LINES, module._BYTE_LINES, module._KEYS, module._CANONICAL):
        assert long not in repr(memory)


# Go's TestHasToken; a token inside another word is not a member.
@pytest.mark.parametrize(
    ("value", "token", "found"),
    [
        (b"", b"", False),
        (b"", b"foo", False),
        (b"foo", b"", False),
        (b",", b"", False),
        (b"foo", b"foo", True),
        (b"foo ", b"foo", True),
        (b" foo", b"foo", True),
        (b"\tfoo\t", b"foo", True),
        (b"foo,bar", b"foo", True),
        (b"bar,foo", b"foo", True),
        (b"bar, foo", b"foo", True),
        (b"bar,foo, baz", b"foo", True),
        (b"foo, CLOSE", b"close", True),
        (b"close", b"Close", True),
        (b"bar foo", b"foo", False),
        (b"foobar", b"foo", False),
        (b"barfoo ", b"foo", False),
        (b"foo;q=1", b"foo", False),
        (b"foo\xa0", b"foo", False),
    ],
)
def test_has_token(value, token, found):
    assert has_token(value, token) is found


def test_valid_name_is_exactly_the_token_characters():
    good = {b for b in range(256) if valid_name(bytes([b]))}
    assert good == set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert not valid_name(b"")
    assert not valid_name(b"a\n")


def test_valid_value_is_all_but_the_control_bytes():
    bad = {b for b in range(256) if not valid_value(bytes([b]))}
    assert bad == {*range(9), *range(10, 32), 127}
    assert valid_value(b"")
    assert not valid_value(b"a\n")
