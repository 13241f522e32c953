from __future__ import annotations

import pytest

from holdfast import limits
from holdfast.errors import LocalProtocolError
from holdfast.hosts import fields
from holdfast.hosts.fields import checked_fields, checked_text_fields, declared_length


def test_what_was_checked_once_comes_back_as_it_is():
    headers = [(b"x-a", b"1"), (b"X-B", b" 2 ")]
    assert checked_fields(headers) == headers
    assert checked_fields(headers) is headers


def test_lists_and_other_iterables_become_tuples_in_a_list():
    assert checked_fields([[b"x-a", b"1"]]) == [(b"x-a", b"1")]
    assert checked_fields(iter([(b"x-a", b"1")])) == [(b"x-a", b"1")]
    assert checked_fields(()) == []


@pytest.mark.parametrize(
    "pair",
    [
        (b"", b"x"),
        (b"a:", b"x"),
        (b":status", b"200"),
        (b"a\n", b"x"),
        (b"a", b"x\r"),
        (b"a", b"x\x00"),
        (b"a", "x"),
        (b"a", None),
        (b"a", bytearray(b"x")),
        b"ab",
        None,
        (b"Content-Length", b"-1"),
        (b"content-length", b""),
    ],
    ids=repr,
)
def test_what_is_not_well_formed_raises_each_time(pair):
    for _ in range(2):
        with pytest.raises(LocalProtocolError):
            checked_fields([(b"x-a", b"1"), pair])


def test_native_strings_are_latin_1():
    assert checked_text_fields([("X-A", "é")]) == [(b"X-A", b"\xe9")]


def test_the_connections_own_fields_are_dropped_but_not_its_end():
    given = [("Connection", "keep-alive"), ("connection", "Close"), ("TE", "trailers"), ("X-A", "1")]
    for _ in range(2):
        assert checked_text_fields(given) == [(b"connection", b"Close"), (b"X-A", b"1")]


def test_the_declared_length():
    assert declared_length([(b"a", b"b"), (b"Content-Length", b" 12")]) == 12
    assert declared_length([(b"content-lengthy", b"1")]) is None


def test_the_memories_are_bounded_and_hold_no_secret(monkeypatch):
    monkeypatch.setattr(fields, "_good", good := set())
    monkeypatch.setattr(fields, "_from_text", from_text := {})
    checked_text_fields([("Set-Cookie", "secret=1"), ("X-Long", "x" * limits.REMEMBERED_LENGTH)])
    assert not good
    assert not from_text
    for number in range(2 * limits.REMEMBERED_LINES):
        checked_text_fields([("X-Number", str(number))])
    assert 0 < len(good) <= limits.REMEMBERED_LINES
    assert 0 < len(from_text) <= limits.REMEMBERED_LINES
