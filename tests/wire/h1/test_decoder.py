"""What tests/corpus does not show: the buffer, the properties, and the cost of small feeds."""

from __future__ import annotations

import pytest

from holdfast.errors import RemoteProtocolError
from holdfast.wire.events import END, Data, End, RequestHead
from holdfast.wire.h1.decoder import RequestDecoder

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def fed(*pieces: bytes, **settings: int) -> RequestDecoder:
    decoder = RequestDecoder(**settings)
    for piece in pieces:
        decoder.feed(piece)
    return decoder


def events(decoder: RequestDecoder) -> list[object]:
    return list(iter(decoder.next_event, None))


def test_nothing_fed_is_nothing_to_say():
    decoder = RequestDecoder()
    assert decoder.next_event() is None
    assert (decoder.buffered, decoder.in_head, decoder.at_eof, decoder.body_left) == (0, False, False, 0)


def test_a_request_without_a_body():
    head, end = events(fed(GET))
    assert isinstance(head, RequestHead)
    assert end is END


def test_one_message_at_a_time():
    decoder = fed(GET + GET)
    assert isinstance(decoder.next_event(), RequestHead)
    assert decoder.buffered == len(GET)
    assert decoder.next_event() is END
    assert decoder.buffered == len(GET)  # the next one waits until it is asked for
    assert isinstance(decoder.next_event(), RequestHead)


def test_in_head_from_its_first_byte_to_its_last():
    decoder = RequestDecoder()
    assert not decoder.in_head
    for byte in GET:
        decoder.feed(bytes([byte]))
        assert decoder.in_head
    decoder.next_event()
    assert not decoder.in_head
    decoder.next_event()
    assert not decoder.in_head


def test_an_empty_line_behind_a_post_is_no_head():
    decoder = fed(POST + b"hello\r\n")
    events(decoder)
    assert not decoder.in_head
    assert decoder.buffered == 0


def test_body_left_counts_down():
    decoder = fed(POST, b"he")
    assert decoder.body_left == 0
    decoder.next_event()
    assert decoder.body_left == 5
    decoder.next_event()
    assert decoder.body_left == 3
    decoder.feed(b"llo")
    decoder.next_event()
    assert decoder.body_left == 0


def test_body_left_of_a_chunked_body():
    decoder = fed(CHUNKED, b"1\r\na\r\n")
    decoder.next_event()
    assert decoder.body_left == -1
    decoder.next_event()
    assert decoder.body_left == -1
    decoder.feed(b"0\r\n\r\n")
    assert decoder.next_event() is END
    assert decoder.body_left == 0


def test_a_feed_that_is_all_body_is_handed_on_uncopied():
    decoder = fed(POST)
    decoder.next_event()
    piece = bytes([104, 101])
    decoder.feed(piece)
    event = decoder.next_event()
    assert isinstance(event, Data)
    assert event.data is piece


def test_data_is_bytes_however_it_was_buffered():
    decoder = fed(POST, b"he", b"ll", b"oGET")
    decoder.next_event()
    event = decoder.next_event()
    assert isinstance(event, Data)
    assert type(event.data) is bytes
    assert event.data == b"hello"
    assert decoder.buffered == 3


def test_head_and_trailers_are_bytes_however_they_were_buffered():
    wire = CHUNKED + b"0\r\nA: b\r\n\r\n"
    head, end = events(fed(*[wire[i : i + 1] for i in range(len(wire))]))
    assert isinstance(head, RequestHead)
    assert isinstance(end, End)
    assert {type(part) for field in head.fields + end.trailers for part in field} == {bytes}
    assert type(head.block) is bytes


def test_leftover_takes_what_is_no_event_yet():
    decoder = fed(GET + b"\x81\x05hello", b" there")
    events_so_far = [decoder.next_event(), decoder.next_event()]
    assert events_so_far[1] is END
    assert decoder.leftover() == b"\x81\x05hello there"
    assert decoder.leftover() == b""
    assert decoder.buffered == 0


def test_leftover_has_the_body_that_was_not_read():
    decoder = fed(POST + b"hello")
    decoder.next_event()
    assert decoder.leftover() == b"hello"


def test_eof_between_messages():
    decoder = fed(GET)
    decoder.feed_eof()
    assert not decoder.at_eof
    assert len(events(decoder)) == 2
    assert decoder.at_eof


@pytest.mark.parametrize(
    "wire", [GET[:5], GET[:-1], POST, POST + b"hell", CHUNKED, CHUNKED + b"1\r\na", CHUNKED + b"0\r\n"]
)
def test_eof_inside_a_message(wire):
    decoder = fed(wire)
    decoder.feed_eof()
    with pytest.raises(RemoteProtocolError, match="got the end of the connection") as caught:
        events(decoder)
    assert caught.value.status == 400
    assert not decoder.at_eof


def test_eof_after_a_body_that_came_whole():
    decoder = fed(POST + b"hello")
    decoder.feed_eof()
    assert [type(event) for event in events(decoder)] == [RequestHead, Data, End]
    assert decoder.at_eof


