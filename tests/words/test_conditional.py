"""Preconditions, entity tags and ranges, each as the table of its answers.

Names with ★ in nethttp.md 10.6: TestParseRange, TestParseRangeLimit, TestScanETag, TestServeContent,
TestServeContentWithEmptyContentIgnoreRanges, TestServeFile, TestServeFileRejectsInvalidSuffixLengths.
"""

from __future__ import annotations

import pytest

from holdfast.conditional import (
    ByteRange,
    Outcome,
    decide,
    parse_range,
    scan_etag,
    strong_match,
    unmodified_since,
    unsatisfied_range,
    weak_match,
)
from holdfast.errors import RangeError, RemoteProtocolError
from holdfast.limits import MAX_RANGES

OK, SAME, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED

MODTIME = 784111777.9  # within the second of THEN
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
THEN = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


# --- entity tags -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "etag", "rest"),
    [
        ('W/"etag-1"', 'W/"etag-1"', ""),
        ('"etag-2"', '"etag-2"', ""),
        ('"etag-1", "etag-2"', '"etag-1"', ', "etag-2"'),
        ("", "", ""),
        ("W/", "", ""),
        ('W/"truc', "", ""),
        ('w/"case-sensitive"', "", ""),
        ('"spaced etag"', "", ""),
        ('"control\x1f"', "", ""),
        ('"delete\x7f"', "", ""),
        ('""', '""', ""),
        (' \t"x" y', '"x"', " y"),
        ('"!#~\x80ÿ"', '"!#~\x80ÿ"', ""),
        ('W /"x"', "", ""),
        ('x"x"', "", ""),
    ],
)
def test_scan_etag(text, etag, rest):
    assert scan_etag(text) == (etag, rest)


