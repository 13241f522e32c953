"""Cookies as text: what a Cookie field says, and what Set-Cookie says, both ways.

Reading requests is lenient (a broken pair is skipped, as other software's cookies come along with
ours); reading one line on purpose is strict.  Writing never lets a cookie break out of its line:
what cannot stand in it is left out, and ``Cookie.validate`` tells beforehand.  Nothing is stored.

Values may hold spaces and commas, which RFC 6265 forbids and the web uses; with them, a value is
written in quotes.

RFC 6265 sections 4 and 5.2, with SameSite and Partitioned of the drafts that follow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from holdfast.dates import format_http_date, parse_http_date
from holdfast.limits import MAX_COOKIES
from holdfast.method import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Cookie", "SameSite", "parse_cookie", "parse_cookies", "parse_set_cookie"]


class SameSite(StrEnum):
    """May the cookie come with requests that other sites cause?"""

    DEFAULT = ""  # an attribute without a value we know: the browser decides
    LAX = "Lax"
    STRICT = "Strict"
    NONE = "None"


@dataclass(slots=True)
class Cookie:
    """One cookie, as Cookie (name and value only) or Set-Cookie says it.

    Attributes:
        name: a token.
        value: without the quotes around it.
        path: of the attribute; "" when there is none.
        domain: likewise; a dot in front is not written.
        expires: seconds since the epoch; None when there is none, or it could not be read.
        max_age: seconds; 0 is no attribute, below 0 means to delete the cookie at once (as in Go).
        secure: only over TLS.
        http_only: not for scripts.
        same_site: None when there is no such attribute.
        partitioned: kept apart for each top-level site; needs ``secure``.
        quoted: the value had, or is to have, double quotes around it.
        raw: the line that ``parse_set_cookie`` read.
        unparsed: its attributes that are unknown or malformed.
    """

    name: str
    value: str = ""
    path: str = ""
    domain: str = ""
    expires: float | None = None
    max_age: int = 0
    secure: bool = False
    http_only: bool = False
    same_site: SameSite | None = None
    partitioned: bool = False
    quoted: bool = False
    raw: str = ""
    unparsed: list[str] = field(default_factory=list)

    def to_set_cookie(self) -> str:
        """Return the value of a Set-Cookie field, or "" when the name is not a token.

        Bytes that the value or the path must not have are left out; so are a domain and a date
        that are not valid.
        """
        if not _NAME.fullmatch(self.name):
            return ""
        parts = [f"{self.name}={_written_value(self.value, self.quoted)}"]
        if self.path:
            parts.append("Path=" + _NOT_IN_PATH.sub("", self.path))
        if _valid_domain(self.domain):
            parts.append("Domain=" + self.domain.removeprefix("."))
        if self.expires is not None and _valid_expires(self.expires):
            parts.append("Expires=" + format_http_date(self.expires))
        if self.max_age:
            parts.append(f"Max-Age={max(self.max_age, 0):d}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site:
            parts.append("SameSite=" + SameSite(self.same_site))
        if self.partitioned:
            parts.append("Partitioned")
        return "; ".join(parts)

    def validate(self) -> None:
        """Check that ``to_set_cookie`` would write this cookie whole.

        Raises:
            ValueError: the first attribute that is not valid, and why.
        """
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"cookie name {self.name!r} is not a token")
        if self.expires is not None and not _valid_expires(self.expires):
            raise ValueError(f"cookie expires {self.expires!r} is not in the years 1601 to 9999")
        if bad := _NOT_IN_VALUE.search(self.value):
            raise ValueError(f"cookie value has the invalid character {bad[0]!r}")
        if bad := _NOT_IN_PATH.search(self.path):
            raise ValueError(f"cookie path has the invalid character {bad[0]!r}")
        if self.domain and not _valid_domain(self.domain):
            raise ValueError(f"cookie domain {self.domain!r} is not a domain name or an IPv4 address")
        if self.partitioned and not self.secure:
            raise ValueError("a partitioned cookie must be secure")


def parse_cookies(lines: Iterable[str]) -> list[Cookie]:
    """Read the values of a request's Cookie fields, in order; what is malformed is skipped.

    With more than ``MAX_COOKIES`` pairs the list is empty: guessing which to keep helps nobody.
    """
    lines = list(lines)
    if sum(line.count(";") + 1 for line in lines) > MAX_COOKIES:
        return []
    cookies = []
    for line in lines:
        for part in line.split(";"):
            name, _, text = part.strip(_SPACE).partition("=")
            name = name.rstrip(_SPACE)
            value, quoted = _unquote(text)
            if _NAME.fullmatch(name) and not _NOT_IN_VALUE.search(value):
                cookies.append(Cookie(name, value, quoted=quoted))
    return cookies


def parse_cookie(line: str) -> list[Cookie]:
    """Read the value of one Cookie field, every pair of it.

    Raises:
        ValueError: the line is blank, has more than ``MAX_COOKIES`` pairs, or one is malformed.
    """
    line = line.strip(_SPACE)
    if not line:
        raise ValueError("expected a cookie, got a blank line")
    if line.count(";") >= MAX_COOKIES:
        raise ValueError(f"expected at most {MAX_COOKIES} cookies, got {line.count(';') + 1}")
    return [_pair(part.strip(_SPACE)) for part in line.split(";")]


def parse_set_cookie(line: str) -> Cookie:
    """Read the value of one Set-Cookie field.

    Attributes that are unknown or malformed are kept in ``Cookie.unparsed``.

    Raises:
        ValueError: the line is blank, or its name and value are malformed.
    """
    pair, *attributes = line.strip(_SPACE).split(";")
    if not pair and not attributes:
        raise ValueError("expected a cookie, got a blank line")
    name, equals, text = pair.strip(_SPACE).partition("=")
    cookie = _pair(name.rstrip(_SPACE) + equals + text)
    cookie.raw = line
    for attribute in attributes:
        attribute = attribute.strip(_SPACE)
        name, _, text = attribute.partition("=")
        if attribute and name.isascii() and not _set_attribute(cookie, name.lower(), text):
            cookie.unparsed.append(attribute)
    return cookie


def _pair(part: str) -> Cookie:
    name, equals, text = part.partition("=")
    if not equals:
        raise ValueError(f"expected name=value in a cookie, got {part!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"cookie name {name!r} is not a token")
    value, quoted = _unquote(text)
    if bad := _NOT_IN_VALUE.search(value):
        raise ValueError(f"the value of cookie {name!r} has the invalid character {bad[0]!r}")
    return Cookie(name, value, quoted=quoted)


def _set_attribute(cookie: Cookie, name: str, text: str) -> bool:
    """Set what a Set-Cookie attribute says; return False when it is unknown or malformed."""
    if _NOT_IN_VALUE.search(text):
        return False
    match name:
        case "path":
            cookie.path = text
        case "domain":
            cookie.domain = text
        case "secure":
            cookie.secure = True
        case "httponly":
            cookie.http_only = True
        case "partitioned":
            cookie.partitioned = True
        case "samesite":
            cookie.same_site = _SAME_SITE.get(text.lower(), SameSite.DEFAULT)
        case "expires":
            cookie.expires = _parse_expires(text)
            return cookie.expires is not None
        case "max-age" if _MAX_AGE.fullmatch(text):
            seconds = int(text)
            cookie.max_age = seconds if seconds > 0 else -1
        case _:
            return False
    return True


def _parse_expires(text: str) -> float | None:
    """Read an IMF-fixdate; also with dashes in the date, as Netscape wrote it, and with UTC for GMT."""
    if text[3:4] != ",":
        return None
    if text[7:8] == text[11:12] == "-":
        text = f"{text[:7]} {text[8:11]} {text[12:]}"
    if text.endswith(" UTC"):
        text = text[:-3] + "GMT"
    return parse_http_date(text)


def _unquote(text: str) -> tuple[str, bool]:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1], True
    return text, False


def _written_value(value: str, quoted: bool) -> str:
    value = _NOT_IN_VALUE.sub("", value)
    if value and (quoted or " " in value or "," in value):
        return f'"{value}"'
    return value


def _valid_domain(domain: str) -> bool:
    if len(domain) <= 255 and _DOMAIN.fullmatch(domain):
        return True
    return _IPV4.fullmatch(domain) is not None


def _valid_expires(expires: float) -> bool:
    return _YEAR_1601 <= expires < _YEAR_10000


_SPACE: Final = " \t\r\n"
_NAME: Final = re.compile(TOKEN)
_NOT_IN_VALUE: Final = re.compile(r'[^\x20-\x7E]|["\\;]')
_NOT_IN_PATH: Final = re.compile(r"[^\x20-\x7E]|;")

# At most 18 digits, which fit in the 64 bits of other software; no leading zero but in zero itself.
_MAX_AGE: Final = re.compile(r"-[0-9]{1,18}|\+?(?:0+|[1-9][0-9]{0,17})")

_SAME_SITE: Final = {str(mode).lower(): mode for mode in SameSite}

# RFC 6265 5.1.1 refuses years before 1601; four digits end with 9999.
_YEAR_1601: Final = -11_644_473_600
_YEAR_10000: Final = 253_402_300_800

# Letters, digits and inner dashes in labels of at most 63, a letter in at least one of them; RFC 1034.
_LABEL: Final = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_DOMAIN: Final = re.compile(rf"(?=.*[A-Za-z])\.?{_LABEL}(?:\.{_LABEL})*\.?")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