@pytest.mark.parametrize("wire", [b"GET / HTTP/1.1\r\nA : b\r\n\r\n", CHUNKED + b"x\r\n"])
def test_an_error_is_for_ever(wire):
    """CVE-2024-49768: a request behind a doomed one is never parsed."""
    decoder = fed(wire + GET)
    with pytest.raises(RemoteProtocolError) as first:
        events(decoder)
    decoder.feed(GET)
    decoder.feed_eof()
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as again:
            decoder.next_event()
        assert again.value is first.value
    assert not decoder.at_eof
    assert not decoder.in_head


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("framing", ["counted", "chunked"])
def test_a_large_body_in_feeds_of_any_size(framing, size):
    body = bytes(range(256)) * 1024
    if framing == "counted":
        wire = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    else:
        wire = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    decoder = RequestDecoder()
    got = []
    for at in range(0, len(wire), size):
        decoder.feed(wire[at : at + size])
        got += [event.data for event in events(decoder) if isinstance(event, Data)]
    assert b"".join(got) == body


def test_a_long_head_in_two_pieces_with_a_short_one_behind_it():
    long = b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"b" * 100)
    decoder = fed(long[:-1])
    assert decoder.next_event() is None
    decoder.feed(b"\n" + GET)
    assert len(events(decoder)) == 4


def test_each_body_has_its_own_allowance_for_framing():
    body = b"1;%b\r\na\r\n" % (b"e" * 4000) * 4 + b"0\r\n\r\n"
    decoder = RequestDecoder()
    for _ in range(3):
        decoder.feed(CHUNKED + body)
        assert type(events(decoder)[-1]) is End


def test_what_is_fed_faster_than_it_is_asked_for_is_kept_in_order():
    wire = (POST + b"hello" + GET) * 2000
    decoder = fed(*[wire[i : i + 3] for i in range(0, len(wire), 3)])
    assert sum(isinstance(event, RequestHead) for event in events(decoder)) == 4000


def test_many_pipelined_requests_in_small_feeds_are_read_in_linear_time():
    """Copying the rest of the buffer for each of them would be gigabytes."""
    decoder = fed(GET * 20_000)
    for _ in range(20_000):
        decoder.feed(GET)
        assert isinstance(decoder.next_event(), RequestHead)
        assert decoder.next_event() is END
    assert decoder.buffered == 20_000 * len(GET)


def test_a_large_head_byte_by_byte_is_read_in_linear_time():
    """A decoder that searched it anew with each byte would look at gigabytes."""
    head = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000 + b"\r\n\r\n"
    decoder = RequestDecoder(max_header_bytes=1 << 20)
    for at in range(len(head) - 1):
        decoder.feed(head[at : at + 1])
        assert decoder.next_event() is None
    decoder.feed(b"\n")
    assert isinstance(decoder.next_event(), RequestHead)


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100), 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"b" * 100), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nA: 2\r\nA: 3\r\n\r\n", 431),
    ],
    ids=["long line", "long fields", "many fields"],
)
def test_the_limits_are_settings(wire, status, step):
    decoder = RequestDecoder(max_header_bytes=80, max_header_count=3)

    def feed_in_steps() -> None:
        for at in range(0, len(wire), step):
            decoder.feed(wire[at : at + step])
            events(decoder)

    with pytest.raises(RemoteProtocolError) as caught:
        feed_in_steps()
    assert caught.value.status == status
    assert decoder.buffered <= max(84, step)


def test_a_limit_is_the_number_of_bytes_before_the_empty_line():
    head = GET[:-4]
    assert len(events(fed(GET, max_header_bytes=len(head)))) == 2
    with pytest.raises(RemoteProtocolError):
        events(fed(GET, max_header_bytes=len(head) - 1))


def test_an_idle_decoder_keeps_no_bytes():
    decoder = fed(GET)
    events(decoder)
    assert decoder._buffer == b""


def test_repr_says_where_it_stands():
    decoder = fed(POST, b"he")
    assert repr(decoder) == "<RequestDecoder _read_head, 49 bytes buffered>"
    decoder.next_event()
    assert repr(decoder) == "<RequestDecoder _read_counted, 2 bytes buffered>"


@pytest.mark.parametrize("size", range(len(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
def test_feed_head_takes_a_whole_head_and_no_part_of_one(size):
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    decoder = RequestDecoder()
    assert decoder.feed_head(whole[:size]) is None
    assert decoder.next_event() is None
    decoder.feed(whole[size:])
    assert isinstance(decoder.next_event(), RequestHead)
    assert decoder.next_event() is END
    head = decoder.feed_head(whole)
    assert head is not None
    assert (head.method, head.index[b"host"]) == ("GET", b"x")
    assert decoder.next_event() is None  # its End was a part of it


def test_feed_head_leaves_a_body_to_next_event():
    decoder = RequestDecoder()
    head = decoder.feed_head(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
    assert head is not None
    assert head.content_length == 2
    decoder.feed(b"ab")
    assert decoder.next_event().data == b"ab"
    assert decoder.next_event() is END


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    ],
)
def test_feed_head_refuses_what_next_event_refuses_and_for_ever(data):
    plain, short = RequestDecoder(), RequestDecoder()
    plain.feed(data)
    with pytest.raises(RemoteProtocolError) as expected:
        plain.next_event()

    def read():
        short.feed_head(data)
        short.next_event()

    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as got:
            read()
        assert str(got.value) == str(expected.value)
