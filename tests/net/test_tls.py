"""TLS over a raw transport that shows every byte, over memory and over TCP; against the stdlib's TLS."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import threading
import weakref

import pytest

from holdfast.errors import Cancelled, Timeout, TLSError
from holdfast.limits import LINGER_TIMEOUT
from holdfast.net import memory
from holdfast.net.clock import LoopClock
from holdfast.net.listen import open_transport
from holdfast.net.timers import Timers
from holdfast.net.tls import TLSTransport
from holdfast.net.tlsstate import State
from tests.net.contract import Notes, every_kind, every_loop, run, settle, tcp_pair
from tests.net.tlspeer import NAME, Owner, Session, client_side, server_side

TLS12 = ssl.TLSVersion.TLSv1_2
every_version = pytest.mark.parametrize("version", [TLS12, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])

HTTP_ANSWER = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


# --- the handshake


@every_version
@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_handshake_in_any_pieces_makes_the_owner(version, step):
    session = Session(client_side(version=version), shake=False)
    assert session.tls.state is State.HANDSHAKE
    session.shake(step)
    assert session.tls.state is State.ESTABLISHED
    assert session.owner.heard == ["made"]
    assert session.owner.transport is session.tls
    session.send(b"question", step)
    assert session.owner.data == b"question"
    session.tls.write(b"answer")
    assert session.receive() == (b"answer", False)
    assert session.failed == []


def test_bytes_that_come_with_the_last_of_the_handshake_reach_the_owner_after_its_beginning():
    session = Session(shake=False)
    for _ in range(2):
        try:
            session.client.do_handshake()
        except ssl.SSLWantReadError:
            session.to_server()
            session.incoming.write(session.raw.take())
    session.client.write(b"early bird")
    session.to_server()
    assert session.owner.heard == ["made"]
    assert session.owner.data == b"early bird"


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (["h2", "http/1.1"], ["http/1.1", "h2"], "h2"),
        (["http/1.1"], ["h2", "http/1.1"], "http/1.1"),
        (["h2"], ["spdy/3"], None),
        (["h2"], [], None),
        ([], ["h2"], None),
    ],
)
def test_the_owner_is_chosen_by_alpn(ours, theirs, agreed):
    session = Session(client_side(theirs), server_side(ours))
    assert session.alpn == agreed
    assert session.tls.get_extra_info("tls").alpn == agreed


def test_what_is_asked_of_the_transport_comes_from_tls_or_from_below():
    session = Session(shake=False)
    assert session.tls.get_extra_info("ssl_object", "none yet") == "none yet"
    session.shake()
    tls = session.tls
    assert isinstance(tls.get_extra_info("ssl_object"), ssl.SSLObject)
    assert tls.get_extra_info("cipher") == session.client.cipher()
    assert not tls.get_extra_info("peercert")
    assert tls.get_extra_info("tls").server_name == NAME
    assert tls.get_extra_info("peername") == ("192.0.2.7", 5514)
    assert tls.get_extra_info("nothing", 7) == 7
    assert repr(tls) == "<TLSTransport 192.0.2.7:5514 ESTABLISHED, 0 bytes to encrypt>"


@pytest.mark.parametrize(
    ("request_start", "http"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"HEAD / HTTP/1.1\r\n", True),
        (b"POST /form HTTP/1.1\r\n", True),
        (b"PUT / HTTP/1.1\r\n", True),
        (b"OPTIONS * HTTP/1.1\r\n", True),
        (b"GET http://x/ HTTP/1.1\r\n", False),
        (b"SSH-2.0-x\r\n", False),
        (b"\0" * 20, False),
    ],
)
@pytest.mark.parametrize("step", [None, 1])
def test_a_plain_request_is_told_that_this_is_tls(request_start, http, step):
    session = Session(shake=False)
    step = step or len(request_start)
    for at in range(0, len(request_start), step):
        session.tls.data_received(request_start[at : at + step])
    out = session.raw.take()
    assert (out == HTTP_ANSWER) is http
    assert session.raw.asked == ["write_eof"]
    session.tls.data_received(b"the rest of it is dropped")
    assert not session.tls.eof_received()
    session.lose()
    [error] = session.failed
    assert type(error) is TLSError
    assert str(error).startswith("TLS handshake error from 192.0.2.7:5514: ")
    assert ("client sent an HTTP request to an HTTPS server" in str(error)) is http
    assert session.owner.heard == []


def test_a_refused_client_gets_the_alert_and_the_time_to_read_it():
    client = client_side(version=TLS12)
    client.set_ciphers("ECDHE-RSA-AES128-SHA")  # the server's key is for ECDSA
    session = Session(client, shake=False)
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake failure"):
        session.shake()
    assert session.raw.asked == ["write_eof"]
    assert session.failed == []
    session.clock.advance(LINGER_TIMEOUT)
    assert session.raw.asked == ["write_eof", "abort"]
    session.lose()
    assert [str(error) for error in session.failed] == [
        "TLS handshake error from 192.0.2.7:5514: no shared cipher"
    ]


def test_a_client_that_does_not_trust_us_is_named_in_the_error():
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    session = Session(stranger, shake=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        session.shake()
    session.to_server()
    session.lose()
    assert "unknown ca" in str(session.failed[0])


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda session: session.tls.eof_received(), "EOF"),
        (lambda session: session.lose(), "EOF"),
        (lambda session: session.lose(ConnectionResetError(104, "reset")), "[Errno 104] reset"),
    ],
    ids=["eof", "lost", "reset"],
)
def test_a_peer_that_leaves_during_the_handshake_is_a_failure_and_nothing_else(end, reason):
    session = Session(shake=False)
    end(session)
    if not session.failed:
        session.lose()
    assert [str(error) for error in session.failed] == [f"TLS handshake error from 192.0.2.7:5514: {reason}"]
    assert session.owner.heard == []


@pytest.mark.parametrize("give_up", [TLSTransport.close, TLSTransport.abort])
def test_a_handshake_given_up_by_our_side_is_cancelled(give_up):
    session = Session(shake=False)
    give_up(session.tls)
    assert session.tls.is_closing()
    assert session.raw.asked == ["abort"]
    session.lose()
    assert [type(error) for error in session.failed] == [Cancelled]


@pytest.mark.parametrize("said", [0, 3, 100], ids=["nothing", "a bit", "half a hello"])
def test_a_silent_client_is_cut_by_the_clock(said):
    session = Session(shake=False, timeout=4.0)
    with pytest.raises(ssl.SSLWantReadError):
        session.client.do_handshake()
    if said:
        session.tls.data_received(session.outgoing.read()[:said])
    session.clock.advance(3.9)
    assert session.raw.asked == []
    session.clock.advance(0.1)
    assert session.raw.asked == ["abort"]
    session.lose()
    [error] = session.failed
    assert isinstance(error, Timeout)
    assert error.timer == "tls_handshake_timeout"
    assert str(error) == "TLS handshake error from 192.0.2.7:5514: not done in 4 s"


def test_the_handshakes_clock_stops_with_the_handshake():
    session = Session(timeout=4.0)
    session.clock.advance(100)
    assert session.raw.asked == []


def test_a_choice_of_owner_that_raises_is_a_failure():
    def clumsy(transport):
        raise ZeroDivisionError

    session = Session(shake=False)
    session.tls._make_owner = clumsy
    with pytest.raises(ZeroDivisionError) as caught:
        session.shake()
    session.lose(caught.value)  # as the raw transport does
    assert session.failed == [caught.value]


def test_no_clock_runs_where_none_is_asked_for():
    session = Session(shake=False, timeout=None)
    session.clock.advance(1e6)
    session.shake()
    assert session.owner.heard == ["made"]


# --- the end


@every_version
@pytest.mark.rfc("8446", "6.1", "Any data received after a closure alert has been received MUST be ignored.")
def test_the_peers_close_notify_is_eof_and_closes_both(version):
    session = Session(client_side(version=version))
    session.send(b"all of it")
    session.say_close()
    assert session.owner.data == b"all of it"
    assert session.owner.heard == ["made", "eof"]
    assert session.tls.state is State.CLOSED
    assert session.raw.asked == ["close"]
    session.tls.data_received(b"ignored")
    assert session.receive() == (b"", True)
    session.lose()
    assert session.owner.heard == ["made", "eof", None]


@every_version
def test_an_owner_may_answer_after_the_peers_close_notify(version):
    session = Session(client_side(version=version), owner=Owner(more=True))
    session.send(b"question")
    session.say_close()
    assert session.tls.state is State.RECEIVED
    assert session.tls.eof_received()  # the FIN behind it keeps our half open
    session.tls.write(b"answer")
    session.tls.close()
    assert session.tls.state is State.CLOSED
    assert session.receive() == (b"answer", True)
    session.lose()
    assert session.owner.heard == ["made", "eof", None]


@every_version
def test_close_says_close_notify_and_does_not_wait_for_the_peers(version):
    session = Session(client_side(version=version))
    session.tls.write(b"goodbye")
    session.tls.close()
    session.tls.close()
    assert session.raw.asked == ["close"]
    assert session.tls.is_closing()
    session.tls.write(b"late")
    assert session.receive() == (b"goodbye", True)
    session.send(b"unheard")
    session.lose()
    assert session.owner.data == b""
    assert session.owner.heard == ["made", None]


@every_version
@pytest.mark.rfc(
    "8446",
    "6.1",
    'Each party MUST send a "close_notify" alert before closing its write side of the connection, '
    "unless it has already sent some error alert.",
)
def test_write_eof_ends_our_half_only(version):
    session = Session(client_side(version=version))
    session.tls.write(b"answer")
    session.tls.write_eof()
    session.tls.write_eof()
    assert session.tls.can_write_eof()
    assert session.tls.state is State.CLOSING
    assert session.raw.asked == ["write_eof"]
    assert session.receive() == (b"answer", True)
    with pytest.raises(RuntimeError, match="after write_eof"):
        session.tls.write(b"more")
    for piece in (b"still ", b"talking"):
        session.send(piece)
    assert session.owner.data == b"still talking"
    session.say_close()
    assert session.owner.heard == ["made", "eof"]
    assert session.raw.asked == ["write_eof", "close"]
    session.lose()
    assert session.owner.heard == ["made", "eof", None]


def test_a_linger_is_a_half_close_then_reading_then_close():
    session = Session()
    session.tls.write_eof()
    session.send(b"x" * 100_000)
    session.tls.close()
    assert session.raw.asked == ["write_eof", "close"]
    assert len(session.owner.data) == 100_000
    session.lose()
    assert session.owner.heard == ["made", None]


def test_write_eof_while_bytes_wait_for_a_paused_reader_loses_none():
    async def main():
        session = Session()
        session.send(b"first")
        session.tls.pause_reading()
        session.send(b"second")
        session.tls.write_eof()
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.owner.data == b"firstsecond"
        assert session.receive() == (b"", True)

    asyncio.run(main())


@every_version
@pytest.mark.parametrize("ending", [TLSTransport.write_eof, TLSTransport.close])
def test_nothing_is_written_after_our_close_notify(version, ending):
    """Not even the alert that OpenSSL makes of a bad record; ``Raw`` fails at any write."""
    session = Session(client_side(version=version))
    ending(session.tls)
    written = session.raw.take()
    session.tls.data_received(b"\x17\x03\x03\x00\x20" + b"?" * 32)
    session.lose()
    assert session.raw.take() == b""
    session.incoming.write(written)
    assert session.receive() == (b"", True)


@pytest.mark.parametrize("half_closed", [False, True], ids=["established", "closing"])
def test_an_end_without_close_notify_is_a_truncation(half_closed):
    session = Session()
    session.send(b"looks whole")
    if half_closed:
        session.tls.write_eof()
    assert not session.tls.eof_received()
    assert session.raw.asked[-1] == "abort"
    session.lose()
    _, error = session.owner.heard
    assert session.owner.data == b"looks whole"
    assert type(error) is TLSError
    assert str(error).startswith("192.0.2.7:5514 ended the TLS stream without close_notify")


def test_an_end_within_a_record_is_a_truncation():
    session = Session()
    session.client.write(b"never whole")
    session.tls.data_received(session.outgoing.read()[:-1])
    session.tls.eof_received()
    session.lose()
    assert session.owner.data == b""
    assert type(session.owner.heard[-1]) is TLSError


def test_a_connection_lost_below_without_a_reason_is_a_truncation():
    session = Session()
    session.lose()
    assert type(session.owner.heard[-1]) is TLSError


def test_a_reset_reaches_the_owner_as_it_is():
    session = Session()
    reset = ConnectionResetError("reset")
    session.lose(reset)
    assert session.owner.heard == ["made", reset]
    assert session.tls.state is State.CLOSED


def test_a_peer_that_said_all_and_is_gone_before_our_close_notify_is_no_error():
    session = Session()
    session.receive()
    session.say_close()
    session.lose(BrokenPipeError())
    assert session.owner.heard == ["made", "eof", None]


def test_a_peer_that_said_all_and_is_gone_before_our_answer_is_an_error():
    session = Session()
    session.tls.write(b"answer")
    session.say_close()
    broken = BrokenPipeError()
    session.lose(broken)
    assert session.owner.heard == ["made", "eof", broken]


def test_abort_ends_without_close_notify():
    session = Session()
    session.raw.take()
    session.tls.abort()
    session.tls.write(b"late")
    assert session.raw.asked == ["abort"]
    assert session.raw.take() == b""
    session.lose()
    assert session.owner.heard == ["made", None]


@every_version
def test_a_bad_record_ends_with_an_alert_and_the_reason(version):
    session = Session(client_side(version=version))
    session.receive()
    session.tls.data_received(b"\x17\x03\x03\x00\x20" + b"?" * 32)
    assert session.raw.asked == ["write_eof"]
    with pytest.raises(ssl.SSLError, match=r"(?i)bad record mac"):
        session.receive()
    session.tls.write(b"ignored")
    session.clock.advance(LINGER_TIMEOUT)
    assert session.raw.asked == ["write_eof", "abort"]
    session.lose()
    _, error = session.owner.heard
    assert type(error) is TLSError
    assert "bad record mac" in str(error)


def test_an_owner_that_closes_while_it_is_told_of_bytes_hears_no_more_of_them():
    class Shy(Owner):
        def data_received(self, data):
            super().data_received(data)
            self.transport.close()

    session = Session(owner=Shy())
    session.client.write(b"one")
    session.client.write(b"two")
    session.to_server()
    assert session.owner.data == b"one"
    assert session.receive() == (b"", True)


# --- back-pressure


def test_what_the_raw_transport_does_not_take_waits_unencrypted():
    session = Session()
    session.raw.take()
    body = b"x" * (4 << 20)
    session.tls.write(body)
    session.tls.write(b"tail")
    assert session.owner.heard == ["made", "pause"]
    assert len(session.raw.out) < 256 << 10
    assert session.tls.get_write_buffer_size() > len(body)
    session.tls.close()
    assert "close" not in session.raw.asked
    whole = bytearray()
    while not whole.endswith(b"tail"):
        piece, _ = session.receive()
        whole += piece
        assert len(session.raw.out) < 256 << 10
    assert whole == body + b"tail"
    assert session.raw.asked == ["close"]
    assert session.tls.get_write_buffer_size() == len(session.raw.out)
    assert session.owner.heard == ["made", "pause", "resume"]


def test_a_raw_transport_that_breaks_under_a_write_is_not_written_to_again():
    session = Session()
    real = session.raw.write

    def breaking(data):
        real(data)
        session.raw.asked.append("abort")

    session.raw.write = breaking
    session.tls.write(b"x" * (1 << 20))
    session.lose(BrokenPipeError())
    assert type(session.owner.heard[-1]) is BrokenPipeError
    assert session.tls.get_write_buffer_size() == len(session.raw.out)


def test_much_at_once_is_taken_in_steps_and_none_of_it_after_a_pause():
    class Sip(Owner):
        def data_received(self, data):
            super().data_received(data)
            if len(self.data) >= 100_000:
                self.transport.pause_reading()

    async def main():
        session = Session(owner=Sip())
        session.send(b"x" * 300_000)
        assert 100_000 <= len(session.owner.data) <= 100_000 + (16 << 10)
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert len(session.owner.data) <= 100_000 + (32 << 10)
        session.tls.close()
        session.send(b"y" * 300_000)
        assert len(session.owner.data) <= 100_000 + (32 << 10)

    asyncio.run(main())


def test_what_waits_is_not_changed_by_its_writer():
    session = Session()
    session.tls.set_write_buffer_limits(0)
    session.tls.write(b"full")
    buffer = bytearray(b"kept")
    session.tls.write(buffer)
    session.tls.write(memoryview(b" too"))
    session.tls.write(b"")
    buffer[:] = b"lost"
    assert session.receive()[0] == b"full"
    assert session.receive()[0] == b"kept"
    assert session.receive()[0] == b" too"


def test_write_eof_waits_for_what_waits():
    session = Session()
    session.tls.set_write_buffer_limits(0)
    session.tls.write(b"a")
    session.tls.write(b"b")
    session.tls.write_eof()
    assert session.raw.asked == []
    assert session.receive() == (b"a", False)
    session.receive()
    session.receive()
    assert session.raw.asked == ["write_eof"]


def test_a_raw_transport_that_is_full_already_pauses_the_owner_after_its_beginning():
    session = Session(shake=False)
    session.raw.high = 0
    session.shake()
    assert session.owner.heard[:3] == ["made", "pause", "resume"]


def test_a_bad_record_behind_a_pause_is_told_and_the_rest_is_read():
    async def main():
        session = Session()
        session.tls.pause_reading()
        session.tls.data_received(b"\x17\x03\x03\x00\x20" + b"?" * 32)
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.raw.asked == ["pause_reading", "write_eof", "resume_reading"]
        session.lose()
        assert type(session.owner.heard[-1]) is TLSError

    asyncio.run(main())


def test_abort_ends_a_close_that_the_peer_does_not_take():
    session = Session()
    session.tls.write(b"x" * (1 << 20))
    session.tls.close()
    assert session.raw.asked == []
    session.tls.abort()
    assert session.raw.asked == ["abort"]
    session = Session()
    session.tls.close()
    session.tls.abort()
    assert session.raw.asked == ["close", "abort"]


def test_abort_drops_what_waits():
    session = Session()
    session.tls.write(b"x" * (1 << 20))
    session.tls.abort()
    assert session.tls.get_write_buffer_size() == len(session.raw.out)


def test_small_pieces_share_a_record_and_large_ones_stay_whole():
    session = Session()
    session.receive()
    session.tls.writelines([b"head ", bytearray(b"body")])
    assert session.raw.out.count(b"\x17\x03\x03") == 1
    session.tls.writelines([b"head", b"x" * 100_000])
    assert session.receive()[0] + session.receive()[0] == b"head body" + b"head" + b"x" * 100_000


def test_a_write_that_openssl_cannot_take_yet_goes_out_after_the_next_read():
    """Renegotiation under TLS 1.2 is the one case; the stdlib cannot start one, so it is played here."""

    class Busy:
        def __init__(self, real):
            self.real, self.busy = real, True

        def write(self, data):
            if self.busy:
                raise ssl.SSLWantReadError
            return self.real.write(data)

        def __getattr__(self, name):
            return getattr(self.real, name)

    session = Session()
    session.tls._ssl = busy = Busy(session.tls._ssl)
    session.tls.write(b"first ")
    session.tls.write(b"second")
    assert session.receive()[0] == b""
    busy.busy = False
    session.send(b"what was awaited")
    assert session.receive()[0] == b"first second"
    assert session.owner.data == b"what was awaited"


def test_a_paused_owner_hears_nothing_until_it_resumes():
    class Sip(Owner):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async def main():
        session = Session(owner=Sip())
        for piece in (b"one", b"two"):
            session.client.write(piece)
        session.say_close()
        assert session.owner.data == b"one"
        assert session.raw.asked == ["pause_reading"]
        session.tls.resume_reading()
        assert session.owner.data == b"one", "not from inside resume_reading"
        await asyncio.sleep(0)
        assert session.owner.data == b"onetwo"
        assert session.owner.heard == ["made"]
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.owner.heard == ["made", "eof"]

    asyncio.run(main())


def test_a_cut_behind_a_pause_is_told_after_what_came_before_it():
    async def main():
        session = Session()
        session.tls.pause_reading()
        session.send(b"before")
        assert session.tls.eof_received()
        assert session.raw.asked == ["pause_reading"]
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.owner.data == b"before"
        assert session.raw.asked == ["pause_reading", "abort"]
        session.lose()
        assert type(session.owner.heard[-1]) is TLSError

    asyncio.run(main())


def test_resuming_goes_on_below():
    async def main():
        session = Session()
        session.tls.pause_reading()
        session.tls.pause_reading()
        session.tls.resume_reading()
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.raw.asked == ["pause_reading", "resume_reading"]

    asyncio.run(main())


def test_an_owner_that_raises_after_a_pause_loses_its_connection():
    class Clumsy(Owner):
        def data_received(self, data):
            raise ZeroDivisionError

    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context["exception"])
        )
        session = Session(owner=Clumsy())
        session.tls.pause_reading()
        session.send(b"x")
        session.tls.resume_reading()
        await asyncio.sleep(0)
        assert session.raw.asked == ["pause_reading", "abort"]
        session.lose()
        assert [type(exc) for exc in reported] == [ZeroDivisionError]
        assert type(session.owner.heard[-1]) is ZeroDivisionError

    asyncio.run(main())


def test_another_owner_takes_over():
    session, heir = Session(), Owner()
    session.tls.set_protocol(heir)
    session.send(b"for the heir")
    session.say_close()
    session.lose()
    assert session.owner.heard == ["made"]
    assert heir.data == b"for the heir"
    assert heir.heard == ["eof", None]


def test_a_connection_given_away_keeps_nothing_of_its_first_owner():
    session, owner = Session(shake=False), Owner()
    session.tls._make_owner = lambda _, owner=owner: owner
    session.shake()
    session.tls.set_protocol(Owner())
    first = weakref.ref(owner)
    del owner
    assert first() is None


# --- end to end: our server and our client, on memory, TCP and Unix sockets, on both loops


async def joined(kind, near, far):
    """A client and a server of ours, the handshake done; the two `TLSTransport`."""
    timers = Timers(LoopClock())
    failed = []
    one = TLSTransport(
        client_side(),
        timers,
        make_owner=lambda _: near,
        on_failed=failed.append,
        server_side=False,
        server_hostname=NAME,
    )
    other = TLSTransport(server_side(), timers, make_owner=lambda _: far, on_failed=failed.append)
    if kind == "memory":
        for end, receiver in zip(memory.pair(), (one, other), strict=True):
            end.start(receiver)
    else:
        sockets = tcp_pair() if kind == "tcp" else socket.socketpair()
        for sock, receiver in zip(sockets, (one, other), strict=True):
            sock.setblocking(False)
            await open_transport(sock, receiver)
    await near.until(lambda notes: notes.transport)
    await far.until(lambda notes: notes.transport)
    assert failed == []
    return one, other


@every_loop
@every_kind
def test_much_both_ways_at_once(kind, loop):
    async def main():
        near, far = Notes(), Notes(keep_open=True)
        one, other = await joined(kind, near, far)
        there, back = b"there" * 400_000, b"and back" * 250_000
        one.write(there)
        other.write(back)
        one.write_eof()
        await far.until(lambda notes: ("eof",) in notes.events)
        other.close()
        assert await near.lost() is type(None)
        assert await far.lost() is type(None)
        assert near.data == back
        assert far.data == there

    run(main(), loop)


@every_loop
@every_kind
def test_a_slow_reader_pauses_the_writer(kind, loop):
    async def main():
        near, far = Notes(), Notes()
        one, other = await joined(kind, near, far)
        far.transport.pause_reading()
        written = 0
        while ("pause",) not in near.events and written < 64 << 20:
            one.write(b"x" * 100_000)
            written += 100_000
            await asyncio.sleep(0)
        await settle()
        assert ("resume",) not in near.events
        assert one.get_write_buffer_size() > 0
        other.resume_reading()
        await far.until(lambda notes: len(notes.data) == written)
        await near.until(lambda notes: ("resume",) in notes.events)
        one.close()
        assert await far.lost() is type(None)
        assert await near.lost() is type(None)

    run(main(), loop)


@every_loop
@every_kind
def test_a_cut_below_is_told_apart_from_a_close(kind, loop):
    async def main():
        near, far = Notes(), Notes()
        one, _ = await joined(kind, near, far)
        one.write(b"half a message")
        await far.until(lambda notes: notes.data)
        one.abort()
        assert await far.lost() is TLSError
        assert await near.lost() is type(None)
        assert ("eof",) not in far.events

    run(main(), loop)


# --- against the stdlib's TLS


class Echo(Owner):
    def data_received(self, data):
        self.transport.write(data)


async def listening(make_owner=lambda _: Echo(), context=None, failed=None):
    """An asyncio server on loopback whose connections are ours."""
    timers = Timers(LoopClock())
    failed = [] if failed is None else failed

    def connection():
        return TLSTransport(
            context or server_side(["http/1.1"]), timers, make_owner=make_owner, on_failed=failed.append
        )

    return await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)


async def in_thread(blocking, server):
    """Run a blocking client on a thread, with a connected socket of its own."""
    done = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    address = server.sockets[0].getsockname()

    def work():
        try:
            with socket.create_connection(address, timeout=5) as sock:
                result = blocking(sock)
            loop.call_soon_threadsafe(done.set_result, result)
        except Exception as exc:
            loop.call_soon_threadsafe(done.set_exception, exc)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        return await done
    finally:
        thread.join()
        server.close()
        await settle()


@every_loop
@every_version
def test_a_stdlib_socket_talks_and_closes_cleanly(loop, version):
    def client(sock):
        tls = client_side(["http/1.1"], version=version).wrap_socket(
            sock, server_hostname=NAME, suppress_ragged_eofs=False
        )
        tls.sendall(b"x" * 300_000)
        got = bytearray()
        while len(got) < 300_000:
            got += tls.recv(65536)
        spoken = tls.version()
        tls.unwrap().close()  # both close_notify
        return len(got), spoken

    async def main():
        assert await in_thread(client, await listening()) == (300_000, version.name.replace("_", "."))

    run(main(), loop)


@every_loop
def test_the_answer_arrives_after_the_clients_half_close(loop):
    class Later(Owner):
        def eof_received(self):
            asyncio.get_running_loop().call_later(0.01, self.answer)
            return True

        def answer(self):
            self.transport.write(b"got " + self.data)
            self.transport.close()

    def client(sock):
        tls = client_side().wrap_bio(
            incoming := ssl.MemoryBIO(), out := ssl.MemoryBIO(), server_hostname=NAME
        )
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(out.read())
                incoming.write(sock.recv(65536))
        tls.write(b"all")
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        sock.sendall(out.read())
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            incoming.write(data)
        return tls.read(100)

    async def main():
        assert await in_thread(client, await listening(lambda _: Later())) == b"got all"

    run(main(), loop)


@every_loop
def test_asyncios_own_client_talks_to_us(loop):
    async def main():
        server = await listening()
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_side(["http/1.1"]), server_hostname=NAME
        )
        body = b"y" * 1_000_000
        writer.write(body)
        assert await reader.readexactly(len(body)) == body
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        await writer.wait_closed()
        server.close()
        await settle()

    run(main(), loop)


@every_loop
def test_plain_http_on_the_port_of_tls_over_tcp(loop):
    def client(sock):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        got = b""
        while data := sock.recv(65536):
            got += data
        return got

    async def main():
        failed = []
        assert await in_thread(client, await listening(failed=failed)) == HTTP_ANSWER
        assert "HTTP request to an HTTPS server" in str(failed[0])

    run(main(), loop)


@every_loop
def test_handshakes_that_hang_hold_up_nobody(loop):
    def client(sock):
        with client_side().wrap_socket(sock, server_hostname=NAME) as tls:
            tls.sendall(b"hello")
            return tls.recv(5)

    async def main():
        server = await listening()
        silent = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(20)]
        silent[0].sendall(b"\x16\x03\x01")
        try:
            assert await in_thread(client, server) == b"hello"
        finally:
            for sock in silent:
                sock.close()
            await settle()

    run(main(), loop)


# --- against openssl's own client, which can do what the stdlib cannot

OPENSSL = shutil.which("openssl")


def s_client(*arguments):
    """A blocking client that runs ``openssl s_client``; returns ``say(line, until)`` over its terminal."""

    def start(sock, conversation):
        host, port = sock.getpeername()
        command = [OPENSSL, "s_client", "-connect", f"{host}:{port}", "-servername", NAME, *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, **pipes) as process:
            timer = threading.Timer(5, process.kill)
            timer.start()
            seen = bytearray()

            def say(line, until):
                process.stdin.write(line)
                process.stdin.flush()
                while until not in seen and (piece := os.read(process.stdout.fileno(), 65536)):
                    seen.extend(piece)
                found = until in seen
                del seen[:]
                return found

            try:
                return conversation(say)
            finally:
                timer.cancel()
                process.kill()

    return start


@pytest.mark.interop
@pytest.mark.skipif(OPENSSL is None, reason="needs the openssl program")
def test_keys_are_updated_when_the_peer_asks():
    def conversation(say):
        return say(b"one\n", b"<one"), say(b"K\n", b"KEYUPDATE"), say(b"two\n", b"<two")

    async def main():
        server = await listening(lambda _: Bracket())
        start = s_client("-tls1_3")
        assert await in_thread(lambda sock: start(sock, conversation), server) == (True, True, True)

    run(main())


@pytest.mark.interop
@pytest.mark.skipif(OPENSSL is None, reason="needs the openssl program")
@pytest.mark.parametrize("allowed", [False, True])
def test_renegotiation_is_refused_unless_the_callers_context_allows_it(allowed):
    def conversation(say):
        return say(b"one\n", b"<one"), say(b"R\n", b"RENEGOTIATING"), say(b"two\n", b"<two")

    context = server_side()
    context.options |= OP_ALLOW_CLIENT_RENEGOTIATION if allowed else ssl.OP_NO_RENEGOTIATION

    async def main():
        server = await listening(lambda _: Bracket(), context)
        start = s_client("-tls1_2")
        assert await in_thread(lambda sock: start(sock, conversation), server) == (True, True, allowed)

    run(main())


class Bracket(Owner):
    """Echoes with a mark, to be told from what a terminal repeats."""

    def data_received(self, data):
        self.transport.write(b"<" + data)


OP_ALLOW_CLIENT_RENEGOTIATION = 1 << 8  # OpenSSL 3; the stdlib has no name for it
