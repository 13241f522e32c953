"""HTTP-date: the three forms, every way to break them, and the two-digit year.

Name with ★ in nethttp.md 10.7: TestParseTime.
"""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest

from holdfast.dates import format_http_date, http_date, parse_http_date

NOV_1994 = 784111777.0  # the example of RFC 9110 5.6.7


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (NOV_1994, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (0.999, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-0.001, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (-11644473600, "Mon, 01 Jan 1601 00:00:00 GMT"),
        (-62135596800, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_format(seconds, text):
    assert format_http_date(seconds) == text
    assert parse_http_date(text) == seconds // 1


@pytest.mark.parametrize("seconds", [253402300800, -62135596801, 1e30])
def test_format_refuses_what_four_digits_cannot_say(seconds):
    with pytest.raises(ValueError, match="in the years 1 to 9999"):
        format_http_date(seconds)


def test_format_agrees_with_the_standard_library_and_is_read_back():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(500):
        seconds = rng.randrange(253402300800)
        assert format_http_date(seconds) == formatdate(seconds, usegmt=True)
        assert parse_http_date(format_http_date(seconds)) == seconds


def test_http_date_is_made_once_a_second():
    assert http_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(784111777) is http_date(784111777)
    assert http_date(784111778) == b"Sun, 06 Nov 1994 08:49:38 GMT"


def test_http_date_remembers_a_few_seconds_only():
    for second in range(1000):
        http_date(second)
    assert http_date.cache_info().currsize <= 8


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
    ids=["imf-fixdate", "rfc850", "asctime"],
)
def test_the_three_forms(text):
    assert parse_http_date(text) == NOV_1994


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun Nov 16 08:49:37 1994", NOV_1994 + 864000),
        ("Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994),  # the day's name is not compared
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),  # a leap second is the next minute's first
    ],
)
def test_parse_also(text, seconds):
    assert parse_http_date(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun, ٠٦ Nov ١٩٩٤ 08:49:37 GMT",
        "784111777",
    ],
)
def test_anything_else_is_no_date(text):
    assert parse_http_date(text) is None


# "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST
# interpret a timestamp that appears to be more than 50 years in the future as representing the
# most recent year in the past that had the same last two digits."  RFC 9110 5.6.7
@pytest.mark.parametrize(
    ("today", "date", "year"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", "06-Nov-25", 2025),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "06-Nov-26", 2026),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "31-Dec-75", 2075),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "01-Jan-76", 1976),  # eight hours too far ahead
        ("Thu, 01 Jan 2026 12:00:00 GMT", "01-Jan-76", 2076),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "06-Nov-94", 1994),
        ("Wed, 01 Jan 2070 00:00:00 GMT", "06-Nov-19", 2119),
        ("Wed, 01 Jan 2070 00:00:00 GMT", "06-Nov-20", 2020),
        ("Wed, 01 Jan 2070 00:00:00 GMT", "06-Nov-69", 2069),
        ("Fri, 31 Dec 1999 00:00:00 GMT", "06-Nov-49", 2049),
        ("Fri, 31 Dec 1999 00:00:00 GMT", "06-Nov-50", 1950),  # ten months too far ahead
    ],
)
def test_two_digit_years_when_told_the_time(today, date, year):
    day, month, _ = date.split("-")
    seconds = parse_http_date(f"Sunday, {date} 08:49:37 GMT", parse_http_date(today))
    assert seconds == parse_http_date(f"Sun, {day} {month} {year} 08:49:37 GMT")


@pytest.mark.parametrize(("two", "year"), [("00", 2000), ("68", 2068), ("69", 1969), ("99", 1999)])
def test_two_digit_years_without_the_time(two, year):
    assert parse_http_date(f"Sunday, 06-Nov-{two} 08:49:37 GMT") == parse_http_date(
        f"Sun, 06 Nov {year} 08:49:37 GMT"
    )


def test_the_29th_of_february_of_a_two_digit_year():
    now = parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT")
    assert parse_http_date("Tuesday, 29-Feb-00 00:00:00 GMT", now) == 951782400
    assert parse_http_date("Tuesday, 29-Feb-01 00:00:00 GMT", now) is None