# RFC 9110 8.8.3.2, table 3
@pytest.mark.parametrize(
    ("a", "b", "strong", "weak"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_comparison(a, b, strong, weak):
    assert strong_match(a, b) is strong_match(b, a) is strong
    assert weak_match(a, b) is weak_match(b, a) is weak


# --- preconditions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "fields", "etag", "outcome"),
    [
        # If-Match: strong
        ("GET", {"If-Match": '"A"'}, '"A"', OK),
        ("PUT", {"If-Match": '"A"'}, '"A"', OK),
        ("GET", {"If-Match": '"B", "A"'}, '"A"', OK),
        ("GET", {"If-Match": ' , ,"B",, "A" ,'}, '"A"', OK),
        ("GET", {"If-Match": '"B"'}, '"A"', FAILED),
        ("GET", {"If-Match": '"A"'}, 'W/"A"', FAILED),
        ("GET", {"If-Match": 'W/"A"'}, 'W/"A"', FAILED),
        ("GET", {"If-Match": '"A"'}, "", FAILED),
        ("GET", {"If-Match": "*"}, "", OK),
        ("GET", {"If-Match": " * "}, '"A"', OK),
        ("GET", {"If-Match": '"B", *'}, '"A"', FAILED),
        ("GET", {"If-Match": 'garbage, "A"'}, '"A"', FAILED),
        ("GET", {"If-Match": ""}, '"A"', OK),
        # If-Unmodified-Since: only without If-Match, and for any method
        ("GET", {"If-Unmodified-Since": BEFORE}, "", FAILED),
        ("POST", {"If-Unmodified-Since": BEFORE}, "", FAILED),
        ("GET", {"If-Unmodified-Since": THEN}, "", OK),
        ("GET", {"If-Unmodified-Since": f" {AFTER}"}, "", OK),
        ("GET", {"If-Unmodified-Since": "1994"}, "", OK),
        ("GET", {"If-Match": '"A"', "If-Unmodified-Since": BEFORE}, '"A"', OK),
        ("GET", {"If-Match": '"B"', "If-Unmodified-Since": AFTER}, '"A"', FAILED),
        # If-None-Match: weak
        ("GET", {"If-None-Match": '"A"'}, '"A"', SAME),
        ("HEAD", {"If-None-Match": '"A"'}, '"A"', SAME),
        ("PUT", {"If-None-Match": '"A"'}, '"A"', FAILED),
        ("GET", {"If-None-Match": 'W/"A"'}, '"A"', SAME),
        ("GET", {"If-None-Match": '"A"'}, 'W/"A"', SAME),
        ("GET", {"If-None-Match": '"B","A"'}, '"A"', SAME),
        ("GET", {"If-None-Match": '"B" "A"'}, '"A"', SAME),
        ("GET", {"If-None-Match": '"B"'}, '"A"', OK),
        ("GET", {"If-None-Match": '"A'}, '"A"', OK),
        ("GET", {"If-None-Match": "A"}, '"A"', OK),
        ("GET", {"If-None-Match": '""'}, "", OK),
        ("GET", {"If-None-Match": "*"}, "", SAME),
        ("PUT", {"If-None-Match": "*"}, '"A"', FAILED),
        # If-Modified-Since: only without If-None-Match, and to read
        ("GET", {"If-Modified-Since": BEFORE}, "", OK),
        ("GET", {"If-Modified-Since": THEN}, "", SAME),
        ("HEAD", {"If-Modified-Since": AFTER}, "", SAME),
        ("POST", {"If-Modified-Since": AFTER}, "", OK),
        ("GET", {"If-Modified-Since": "yesterday"}, "", OK),
        ("GET", {"If-None-Match": '"B"', "If-Modified-Since": AFTER}, '"A"', OK),
        ("GET", {"If-None-Match": '"A"', "If-Modified-Since": BEFORE}, '"A"', SAME),
        # 412 comes before 304
        ("GET", {"If-Match": '"B"', "If-None-Match": '"A"'}, '"A"', FAILED),
        ("GET", {"If-Match": '"A"', "If-None-Match": '"A"'}, '"A"', SAME),
        ("GET", {}, '"A"', OK),
    ],
)
def test_preconditions(method, fields, etag, outcome):
    assert decide(method, fields.get, etag, MODTIME).outcome is outcome


@pytest.mark.parametrize("modtime", [None, 0, 0.0])
@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize("date", [BEFORE, "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_dates_say_nothing_about_content_of_unknown_age(modtime, name, date):
    assert decide("GET", {name: date}.get, modtime=modtime).outcome is OK


def test_the_time_places_a_two_digit_year():
    fields = {"If-Modified-Since": "Sunday, 06-Nov-70 08:49:37 GMT"}
    assert decide("GET", fields.get, modtime=MODTIME).outcome is OK
    assert decide("GET", fields.get, modtime=MODTIME, now=1767225600).outcome is SAME


RANGE = "bytes=0-4"


@pytest.mark.parametrize(
    ("method", "if_range", "etag", "honoured"),
    [
        ("GET", None, '"A"', True),
        ("GET", "", '"A"', True),
        ("GET", '"A"', '"A"', True),
        ("HEAD", '"B"', '"A"', False),
        ("GET", '"B"', '"A"', False),
        ("GET", 'W/"A"', 'W/"A"', False),
        ("GET", '"A"', "", False),
        ("GET", THEN, "", True),
        ("GET", THEN, '"A"', True),
        ("GET", BEFORE, "", False),
        ("GET", AFTER, "", False),
        ("GET", "garbage", '"A"', False),
        ("POST", '"B"', '"A"', True),  # If-Range means something for GET and HEAD only
    ],
)
def test_if_range(method, if_range, etag, honoured):
    decision = decide(method, {"Range": RANGE, "If-Range": if_range}.get, etag, MODTIME)
    assert decision == (OK, RANGE if honoured else "")


def test_if_range_with_a_date_needs_the_age_of_the_content():
    assert decide("GET", {"Range": RANGE, "If-Range": THEN}.get).range == ""


def test_an_answer_without_content_has_no_range():
    assert decide("GET", {"Range": RANGE, "If-None-Match": "*"}.get) == (SAME, "")


def test_without_a_range_there_is_none():
    assert decide("GET", {"If-Range": '"A"'}.get, '"A"') == (OK, "")


@pytest.mark.parametrize(
    ("date", "modtime", "answer"),
    [
        (THEN, MODTIME, True),
        (BEFORE, MODTIME, False),
        ("x", MODTIME, None),
        (None, MODTIME, None),
        (THEN, None, None),
    ],
)
def test_unmodified_since(date, modtime, answer):
    assert unmodified_since(date, modtime) is answer


def test_a_list_of_twenty_thousand_tags_is_read_once():
    assert decide("GET", {"If-None-Match": '"",' * 20_000 + '"A"'}.get, '"A"').outcome is SAME


# --- ranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size", "parts"),
    [
        ("", 0, []),
        ("", 1000, []),
        ("bytes=", 0, []),
        ("bytes=         ", 10, []),
        ("bytes= , , ,   ", 10, []),
        ("bytes=0-9", 10, [(0, 10)]),
        ("bytes=0-", 10, [(0, 10)]),
        ("bytes=5-", 10, [(5, 5)]),
        ("bytes=9-", 10, [(9, 1)]),
        ("bytes=0-20", 10, [(0, 10)]),
        ("bytes=15-,0-5", 10, [(0, 6)]),
        ("bytes=1-2,5-", 10, [(1, 2), (5, 5)]),
        ("bytes=-2 , 7-", 11, [(9, 2), (7, 4)]),
        ("bytes=0-0 ,2-2, 7-", 11, [(0, 1), (2, 1), (7, 4)]),
        ("bytes=-5", 10, [(5, 5)]),
        ("bytes=-15", 10, [(0, 10)]),
        ("bytes=-0,1-1", 10, [(1, 1)]),
        ("bytes=0-499", 10000, [(0, 500)]),
        ("bytes=500-999", 10000, [(500, 500)]),
        ("bytes=-500", 10000, [(9500, 500)]),
        ("bytes=9500-", 10000, [(9500, 500)]),
        ("bytes=0-0,-1", 10000, [(0, 1), (9999, 1)]),
        ("bytes=500-600,601-999", 10000, [(500, 101), (601, 399)]),
        ("bytes=500-700,601-999", 10000, [(500, 201), (601, 399)]),
        ("bytes=   1 -2   ,  4- 5, 7 - 8 , ,,", 11, [(1, 2), (4, 2), (7, 2)]),
        ("bytes=0-" + "9" * 5000, 10, [(0, 10)]),
        ("bytes=-" + "9" * 5000, 10, [(0, 10)]),
        ("bytes=" + "0" * 5000 + "1-1", 10, [(1, 1)]),
        # nethttp.md 4.3
        ("bytes=0-4", 11, [(0, 5)]),
        ("bytes=2-", 11, [(2, 9)]),
        ("bytes=-5", 11, [(6, 5)]),
        ("bytes=5-1000", 11, [(5, 6)]),
        ("bytes=0-0,-2", 11, [(0, 1), (9, 2)]),
        ("bytes=0-,1-,2-,3-,4-", 11, []),
        ("bytes=0-9,0-0", 10, []),
        ("bytes=0-8,0-0", 10, [(0, 9), (0, 1)]),
        # empty content has no parts, and is sent whole
        ("bytes=0-128", 0, []),
        ("bytes=1-", 0, []),
        ("bytes=-5", 0, []),
    ],
)
def test_parse_range(text, size, parts):
    assert parse_range(text, size) == parts


@pytest.mark.parametrize(
    "text",
    [
        "foo",
        "items=0-5",
        "Bytes=0-5",
        "bytes 0-5",
        "bytes=7",
        "bytes= 7 ",
        "bytes=-",
        "bytes= - ",
        "bytes=5-4",
        "bytes=0-2,5-4",
        "bytes=2-5,4-3",
        "bytes=--5,4--3",
        "bytes=--2",
        "bytes=--0",
        "bytes=---2",
        "bytes=A-",
        "bytes=A- ",
        "bytes=A-Z",
        "bytes= -Z",
        "bytes=5-Z",
        "bytes=Ran-dom, garbage",
        "bytes=0x01-0x02",
        "bytes=+0-5",
        "bytes=0-5;6-7",
        "bytes=0-5-6",
        "bytes=1 2-3",
        "bytes=\u0660-\u0665",
    ],
)
@pytest.mark.parametrize("size", [0, 10])
def test_a_malformed_range_is_refused(text, size):
    with pytest.raises(RangeError) as caught:
        parse_range(text, size)
    assert not caught.value.unsatisfiable


@pytest.mark.parametrize(
    "text", ["bytes=10-", "bytes=11-20", "bytes=12-100,99-", "bytes=-0", "bytes=" + "9" * 50 + "-"]
)
def test_a_range_past_the_end_is_unsatisfiable(text):
    with pytest.raises(RangeError) as caught:
        parse_range(text, 10)
    assert caught.value.unsatisfiable
    assert caught.value.status == 416
    assert isinstance(caught.value, RemoteProtocolError)


def test_more_ranges_than_the_limit_mean_the_whole():
    # CVE-2025-62727 and its kin: many small ranges must not cost more than the content.
    as_many = ",".join(f"{i}-{i}" for i in range(MAX_RANGES))
    assert len(parse_range(f"bytes={as_many}", 1000)) == MAX_RANGES
    assert parse_range(f"bytes={as_many},999-", 1000) == []
    assert parse_range("bytes=" + "0-0," * 16_000, 1 << 30) == []


def test_content_range():
    assert ByteRange(2, 9).content_range(11) == "bytes 2-10/11"
    assert ByteRange(0, 1).content_range(1) == "bytes 0-0/1"
    assert unsatisfied_range(11) == "bytes */11"
