"""The same small program for every kind of server: native, ASGI, WSGI (and Go, in ``peers``).

Rule: the same path gives the same status, body, Content-Type and Content-Length whoever serves it,
or the figures compare different work. Any path that is not named below gives the short answer, so
that differing paths need no router.
"""

from __future__ import annotations

__all__ = ["CHUNK", "CHUNKS", "LARGE", "SHORT", "burn"]

SHORT = b"Hello, World!"
LARGE = b"x" * 1_000_000
CHUNK = b"0123456789" * 10
CHUNKS = 20


def burn() -> None:
    """Hold the processor for about half a millisecond, as a handler that computes does."""
    total = 0
    for number in range(10_000):
        total += number * number
