"""Files on the disk: sections of one file without a name."""

from __future__ import annotations

import os
import tempfile
from io import SEEK_CUR, SEEK_END
from typing import TYPE_CHECKING

import pytest

from holdfast.server.uploads import Spool

if TYPE_CHECKING:
    from collections.abc import Callable


class Here:
    """Threads that are this one."""

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, function: Callable, *args: object) -> object:
        self.calls += 1
        return function(*args)


@pytest.fixture
def spool():
    spool = Spool(Here())
    yield spool
    spool.close()


async def test_files_one_after_another(spool):
    first = spool.new_upload()
    await first.write(b"abc")
    await first.write(b"def")
    second = spool.new_upload()
    await second.write(b"123")
    third = spool.new_upload()
    assert spool._threads.calls == 3
    for upload, content in ((second, b"123"), (first, b"abcdef"), (third, b"")):
        await upload.rewind()
        assert await upload.read(-1) == content
        assert await upload.read(-1) == b""


async def test_a_file_is_read_in_steps(spool):
    upload = spool.new_upload()
    await upload.write(b"abcdef")
    await spool.new_upload().write(b"more")
    assert [await upload.read(n) for n in (4, 4, 4)] == [b"abcd", b"ef", b""]
    await upload.rewind()
    assert await upload.read(1) == b"a"


async def test_a_file_object_as_libraries_use_it(spool):
    await spool.new_upload().write(b"before")
    upload = spool.new_upload()
    await upload.write(b"line 1\nline 2\n" + bytes(100_000))
    file = upload.file
    assert file.readline() == b"line 1\n"
    assert file.tell() == 7
    assert (file.seek(-3, SEEK_END), file.read()) == (100_011, b"\0\0\0")
    assert (file.seek(5), file.seek(2, SEEK_CUR), file.read(6)) == (5, 7, b"line 2")
    assert (file.seek(200_000), file.read()) == (200_000, b"")
    with pytest.raises(ValueError, match="does not begin before"):
        file.seek(-1)
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)


async def test_what_does_not_go_to_the_disk_at_once_goes_in_the_end(spool, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:2], at))
    upload = spool.new_upload()
    await upload.write(b"abcde")
    assert await upload.read(-1) == b"abcde"


async def test_nothing_is_left_and_nothing_can_be_read(spool, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = Spool(Here())
    upload = own.new_upload()
    await upload.write(b"abc")
    assert list(tmp_path.iterdir()) == []  # it has no name
    own.close()
    with pytest.raises(ValueError, match="closed"):
        await upload.read(-1)
    with pytest.raises(ValueError, match="closed"):
        await upload.write(b"d")
