"""The contract of a transport, kept by memory as by TCP and Unix sockets, on both loops."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.net import memory
from tests.net.contract import Notes, every_kind, every_loop, joined, run, settle


def contract(test):
    """Run an ``async def test(kind)`` for every kind of transport on every loop."""

    @every_loop
    @every_kind
    def runner(kind, loop):
        run(test(kind), loop)

    runner.__name__, runner.__doc__ = test.__name__, test.__doc__
    return runner


@contract
async def test_bytes_arrive_in_order_and_whole(kind):
    near, far = Notes(), Notes()
    sent = b"".join(bytes([number % 251]) * 997 for number in range(300))
    async with joined(kind, near, far) as (one, _):
        for start in range(0, len(sent), 1000):
            one.write(sent[start : start + 1000])
        await far.until(lambda notes: len(notes.data) >= len(sent))
    assert bytes(far.data) == sent
    assert far.events[0] == ("made",)


@contract
async def test_nothing_arrives_inside_the_write(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, _):
        one.write(b"x")
        assert far.data == b""
        await far.until(lambda notes: notes.data)


@contract
async def test_every_kind_of_buffer_is_sent(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, _):
        one.write(b"bytes ")
        one.write(bytearray(b"bytearray "))
        one.write(memoryview(b"memoryview "))
        one.write(b"")
        one.writelines([b"several ", bytearray(b"pieces")])
        await far.until(lambda notes: notes.data.endswith(b"pieces"))
    assert far.data == b"bytes bytearray memoryview several pieces"


@contract
async def test_text_is_refused(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, _):
        with pytest.raises(TypeError):
            one.write("text")


@contract
async def test_both_directions_at_once(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        one.write(b"there")
        other.write(b"back")
        await far.until(lambda notes: notes.data == b"there")
        await near.until(lambda notes: notes.data == b"back")


@contract
async def test_half_close_keeps_the_other_half(kind):
    near, far = Notes(), Notes(keep_open=True)
    async with joined(kind, near, far) as (one, other):
        assert one.can_write_eof()
        one.write(b"question")
        one.write_eof()
        await far.until(lambda notes: ("eof",) in notes.events)
        assert far.data == b"question"
        other.write(b"answer")
        await near.until(lambda notes: notes.data == b"answer")
        with pytest.raises(RuntimeError):
            one.write(b"more")
        other.close()
        assert await far.lost() is type(None)
        assert await near.lost() is type(None)
    assert near.events == [("made",), ("eof",), ("lost", type(None))]
    assert far.events == [("made",), ("eof",), ("lost", type(None))]


@contract
async def test_the_peers_end_closes_a_receiver_that_does_not_keep_it_open(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        one.write_eof()
        assert await far.lost() is type(None)
        assert other.is_closing()
        assert await near.lost() is type(None)
    assert far.events == [("made",), ("eof",), ("lost", type(None))]


@contract
async def test_close_sends_what_was_written_first(kind):
    near, far = Notes(), Notes()
    amount = 4 << 20  # more than the sockets hold
    async with joined(kind, near, far) as (one, other):
        other.pause_reading()
        one.write(b"x" * amount)
        assert one.get_write_buffer_size() > 0
        one.close()
        assert one.is_closing()
        await settle()
        assert ("lost", type(None)) not in near.events
        other.resume_reading()
        assert await near.lost() is type(None)
        assert await far.lost() is type(None)
    assert len(far.data) == amount


@contract
async def test_a_closing_transport_reads_nothing_and_ignores_writes(kind):
    near, far = Notes(), Notes(keep_open=True)
    async with joined(kind, near, far) as (one, other):
        one.close()
        one.write(b"late")
        one.close()
        other.write(b"not read")
        assert await near.lost() is type(None)
        await far.until(lambda notes: len(notes.events) > 1)
    assert near.data == far.data == b""
    assert near.events == [("made",), ("lost", type(None))]


@contract
async def test_abort_drops_what_is_unsent_and_ends_both(kind):
    near, far = Notes(), Notes()
    amount = 64 << 20
    async with joined(kind, near, far) as (one, other):
        other.pause_reading()
        one.write(b"x" * amount)
        one.abort()
        one.abort()
        assert one.is_closing()
        assert await near.lost() is type(None)
        other.resume_reading()
        await far.lost()
    assert len(far.data) < amount
    assert [event[0] for event in near.events].count("lost") == 1
    assert [event[0] for event in far.events].count("lost") == 1


@contract
async def test_closing_with_bytes_unread_resets_the_peer(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        other.pause_reading()
        one.write(b"never read")
        await settle()
        other.close()
        assert issubclass(await near.lost(), ConnectionError)


@contract
async def test_writing_to_an_end_that_is_gone_ends_ours_with_an_error(kind):
    near, far = Notes(keep_open=True), Notes()
    async with joined(kind, near, far) as (one, other):
        other.close()
        await near.until(lambda notes: ("eof",) in notes.events)
        await settle()
        for _ in range(3):
            if not near.is_lost():
                one.write(b"into the void")
            await settle()
        assert issubclass(await near.lost(), ConnectionError)


@contract
async def test_a_paused_reader_gets_nothing_until_it_resumes(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        other.pause_reading()
        other.pause_reading()
        one.write(b"held back")
        one.write_eof()
        await settle()
        assert far.data == b""
        assert far.events == [("made",)]
        other.resume_reading()
        other.resume_reading()
        await far.lost()
        assert far.data == b"held back"


@contract
async def test_a_reader_may_pause_while_it_is_told_of_bytes(kind):
    class Sip(Notes):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    near, far = Notes(), Sip()
    async with joined(kind, near, far) as (one, other):
        one.write(b"first")
        await far.until(lambda notes: notes.data)
        one.write(b"second")
        await settle()
        assert far.data == b"first"
        other.resume_reading()
        await far.until(lambda notes: notes.data == b"firstsecond")


@contract
async def test_a_slow_reader_pauses_the_writer_and_a_fast_one_resumes_it(kind):
    near, far = Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        one.set_write_buffer_limits(high=10_000, low=2_000)
        other.pause_reading()
        written = 0
        while ("pause",) not in near.events and written < 64 << 20:
            one.write(b"x" * 4096)
            written += 4096
            await asyncio.sleep(0)
        assert one.get_write_buffer_size() > 10_000
        await settle()
        assert ("resume",) not in near.events
        other.resume_reading()
        await near.until(lambda notes: ("resume",) in notes.events)
        assert one.get_write_buffer_size() <= 2_000
        await far.until(lambda notes: len(notes.data) == written)
    assert near.events[:3] == [("made",), ("pause",), ("resume",)]


@contract
async def test_wrong_write_limits_are_refused(kind):
    async with joined(kind, Notes(), Notes()) as (one, _):
        with pytest.raises(ValueError, match="low"):
            one.set_write_buffer_limits(high=1, low=2)


@contract
async def test_another_receiver_takes_over(kind):
    near, far, heir = Notes(), Notes(), Notes()
    async with joined(kind, near, far) as (one, other):
        one.write(b"old")
        await far.until(lambda notes: notes.data)
        other.set_protocol(heir)
        one.write(b"new")
        one.close()
        await heir.lost()
    assert far.data == b"old"
    assert heir.data == b"new"
    assert far.events == [("made",)]
    assert heir.events == [("eof",), ("lost", type(None))]


@contract
async def test_a_receiver_that_raises_loses_its_own_connection(kind):
    class Clumsy(Notes):
        def data_received(self, data):
            raise ZeroDivisionError

    near, far = Notes(), Clumsy()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with joined(kind, near, far) as (one, _):
        one.write(b"x")
        assert await far.lost() is ZeroDivisionError
        await near.lost()
    assert [type(exc) for exc in reported] == [ZeroDivisionError]


@contract
async def test_it_knows_its_names(kind):
    async with joined(kind, Notes(), Notes()) as (one, other):
        assert one.get_extra_info("sockname") == other.get_extra_info("peername")
        assert one.get_extra_info("peername") == other.get_extra_info("sockname")
        assert one.get_extra_info("ssl_object") is None
        assert one.get_extra_info("nothing", 7) == 7


def test_memory_has_no_socket_and_says_where_it_stands():
    async def main():
        near, far = Notes(), Notes()
        async with joined("memory", near, far) as (one, other):
            assert one.get_extra_info("socket") is None
            other.pause_reading()
            one.write(b"x" * (memory.PIPE_SIZE + 3))
            assert repr(one) == "<MemoryTransport 192.0.2.1:50000 open, 3 bytes unsent>"
            one.close()
            assert repr(one) == "<MemoryTransport 192.0.2.1:50000 closing, 3 bytes unsent>"
        assert repr(one) == "<MemoryTransport 192.0.2.1:50000 gone, 0 bytes unsent>"

    run(main())


def test_memory_gives_the_bytes_of_one_turn_in_one_piece():
    async def main():
        pieces = []
        near, far = Notes(), Notes()
        far.data_received = pieces.append
        async with joined("memory", near, far) as (one, _):
            one.write(b"a")
            one.write(b"b")
            await asyncio.sleep(0)
            one.write(b"c")
            await asyncio.sleep(0)
        assert pieces == [b"ab", b"c"]

    run(main())
