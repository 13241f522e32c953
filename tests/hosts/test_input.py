from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import BodyClosed, BodyTooLarge, ConnectionReset, RemoteProtocolError, Timeout
from holdfast.hosts.input import PiecewiseInput


class FakeThreads:
    """Runs what a thread would wait for, there and then."""

    def __init__(self):
        self.waits = 0

    def run_in_loop(self, coro):
        self.waits += 1
        return asyncio.run(coro)


def made_of(*pieces):
    """An input of these pieces; an exception among them is raised."""
    left = list(pieces)

    async def read():
        piece = left.pop(0) if left else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    return PiecewiseInput(FakeThreads(), read)


def test_read_gives_what_was_asked_for_and_no_more_waits_than_pieces():
    raw = made_of(b"abc", b"defg", b"h")
    stream = raw.buffered()
    assert [stream.read(size) for size in (2, 0, 4, 10, 1)] == [b"ab", b"", b"cdef", b"gh", b""]
    assert raw._threads.waits <= 5


def test_lines_cross_pieces():
    stream = made_of(b"on", b"e\ntwo\nth", b"ree").buffered()
    assert stream.readline() == b"one\n"
    assert stream.readline(2) == b"tw"
    assert list(stream) == [b"o\n", b"three"]


def test_a_piece_larger_than_the_buffer_is_not_lost():
    data = bytes(range(256)) * 1000
    assert made_of(data, data).buffered().read() == data * 2


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RemoteProtocolError("cut short"), ConnectionReset),
        (BodyTooLarge(3), ConnectionReset),
        (ConnectionReset("gone"), ConnectionReset),
        (Timeout("body_read_timeout"), Timeout),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_failure_is_an_os_error_and_is_kept(error, raised):
    raw = made_of(b"abc", error)
    stream = raw.buffered()
    assert stream.read(3) == b"abc"
    with pytest.raises(raised) as caught:
        stream.read(1)
    assert isinstance(caught.value, OSError)
    assert raw.failure is error


def test_reading_at_the_wrong_time_is_told_as_such():
    raw = made_of(BodyClosed("over"))
    with pytest.raises(BodyClosed):
        raw.buffered().read(1)
    assert raw.failure is None
