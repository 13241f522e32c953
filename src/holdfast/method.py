"""Request methods: the registered ones, and what may be assumed of them.

A method is a token, compared case-sensitively; one we do not know is still a method.  The token
itself is defined here once, for the other words to build their grammar from.

RFC 9110 sections 5.6.2 and 9.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "CONNECT",
    "DELETE",
    "GET",
    "HEAD",
    "IDEMPOTENT",
    "OPTIONS",
    "PATCH",
    "POST",
    "PUT",
    "SAFE",
    "TOKEN",
    "TRACE",
    "valid_method",
]

GET: Final = "GET"
HEAD: Final = "HEAD"
POST: Final = "POST"
PUT: Final = "PUT"
PATCH: Final = "PATCH"  # RFC 5789
DELETE: Final = "DELETE"
CONNECT: Final = "CONNECT"
OPTIONS: Final = "OPTIONS"
TRACE: Final = "TRACE"

# The client asks for no change of state: such requests may run side by side.  RFC 9110 9.2.1
SAFE: Final = frozenset({GET, HEAD, OPTIONS, TRACE})

# Twice does what once does: such requests may be sent again.  RFC 9110 9.2.2
IDEMPOTENT: Final = SAFE | {PUT, DELETE}

# token = 1*tchar, as a piece of a regular expression.  RFC 9110 5.6.2
TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


def valid_method(method: str | bytes) -> bool:
    """Say whether ``method`` is a token, and so can stand in a request line.  RFC 9110 9.1"""
    if isinstance(method, str):
        return _METHOD.fullmatch(method) is not None
    return _METHOD_BYTES.fullmatch(method) is not None


_METHOD: Final = re.compile(TOKEN)
_METHOD_BYTES: Final = re.compile(TOKEN.encode())
