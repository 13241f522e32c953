"""Reading files without making the loop wait for a disk."""

from __future__ import annotations

import io
import os

import pytest

from holdfast.net import disk
from holdfast.net.disk import load, on_a_thread, read_at, regular_file


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40)
    with path.open("rb") as opened:
        yield opened


@pytest.fixture
def threads_used(monkeypatch):
    """What was called on a thread."""
    used = []

    async def noted(function, *args):
        used.append(function.__name__)
        return await on_a_thread(function, *args)

    monkeypatch.setattr(disk, "on_a_thread", noted)
    return used


@pytest.mark.parametrize(
    ("offset", "size", "got"),
    [(0, 10, 10), (5, 10_000, 10_000), (10_000, 1000, 240), (10_240, 5, 0)],
    ids=["begin", "middle", "over the end", "behind the end"],
)
async def test_a_file_is_read_from_where_it_is_asked(file, offset, size, got):
    data = await read_at(file.fileno(), offset, size)
    assert data == (bytes(range(256)) * 40)[offset : offset + size]
    assert len(data) == got
    assert file.tell() == 0


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only Linux says what it holds in memory")
async def test_what_is_in_memory_needs_no_thread(file, threads_used, monkeypatch):
    monkeypatch.setattr(os, "preadv", lambda fd, rooms, offset, flags: _fill(rooms[0], b"x"))
    assert await read_at(file.fileno(), 0, 100) == b"x" * 100
    await load(file.fileno(), 0, 100)
    assert threads_used == []


async def test_what_is_not_in_memory_is_read_on_a_thread(file, threads_used, monkeypatch):
    def refused(fd, rooms, offset, flags):
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", refused)
    assert await read_at(file.fileno(), 1, 2) == b"\x01\x02"
    await load(file.fileno(), 0, 100)
    assert threads_used == ["pread", "pread"]


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only Linux says what it holds in memory")
async def test_what_is_half_in_memory_is_completed_on_a_thread(file, threads_used, monkeypatch):
    def half(fd, rooms, offset, flags):
        rooms[0][:2] = b"ab"
        return 2

    monkeypatch.setattr(os, "preadv", half)
    assert await read_at(file.fileno(), 0, 4) == b"ab\x02\x03"
    assert threads_used == ["pread"]


def test_only_regular_files_have_a_descriptor_to_read_from(file, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    reader, writer = os.pipe()
    try:
        assert regular_file(file) == regular_file(file.fileno()) == file.fileno()
        assert regular_file(folder) is regular_file(reader) is None
        assert regular_file(io.BytesIO(b"x")) is regular_file(object()) is None
    finally:
        for descriptor in (folder, reader, writer):
            os.close(descriptor)


async def test_an_error_of_the_disk_comes_out():
    with pytest.raises(OSError, match="descriptor"):
        await read_at(-1, 0, 1)


def _fill(room, byte):
    room[:] = byte * len(room)
    return len(room)
