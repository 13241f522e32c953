"""A body by pieces, by numbers of bytes, and within a limit."""

from __future__ import annotations

import pytest

from holdfast.body import Body, LimitedBody
from holdfast.errors import BodyClosed, BodyTooLarge


class Given:
    """Pieces that are given."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.asked = 0
        self.closed = 0

    async def read(self) -> bytes:
        self.asked += 1
        return self.pieces.pop(0) if self.pieces else b""

    def close_body(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("reads", "got"),
    [
        pytest.param([-1], [b"abcdef"], id="all"),
        pytest.param([-1, -1], [b"abcdef", b""], id="all, twice"),
        pytest.param([2, 2, 2, 2], [b"ab", b"cd", b"ef", b""], id="across pieces"),
        pytest.param([1, 0, 1, -1], [b"a", b"", b"b", b"cdef"], id="some, none, the rest"),
        pytest.param([3], [b"abc"], id="one piece exactly"),
        pytest.param([6, 1], [b"abcdef", b""], id="exactly all"),
        pytest.param([100], [b"abcdef"], id="fewer at the end"),
    ],
)
async def test_read(reads, got):
    body = Body(Given(b"abc", b"d", b"ef"))
    assert [await body.read(n) for n in reads] == got


async def test_pieces_are_given_as_they_come():
    body = Body(Given(b"abc", b"d"))
    assert await body.read(1) == b"a"
    assert [piece async for piece in body] == [b"bc", b"d"]


async def test_reading_on_asks_no_further_than_it_must():
    source = Given(b"abc", b"d")
    body = Body(source)
    assert await body.read(3) == b"abc"
    assert source.asked == 1
    assert await body.read() == b"d"
    assert await body.read() == b""
    assert source.asked == 3  # the end once, and then never again


async def test_a_closed_body_is_not_read():
    source = Given(b"abc")
    body = Body(source)
    await body.read(1)
    body.close()
    assert source.closed == 1
    with pytest.raises(BodyClosed):
        await body.read()


async def test_very_many_small_pieces_cost_no_more_memory_than_bytes():
    import tracemalloc

    class Drops:
        left = 10_000

        async def read(self) -> bytes:
            self.left -= 1
            return b"%02d" % (self.left % 100) if self.left >= 0 else b""

        def close_body(self) -> None: ...

    tracemalloc.start()
    try:
        assert len(await Body(Drops()).read()) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", [3, 4, 100])
async def test_a_limit_that_is_not_reached(limit):
    assert await LimitedBody(Body(Given(b"ab", b"c")), limit).read() == b"abc"


@pytest.mark.parametrize(("limit", "within"), [(0, b""), (1, b"a"), (2, b"ab"), (4, b"abcd")])
async def test_up_to_the_limit_all_is_given(limit, within):
    body = LimitedBody(Body(Given(b"ab", b"cde")), limit)
    assert await body.read(limit) == within
    for _ in range(2):
        with pytest.raises(BodyTooLarge) as caught:
            await body.read(1)
    assert (caught.value.max_bytes, caught.value.status) == (limit, 413)


async def test_a_limited_body_closes_the_whole():
    source = Given(b"ab")
    whole = Body(source)
    LimitedBody(whole, 1).close()
    with pytest.raises(BodyClosed):
        await whole.read()
