"""A file as a response's body: by the kernel where that is possible, piece by piece elsewhere.

nethttp.md 10.6: TestLinuxSendfile.
"""

from __future__ import annotations

import asyncio
import io
import os

import pytest

from holdfast import limits
from holdfast.errors import ConnectionReset, ContentLengthError, LocalProtocolError, Timeout
from holdfast.net.tasks import cancel, run, spawn
from holdfast.server.filebody import read_file
from holdfast.testing import FakeClock, advance, recorder, serving
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

BIG = 3 * limits.FILE_PIECE + 5
HUGE = 64 << 20


@pytest.fixture
def big(tmp_path, rng):
    path = tmp_path / "big"
    path.write_bytes(rng.randbytes(BIG))
    with path.open("rb") as opened:
        yield opened


@pytest.fixture
def huge(tmp_path):
    """More than the kernel's buffers hold; nothing of it is on the disk."""
    path = tmp_path / "huge"
    with path.open("wb") as made:
        made.truncate(HUGE)
    with path.open("rb") as opened:
        yield opened


@pytest.fixture
def by_kernel(monkeypatch):
    """The sizes of what ``sendfile`` sent."""
    sizes = []
    sendfile = os.sendfile

    def noted(out, file, offset, count):
        sent = sendfile(out, file, offset, count)
        sizes.append(sent)
        return sent

    monkeypatch.setattr(os, "sendfile", noted)
    return sizes


def note_blocking(monkeypatch):
    """An event that is set once ``sendfile`` would have to wait."""
    blocked, sendfile = asyncio.Event(), os.sendfile

    def noted(*args):
        try:
            return sendfile(*args)
        except BlockingIOError:
            blocked.set()
            raise

    monkeypatch.setattr(os, "sendfile", noted)
    return blocked


def sending(file, offset, count, length=None):
    async def handler(w, r):
        if length is not None:
            w.headers["Content-Length"] = str(length)
        w.headers["Content-Type"] = "application/octet-stream"
        await w.send_file(file, offset, count)

    return handler


# TestLinuxSendfile
async def test_a_big_file_on_a_plain_connection_is_sent_by_the_kernel(big, by_kernel):
    async with serving(sending(big, 3, BIG - 3, BIG - 3), memory=False) as (client, server):
        for _ in range(2):
            response = await client.get("/")
            assert response.body == os.pread(big.fileno(), BIG, 3)
        assert server.stats().connections_accepted == 1
    assert sum(by_kernel) == 2 * (BIG - 3)


def test_so_it_is_on_uvloop(big, by_kernel):
    pytest.importorskip("uvloop")

    async def main():
        async with serving(sending(big, 0, BIG, BIG), memory=False) as (client, _):
            assert (await client.get("/")).body == os.pread(big.fileno(), BIG, 0)

    run(main(), loop="uvloop")
    assert sum(by_kernel) == BIG


@pytest.mark.parametrize(
    ("mode", "memory", "count", "length"),
    [
        ("h1+tls", False, BIG, BIG),
        ("h1", True, BIG, BIG),
        ("h1", False, BIG, None),
        ("h1", False, limits.FILE_IN_ONE_WRITE, limits.FILE_IN_ONE_WRITE),
    ],
    ids=["tls", "no socket", "chunked", "small"],
)
async def test_elsewhere_it_is_read_and_written(big, by_kernel, mode, memory, count, length):
    async with serving(sending(big, 0, count, length), mode, memory=memory) as (client, _):
        response = await client.get("/")
        assert response.body == os.pread(big.fileno(), count, 0)
        assert response.framing == ("chunked" if length is None else "length")
    assert by_kernel == []


async def test_where_the_kernel_refuses_it_is_read_and_written(big, monkeypatch):
    def refused(*args):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "sendfile", refused)
    async with serving(sending(big, 0, BIG, BIG), memory=False) as (client, _):
        assert (await client.get("/")).body == os.pread(big.fileno(), BIG, 0)


@every_mode
async def test_of_a_head_request_nothing_is_sent(mode, big, by_kernel):
    async with serving(sending(big, 0, BIG, BIG), mode, memory=False) as (client, _):
        response = await client.request("HEAD", "/")
        assert (response.body, response.header("Content-Length")) == (b"", str(BIG))
        assert (await client.request("HEAD", "/")).status == 200
    assert by_kernel == []


