"""HTTP-date, both ways: seconds since the epoch, and the three forms that carry them.

We write one form and read three.  No locale is asked, and no clock: whoever needs "now" is told it.
Reading is strict in form; only the name of the day is not compared with the date, as nobody does.

RFC 9110 section 5.6.7.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from math import floor
from typing import Final

__all__ = ["format_http_date", "http_date", "parse_http_date"]


def format_http_date(seconds: float) -> str:
    """Write a time as IMF-fixdate, e.g. ``"Sun, 06 Nov 1994 08:49:37 GMT"``.

    Args:
        seconds: since 1970-01-01 UTC; the fraction is cut off, towards the past.

    Raises:
        ValueError: the time is not in the years 1 to 9999.
    """
    try:
        t = _EPOCH + timedelta(seconds=floor(seconds))
    except OverflowError:
        raise ValueError(f"expected a time in the years 1 to 9999, got {seconds!r} seconds") from None
    return (
        f"{_DAYS[t.weekday()]}, {t.day:02d} {_MONTHS[t.month - 1]} {t.year:04d}"
        f" {t.hour:02d}:{t.minute:02d}:{t.second:02d} GMT"
    )


@lru_cache(maxsize=8)
def http_date(now: int) -> bytes:
    """Return the value of a ``Date`` field for the whole second ``now``; made once a second.

    A few seconds are remembered, as clocks of several servers in one process may differ.
    """
    return format_http_date(now).encode("ascii")


def parse_http_date(text: str, now: float | None = None) -> float | None:
    """Read any of the three forms of HTTP-date; return seconds since the epoch, or None.

    Args:
        text: the field's value, without white space around it.
        now: seconds since the epoch, to place a two-digit year: more than 50 years ahead of it
            means a century earlier.  Without it 69 to 99 are the 1900s, as in Go and POSIX.
    """
    for form in _forms():
        if match := form.fullmatch(text):
            return _seconds(match, now)
    return None


def _seconds(match: re.Match[str], now: float | None) -> float | None:
    day, month, year, hour, minute, second = match.group("day", "month", "year", "hour", "minute", "second")
    numbers = _MONTHS.index(month) + 1, int(day), int(hour), int(minute)
    try:
        if len(year) == 4:
            moment = datetime(int(year), *numbers, tzinfo=UTC)
        else:
            moment = _place_century(int(year), numbers, now)
    except ValueError:  # the 30th of February, 24:00, the year 0, a year past 9999
        return None
    # Added last, for a leap second is 60 and datetime knows none.
    return (moment - _EPOCH).total_seconds() + int(second)


def _place_century(year: int, numbers: tuple[int, int, int, int], now: float | None) -> datetime:
    if now is None:
        return datetime(year + (1900 if year >= 69 else 2000), *numbers, tzinfo=UTC)
    today = _EPOCH + timedelta(seconds=now)
    year += today.year - today.year % 100
    # This century's year, or the next one's when that is near; the horizon compares whole dates.
    horizon = (today.year + 50, today.month, today.day, today.hour, today.minute)
    if (year + 100, *numbers) <= horizon:
        year += 100
    elif (year, *numbers) > horizon:
        year -= 100
    return datetime(year, *numbers, tzinfo=UTC)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DAY: Final = rf"(?:{'|'.join(_DAYS)})"
_LONG_DAY: Final = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    """The three forms, compiled when the first date is read: a server that reads none starts sooner."""
    return (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
        # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
        re.compile(rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
        # asctime: Sun Nov  6 08:49:37 1994
        re.compile(rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
    )
