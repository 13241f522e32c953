r"""The grammar of HTTP/1 that we read by, as compiled patterns under their ABNF rules.

Strategy: one pattern per line of a message, matched from its first byte to its
last (``fullmatch``), so that nothing is skipped, trimmed or guessed.  Where Go is
stricter than the RFC, or the RFC leaves a choice, the comment says which was taken.

Rule 1: a pattern never lets CR, LF or NUL pass.
Rule 2: every pattern is linear: where a repetition ends, the next byte tells.

RFC 9112 sections 2-7; RFC 9110 sections 4, 5.5, 5.6; RFC 3986 section 3.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ABSOLUTE_FORM",
    "BARE",
    "CHUNK_LINE",
    "CONNECT_AUTHORITY",
    "CONTENT_LENGTH",
    "CONTROL",
    "FIELD_LINE",
    "HOST",
    "ORIGIN_FORM",
    "PLAIN_TARGET",
    "REQUEST_LINE",
    "TOKEN",
    "TOKEN_START",
    "VISIBLE",
]

# token = 1*tchar
_TCHAR: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
TOKEN: Final = re.compile(_TCHAR + rb"+")
TOKEN_START: Final = re.compile(_TCHAR)

# What no field value may hold (RFC 9110 5.5).
CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# A CR without its LF, or an LF without its CR.  A CR at the very end may still get its LF.
BARE: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")

# request-line = method SP request-target SP HTTP-version
# Groups: method, target, major version, minor version.  Bytes above 0x7F are no URI, but browsers
# and Go let them pass.
REQUEST_LINE: Final = re.compile(rb"(" + _TCHAR + rb"+) ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")

# Bytes of a target in which nothing can be wrong: visible ASCII but "%".
PLAIN_TARGET: Final = bytes(range(0x21, 0x7F)).replace(b"%", b"")

# Bytes of a value in which nothing can be wrong, and nothing is white space round it: visible ASCII.
VISIBLE: Final = bytes(range(0x21, 0x7F))

# field-line = field-name ":" OWS field-value OWS
# Groups: name, value with the OWS still round it.
FIELD_LINE: Final = re.compile(rb"(" + _TCHAR + rb"+):([\t\x20-\x7e\x80-\xff]*)")

# Host = uri-host [ ":" port ].  As in Go, the bytes that can be in one, in any order.
HOST: Final = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")

# uri-host = IP-literal / reg-name, an IPv4 address being a reg-name too
_URI_HOST: Final = rb"(?:\[[A-Za-z0-9!$%&'()*+,\-.:;=_~]+\]|[A-Za-z0-9!$%&'()*+,\-.;=_~]*)"

# authority-form = uri-host ":" port, and "a server MUST reject a CONNECT request that targets an
# empty or invalid port number" (RFC 9110 9.3.6).  Group: the port.
CONNECT_AUTHORITY: Final = re.compile(_URI_HOST + rb":([0-9]{1,5})")

# A "%" must begin a percent-encoded byte in a path; a query may hold anything (Go).
_PATH: Final = rb"[^%?]*(?:%[0-9A-Fa-f]{2}[^%?]*)*"
_QUERY: Final = rb"(?:\?.*)?"

# origin-form = absolute-path [ "?" query ].  As in Go, a "#" is a part of the path.
ORIGIN_FORM: Final = re.compile(rb"/" + _PATH + _QUERY, re.DOTALL)

# absolute-form = absolute-URI = scheme ":" hier-part [ "?" query ]
# Group: the authority without its userinfo, which is None for a URI like "mailto:x@y".
ABSOLUTE_FORM: Final = re.compile(
    rb"[A-Za-z][A-Za-z0-9+\-.]*:(?:"
    rb"//(?:[A-Za-z0-9\-._~!$&'()*+,;=:%]*@)?(" + _URI_HOST + rb"(?::[0-9]*)?)(?:/" + _PATH + rb")?"
    rb"|(?!//)" + _PATH + rb")" + _QUERY,
    re.DOTALL,
)

# Content-Length = 1*DIGIT.  No sign, no list (RFC 9112 6.3 lets a list of equal values pass; we do not).
CONTENT_LENGTH: Final = re.compile(rb"[0-9]+")

# chunk-size [ chunk-ext ] = 1*HEXDIG *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
# As in Go, at most 16 digits and no space between them and the first ";"; stricter than Go, an
# extension must be one, and no space may end the line.  Group: the size.
_BWS: Final = rb"[\t ]*"
_QDTEXT: Final = rb"[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]*"
_QUOTED: Final = rb'"' + _QDTEXT + rb"(?:\\[\t\x20-\x7e\x80-\xff]" + _QDTEXT + rb')*"'
_NAME_VALUE: Final = _TCHAR + rb"+(?:" + _BWS + rb"=" + _BWS + rb"(?:" + _TCHAR + rb"+|" + _QUOTED + rb"))?"
CHUNK_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + _BWS + _NAME_VALUE + rb"(?:" + _BWS + rb";" + _BWS + _NAME_VALUE + rb")*)?"
)