async def test_more_than_the_declared_length_is_refused_before_anything_is_sent(big):
    w, _ = recorder()
    w.headers["Content-Length"] = "10"
    for size in (11, 10):  # and nothing after it: a body with a hole in it must not look whole
        with pytest.raises(ContentLengthError):
            await w.send_file(big, 0, size)
    assert w.exchange.status == 0


@pytest.mark.parametrize("memory", [True, False], ids=["written", "by the kernel"])
async def test_a_file_that_has_become_shorter_breaks_the_response_off(big, memory):
    failures = []

    async def handler(w, r):
        w.headers["Content-Length"] = str(BIG + 100)
        try:
            await w.send_file(big, 0, BIG + 100)
        except LocalProtocolError as error:
            failures.append(str(error))
            raise

    async with serving(handler, memory=memory) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        got = await peer.read_until_closed()
        assert got.endswith(os.pread(big.fileno(), 1000, BIG - 1000))
    assert "100 bytes before what was to be sent" in failures[0]


async def test_a_peer_that_takes_nothing_of_a_file_is_cut_by_the_stall_clock(huge, monkeypatch):
    blocked = note_blocking(monkeypatch)
    clock, outcome = FakeClock(), []

    async def handler(w, r):
        w.headers["Content-Length"] = str(HUGE)
        try:
            await w.send_file(huge, 0, HUGE)
        except Timeout as error:
            outcome.append(error.timer)
            raise

    async with serving(handler, clock=clock, memory=False, write_stall_timeout=60) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(blocked.wait(), 10)
        await advance(clock, 59)
        assert server.stats().connections_open == 1
        await advance(clock, 2)
        assert server.stats().connections_open == 0
        assert outcome == ["write_stall_timeout"]
        peer.abort()


async def test_a_peer_that_leaves_in_the_middle_of_a_file_is_told_to_the_handler(huge):
    outcome = asyncio.get_running_loop().create_future()

    async def handler(w, r):
        w.headers["Content-Length"] = str(HUGE)
        try:
            await w.send_file(huge, 0, HUGE)
        except OSError as error:
            outcome.set_result(error)
            raise

    async with serving(handler, memory=False) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.read_exactly(1000)
        peer.abort()
        assert isinstance(await asyncio.wait_for(outcome, 10), ConnectionReset)
    assert server.stats().connections_open == 0


async def test_a_lost_connection_that_sendfile_finds_first(big, monkeypatch):
    def broken(*args):
        raise BrokenPipeError

    outcome = []

    async def handler(w, r):
        w.headers["Content-Length"] = str(BIG)
        try:
            await w.send_file(big, 0, BIG)
        except ConnectionReset as error:
            outcome.append(error)
            raise

    monkeypatch.setattr(os, "sendfile", broken)
    async with serving(handler, memory=False) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.read_until_closed()
        assert server.stats().closed_because == {CloseReason.RESET: 1}
    assert len(outcome) == 1


async def test_what_was_given_up_in_the_middle_can_be_written_on(huge, monkeypatch):
    blocked, given_up = note_blocking(monkeypatch), asyncio.Event()

    async def handler(w, r):
        w.headers["Content-Length"] = str(HUGE)
        sending = spawn(w.send_file(huge, 0, HUGE))
        await blocked.wait()
        await cancel(sending)
        given_up.set()
        sent = w.exchange.bytes_sent
        await w.exchange.send_file(huge, sent, HUGE - sent)

    async with serving(handler, memory=False) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.read_exactly(10)
        await asyncio.wait_for(given_up.wait(), 10)
        _, _, rest = (await peer.read_exactly(1000)).partition(b"\r\n\r\n")
        left = HUGE - len(rest)
        while left:
            left -= len(await peer.read_exactly(min(left, 1 << 16)))
        assert await peer.arrived() == b""


async def test_a_file_that_is_no_regular_one_is_read_from_its_offset():
    assert await read_file(io.BytesIO(b"0123456789"), 3, 4) == b"3456"
    w, _ = recorder()
    await w.send_file(io.BytesIO(b"<html>" + b"x" * 5000), 0, 5006)
    response = await w.result()
    assert response.body == b"<html>" + b"x" * 5000
    assert response.header("Content-Type") == "text/html; charset=utf-8"
