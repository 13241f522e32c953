"""The writer of native handlers, alone: what it keeps, what it decides, and what it refuses.

How a response looks on the wire is in tests/whole/test_framing.py and test_header_to_wire.py.
"""

from __future__ import annotations

from http import HTTPStatus

import pytest

from holdfast.errors import BodyNotAllowed, ConnectionReset, ContentLengthError, Hijacked, LocalProtocolError
from holdfast.limits import RESPONSE_BUFFER
from holdfast.testing import recorder
from holdfast.wire.persistence import CloseReason


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("ü", "ü".encode()),
        (b"a", b"a"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"ab")[1:], b"b"),
        ("", b""),
        (b"", b""),
    ],
)
async def test_what_may_be_written(data, sent):
    w, _ = recorder()
    assert await w.write(data) == len(sent)
    assert (w.status, w.bytes_written) == (200, len(sent))
    assert (await w.result()).body == sent


@pytest.mark.parametrize("data", [None, 1, ["a"], object()], ids=lambda data: type(data).__name__)
async def test_what_may_not_be_written(data):
    w, _ = recorder()
    with pytest.raises(TypeError, match="a body is bytes or str, not " + type(data).__name__):
        await w.write(data)
    w.write_header(500)  # nothing was decided by it
    assert (await w.result()).status == 500


async def test_a_write_keeps_a_buffers_worth_and_then_sends():
    w, _ = recorder()
    await w.write(b"x" * RESPONSE_BUFFER)
    assert (w.exchange.status, w.is_full) == (0, False)
    await w.write(b"x")
    assert w.exchange.status == 200
    result = await w.result()
    assert (result.chunks, result.flushed) == ([RESPONSE_BUFFER + 1], True)


async def test_a_bytearray_may_be_used_again_at_once():
    w, _ = recorder()
    buffer = bytearray(b"one")
    await w.write(buffer)
    buffer[:] = b"two"
    await w.write(buffer)
    assert (await w.result()).body == b"onetwo"


@pytest.mark.parametrize("status", [0, 99, 1000, -1])
async def test_a_status_out_of_range_decides_nothing(status):
    w, _ = recorder()
    with pytest.raises(ValueError, match=f"100 to 999, not {status}"):
        w.write_header(status)
    w.write_header(HTTPStatus.CREATED)
    assert (await w.result()).status == 201


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x1", "", "9" * 19, "1, 1", "\u0663"])
async def test_a_length_that_is_none_decides_nothing(length):
    w, _ = recorder()
    w.headers["Content-Length"] = length
    with pytest.raises(LocalProtocolError, match="Content-Length is a number of bytes"):
        w.write_header(200)
    with pytest.raises(LocalProtocolError):
        await w.write(b"a")
    del w.headers["Content-Length"]
    await w.write(b"a")
    assert (await w.result()).header("Content-Length") == "1"


async def test_two_lengths_decide_nothing():
    w, _ = recorder()
    w.headers.extend([("Content-Length", "1"), ("Content-Length", "1")])
    with pytest.raises(LocalProtocolError, match="more than one"):
        w.write_header(200)
    assert w.status == 0


async def test_more_than_declared_is_refused_and_everything_after_it():
    w, _ = recorder()
    w.headers["Content-Length"] = "4"
    await w.write(b"ab")
    for piece in (b"cde", b"cd", b"c"):
        with pytest.raises(ContentLengthError):
            await w.write(piece)
    assert w.bytes_written == 2
    assert await w.write(b"") == 0
    await w.finish()
    assert w._transport.data.endswith(b"\r\n\r\nab")
    assert w.exchange.conn.wire.reasons == {CloseReason.SHORT_BODY}


async def test_less_than_declared_is_logged_with_what_is_missing(caplog):
    w, _ = recorder("GET", "/short")
    w.headers["Content-Length"] = "4"
    await w.write(b"ab")
    await w.finish()
    assert "/short" in caplog.text
    assert "2 bytes short of its Content-Length" in caplog.text


@pytest.mark.parametrize("status", [101, 204, 304])
async def test_no_body_where_there_is_none(status):
    w, _ = recorder()
    w.write_header(status)
    assert await w.write(b"") == 0
    with pytest.raises(BodyNotAllowed, match=str(status)):
        await w.write(b"a")
    assert (await w.result()).body == b""


async def test_json_is_compact_and_keeps_a_type_that_was_set():
    w, _ = recorder()
    await w.write_json({"ä": [1, None]}, 201)
    result = await w.result()
    assert (result.status, result.body) == (201, '{"ä":[1,null]}'.encode())
    assert result.header("Content-Type") == "application/json"
    w, _ = recorder()
    w.headers["Content-Type"] = "application/problem+json"
    await w.write_json([])
    assert (await w.result()).header("Content-Type") == "application/problem+json"


@pytest.mark.parametrize("value", [object(), float("nan"), {1j: 2}], ids=["object", "nan", "key"])
async def test_what_json_cannot_say_decides_nothing(value):
    w, _ = recorder()
    with pytest.raises((TypeError, ValueError)):
        await w.write_json(value)
    assert (w.status, w.headers.get("Content-Type")) == (0, None)


@pytest.mark.parametrize("fields", [[("X", "a\r\nb")], [("X Y", "a")], [("X", "a\0")]])
async def test_a_malformed_interim_field_is_refused_and_nothing_sent(fields):
    w, _ = recorder()
    with pytest.raises(ValueError, match="header"):
        await w.write_informational(103, fields)
    assert w._transport.data == b""


async def test_trailers_are_checked_like_headers():
    w, _ = recorder()
    with pytest.raises(ValueError, match="header"):
        w.trailers["X"] = "a\r\n\r\nHTTP/1.1 200 OK"


async def test_writing_to_a_lost_connection_raises():
    w, _ = recorder()
    w.exchange.conn.error = ConnectionReset("gone")
    await w.write(b"kept")  # nothing is sent yet
    with pytest.raises(ConnectionReset):
        await w.flush()
    with pytest.raises(ConnectionReset):
        await w.write(b"x" * RESPONSE_BUFFER)


async def test_after_a_hijack_nothing_is_written():
    w, _ = recorder()
    stream, ahead = await w.hijack()
    assert ahead == b""
    with pytest.raises(Hijacked):
        await w.write(b"x" * (RESPONSE_BUFFER + 1))
    with pytest.raises(Hijacked):
        await w.hijack()
    stream.abort()
