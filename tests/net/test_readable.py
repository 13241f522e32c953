import asyncio
import os

import pytest

from holdfast.net.readable import on_readable, wait_readable


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_nothing_can_be_read_before_something_was_written(pipe):
    read, write = pipe
    assert wait_readable([read], 0) == []
    os.write(write, b"x")
    assert wait_readable([read], None) == [read]


def test_a_time_that_is_over_does_not_wait(pipe):
    assert wait_readable([pipe[0]], -1) == []


def test_the_end_of_a_pipe_can_be_read():
    read, write = os.pipe()
    os.close(write)
    assert wait_readable([read], 5) == [read]
    os.close(read)


def test_the_loop_tells_until_it_is_told_not_to(pipe):
    read, write = pipe
    heard = []

    async def main():
        got = asyncio.Event()

        def readable():
            heard.append(os.read(read, 10))
            got.set()

        end = on_readable(read, readable)
        os.write(write, b"one")
        await asyncio.wait_for(got.wait(), 5)
        end()
        os.write(write, b"two")
        await asyncio.sleep(0)

    asyncio.run(main())
    assert heard == [b"one"]
