"""From a file into a socket, beside its transport."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from holdfast.net.sendfile import FileSender


class Pausable:
    """A receiver that notes when it was paused and resumed."""

    def __init__(self):
        self.calls = []
        self.resumed = asyncio.Event()

    def pause_writing(self):
        self.calls.append("pause")
        self.resumed.clear()

    def resume_writing(self):
        self.calls.append("resume")
        self.resumed.set()


@pytest.fixture
def big(tmp_path, rng):
    path = tmp_path / "big"
    path.write_bytes(rng.randbytes(8 << 20))
    with path.open("rb") as opened:
        yield opened


@pytest.fixture
def sockets():
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    with near, far:
        yield near, far


async def test_a_peer_that_takes_nothing_pauses_the_receiver_and_one_that_does_resumes_it(big, sockets):
    near, far = sockets
    receiver = Pausable()
    sender = FileSender(near, receiver)
    loop = asyncio.get_running_loop()
    sent, got = 0, b""
    while step := await sender.send(big.fileno(), sent, 1 << 20):
        sent += step
    assert receiver.calls == ["pause"]
    while len(got) < sent:
        got += await loop.sock_recv(far, 1 << 20)
    await receiver.resumed.wait()
    assert await sender.send(big.fileno(), sent, 10) == 10
    sender.close()
    assert receiver.calls == ["pause", "resume"]
    assert got == os.pread(big.fileno(), sent, 0)


async def test_closing_it_while_it_waits_resumes_the_receiver_and_leaves_nothing_behind(big, sockets):
    receiver = Pausable()
    sender = FileSender(sockets[0], receiver)
    while await sender.send(big.fileno(), 0, 1 << 20):
        pass
    sender.close()  # the descriptors are counted by conftest
    assert receiver.calls == ["pause", "resume"]


async def test_the_end_of_the_file_is_told(big, sockets):
    sender = FileSender(sockets[0], Pausable())
    with pytest.raises(EOFError):
        await sender.send(big.fileno(), 8 << 20, 1)
    sender.close()


async def test_a_lost_peer_is_told(big, sockets):
    sender = FileSender(sockets[0], Pausable())
    sockets[1].close()
    with pytest.raises(ConnectionError):
        await sender.send(big.fileno(), 0, 1)
    sender.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS], ids=["EINVAL", "ENOSYS"])
async def test_where_there_is_no_sendfile_it_says_so(big, sockets, monkeypatch, number):
    def refused(*args):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "sendfile", refused)
    sender = FileSender(sockets[0], Pausable())
    assert await sender.send(big.fileno(), 0, 1) is None
    monkeypatch.undo()
    sender.close()


async def test_another_error_comes_out(big, sockets, monkeypatch):
    def refused(*args):
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "sendfile", refused)
    sender = FileSender(sockets[0], Pausable())
    with pytest.raises(OSError, match="broken"):
        await sender.send(big.fileno(), 0, 1)
    monkeypatch.undo()
    sender.close()
