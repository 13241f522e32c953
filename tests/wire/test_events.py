from __future__ import annotations

from holdfast.wire.events import END, Data, End, RequestHead
from holdfast.wire.persistence import CloseReason


def head(block: bytes = b"", **more: object) -> RequestHead:
    fields = [(b"host", b"x"), (b"x-a", b"1")]
    return RequestHead("GET", "/", "1.1", fields, dict(fields), block, **more)  # type: ignore[arg-type]


def test_a_head_that_says_the_least_has_no_body_and_wishes_to_persist():
    plain = head()
    assert (plain.content_length, plain.persist, plain.upgrade, plain.host) == (0, None, None, "")
    assert not plain.expect_continue
    assert not plain.expect_unknown


def test_a_head_keeps_what_it_is_given():
    closing = head(
        persist=CloseReason.PEER_CLOSE, upgrade=b"websocket", content_length=-1, expect_unknown=True
    )
    assert (closing.persist, closing.upgrade, closing.content_length, closing.expect_unknown) == (
        CloseReason.PEER_CLOSE,
        b"websocket",
        -1,
        True,
    )


def test_raw_names_keep_the_case_in_which_they_came():
    assert head(b"HoSt: x\r\nX-A: 1").raw_names() == [b"HoSt", b"X-A"]
    assert head(b"HoSt:\r\nX-A: a:b").raw_names() == [b"HoSt", b"X-A"]


def test_raw_names_of_a_head_without_fields():
    assert RequestHead("GET", "/", "1.0", [], {}).raw_names() == []


def test_every_event_says_what_it_is():
    assert repr(head()) == "<RequestHead GET / HTTP/1.1, 2 fields>"
    assert repr(Data(b"abc")) == "<Data 3 bytes>"
    assert repr(End([(b"a", b"b")])) == "<End, 1 trailers>"


def test_the_shared_end_has_no_trailers():
    assert END.trailers == []


def test_events_have_no_dict():
    for event in (head(), Data(b""), END):
        assert not hasattr(event, "__dict__")
