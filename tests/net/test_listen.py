from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket

import pytest

from holdfast import limits
from holdfast.errors import ConnectionReset
from holdfast.net import listen
from holdfast.net.clock import FakeClock
from holdfast.net.listen import AcceptError, Address, Listener, bind, classify, open_transport
from holdfast.net.tasks import spawn
from tests.net.contract import Notes, every_loop, run, settle, tcp_pair

A = AcceptError


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("EAGAIN EWOULDBLOCK EINTR", A.AGAIN),
        ("ECONNABORTED EPROTO EPERM ENETDOWN EHOSTUNREACH ENETUNREACH EHOSTDOWN ETIMEDOUT", A.ABORTED),
        ("EMFILE ENFILE", A.FULL),
        ("ENOMEM ENOBUFS", A.MEMORY),
        ("EBADF EINVAL ENOTSOCK EFAULT EIO", A.FATAL),
    ],
    ids=lambda value: value.name if isinstance(value, A) else "",
)
def test_errors_by_class(names, kind):
    for name in names.split():
        assert classify(OSError(getattr(errno, name), name)) is kind


def test_an_error_without_a_number_is_fatal():
    assert classify(OSError("odd")) is A.FATAL


class Broken:
    """A listening socket whose next accepts fail as told; what is left of it is real."""

    def __init__(self, sock):
        self.sock = sock
        self.failures = []
        self.accepts = 0

    def accept(self):
        self.accepts += 1
        if self.failures:
            number = self.failures.pop(0)
            raise OSError(number, os.strerror(number))
        return self.sock.accept()

    def __getattr__(self, name):
        return getattr(self.sock, name)


class Bench:
    """A listener on a fake clock, what it accepted, and what it complained of."""

    def __init__(self):
        self.clock = FakeClock()
        (self.listener,) = bind(Address("127.0.0.1", 0))
        self.listener.sock = self.sock = Broken(self.listener.sock)
        self.accepted = []
        self.errors = []
        self.clients = []
        self._changed = asyncio.Event()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.listener.close()
        for sock in self.accepted + self.clients:
            sock.close()

    def start(self, *, accepted=None, on_error=None):
        self.listener.start(self.clock, accepted or self.take, on_error=on_error or self.note)

    def take(self, sock):
        self.accepted.append(sock)
        self._changed.set()

    def note(self, kind, error):
        self.errors.append((kind, error.errno))
        self._changed.set()

    def connect(self, count=1):
        for _ in range(count):
            client = socket.socket(self.sock.family)
            client.connect(self.sock.getsockname())
            self.clients.append(client)

    async def until(self, condition):
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()

    async def until_accepted(self, count):
        await self.until(lambda bench: len(bench.accepted) >= count)


def on_a_bench(test):
    """Run an ``async def test(bench)`` on both loops."""

    @every_loop
    def runner(loop):
        async def main():
            async with Bench() as bench:
                await test(bench)

        run(main(), loop)

    runner.__name__, runner.__doc__ = test.__name__, test.__doc__
    return runner


@on_a_bench
async def test_it_accepts_what_connects_before_and_after_the_start(bench):
    bench.connect(2)
    bench.start()
    bench.connect(3)
    await bench.until_accepted(5)
    assert all(not sock.getblocking() for sock in bench.accepted)
    assert bench.errors == []


@on_a_bench
async def test_more_than_a_burst_is_accepted_in_several_turns(bench):
    turns = []

    def take(sock):
        bench.take(sock)
        turns[-1] += 1

    accept = bench.listener._accept

    bench.connect(limits.ACCEPT_BURST + 3)
    bench.start(accepted=take)
    asyncio.get_running_loop().remove_reader(bench.sock.fileno())
    asyncio.get_running_loop().add_reader(bench.sock.fileno(), lambda: (turns.append(0), accept()))
    await bench.until_accepted(limits.ACCEPT_BURST + 3)
    assert max(turns) == limits.ACCEPT_BURST
    assert sum(turns) == limits.ACCEPT_BURST + 3


@on_a_bench
async def test_aborted_connections_are_passed_over_silently(bench):
    bench.sock.failures = [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN]
    bench.start()
    bench.connect()
    await bench.until_accepted(1)
    assert bench.errors == []
    assert bench.clock.pending() == 0


@on_a_bench
async def test_without_descriptors_it_stops_tells_and_tries_again_later(bench):
    bench.sock.failures = [errno.EMFILE]
    bench.start()
    bench.connect()
    await bench.until(lambda bench: bench.errors)
    assert bench.errors == [(A.FULL, errno.EMFILE)]
    await settle()
    assert bench.sock.accepts == 1  # it neither spins nor tries
    assert bench.accepted == []
    bench.clock.advance(limits.ACCEPT_BACKOFF_MIN)
    await bench.until_accepted(1)
    assert bench.errors == [(A.FULL, errno.EMFILE)]


@on_a_bench
async def test_resume_tries_at_once(bench):
    bench.sock.failures = [errno.EMFILE]
    bench.start()
    bench.connect()
    await bench.until(lambda bench: bench.errors)
    bench.listener.resume()
    await bench.until_accepted(1)
    assert bench.clock.pending() == 0


@on_a_bench
async def test_the_delay_doubles_up_to_a_second_and_a_success_starts_over(bench):
    bench.sock.failures = [errno.ENOMEM] * 10
    bench.start()
    bench.connect()
    for number, delay in enumerate([0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1]):
        await bench.until(lambda bench, number=number: len(bench.errors) == number + 1)
        bench.clock.advance(delay * 0.99)
        assert bench.clock.pending() == 1
        bench.clock.advance(delay * 0.02)
        assert bench.clock.pending() == 0
    await bench.until_accepted(1)
    bench.sock.failures = [errno.ENOBUFS]
    bench.connect()
    await bench.until(lambda bench: len(bench.errors) == 11)
    bench.clock.advance(0.005)
    await bench.until_accepted(2)
    assert {kind for kind, _ in bench.errors} == {A.MEMORY}


@on_a_bench
async def test_a_broken_listener_stops_and_says_so_once(bench):
    bench.sock.failures = [errno.EINVAL]
    bench.start()
    bench.connect()
    await bench.until(lambda bench: bench.errors)
    await settle()
    assert bench.errors == [(A.FATAL, errno.EINVAL)]
    assert bench.sock.accepts == 1
    assert bench.clock.pending() == 0


@on_a_bench
async def test_a_process_without_descriptors_accepts_again_when_one_is_free(bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    bench.start()
    bench.connect()
    full = os.open(os.devnull, os.O_RDONLY)
    lowest = os.dup(full)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        await bench.until(lambda bench: bench.errors)
        bench.clock.advance(limits.ACCEPT_BACKOFF_MIN)
        await bench.until(lambda bench: len(bench.errors) == 2)
        assert bench.errors == [(A.FULL, errno.EMFILE)] * 2
        assert bench.accepted == []
        os.close(full)
        bench.listener.resume()
        await bench.until_accepted(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@on_a_bench
async def test_options_are_set_on_each_socket_where_they_are_not_inherited(bench):
    def broken(sock):
        raise OSError(errno.EINVAL, "the client has gone")

    configured = []
    bench.start()
    bench.listener.pause()
    for setter in (configured.append, broken):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listen, "OPTIONS_ARE_INHERITED", False)
            patch.setattr(listen, "set_connection_options", setter)
            bench.connect()
            bench.listener.drain_backlog()
    assert configured == bench.accepted
    assert len(configured) == 1


@on_a_bench
async def test_pause_leaves_connections_in_the_queue(bench):
    bench.start()
    bench.listener.pause()
    bench.connect()
    await settle()
    assert bench.sock.accepts == 0
    bench.listener.resume()
    await bench.until_accepted(1)


@on_a_bench
async def test_pause_holds_over_the_end_of_a_back_off(bench):
    bench.sock.failures = [errno.EMFILE]
    bench.start()
    bench.connect()
    await bench.until(lambda bench: bench.errors)
    bench.listener.pause()
    bench.clock.advance(10)
    await settle()
    assert bench.sock.accepts == 1
    bench.listener.resume()
    await bench.until_accepted(1)


@on_a_bench
async def test_the_owner_may_pause_from_within_a_burst(bench):
    def take_one(sock):
        bench.take(sock)
        bench.listener.pause()

    bench.connect(3)
    bench.start(accepted=take_one)
    await bench.until_accepted(1)
    await settle()
    assert len(bench.accepted) == 1


@on_a_bench
async def test_the_owner_may_close_from_within_a_burst(bench):
    def take_last(sock):
        bench.take(sock)
        bench.listener.close()

    bench.connect(3)
    bench.start(accepted=take_last)
    await bench.until_accepted(1)
    await settle()
    assert len(bench.accepted) == 1


@on_a_bench
async def test_an_owner_that_raises_loses_that_connection_only(bench):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    refused = []

    def refuse_first(sock):
        if not refused:
            refused.append(sock)
            raise ZeroDivisionError
        bench.take(sock)

    bench.start(accepted=refuse_first)
    bench.connect(2)
    await bench.until_accepted(1)
    assert refused[0].fileno() == -1
    assert [type(exc) for exc in reported] == [ZeroDivisionError]


@on_a_bench
async def test_drain_backlog_takes_what_waits(bench):
    bench.start()
    bench.listener.pause()
    bench.connect(40)
    bench.sock.failures = [errno.ECONNABORTED]
    assert bench.listener.drain_backlog() == 40
    assert len(bench.accepted) == 40
    assert bench.listener.drain_backlog() == 0


@on_a_bench
async def test_drain_backlog_stops_where_descriptors_end(bench):
    bench.start()
    bench.listener.pause()
    bench.connect(2)
    bench.sock.failures = [errno.EMFILE]
    assert bench.listener.drain_backlog() == 0
    assert bench.errors == []


@on_a_bench
async def test_close_is_done_once_and_refuses_new_connections(bench):
    bench.start()
    name = bench.sock.getsockname()
    bench.listener.close()
    bench.listener.close()
    bench.listener.resume()
    assert bench.sock.fileno() == -1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(name, 1)


@on_a_bench
async def test_close_during_a_back_off_leaves_nothing_on_the_clock(bench):
    bench.sock.failures = [errno.EMFILE]
    bench.start()
    bench.connect()
    await bench.until(lambda bench: bench.errors)
    bench.listener.close()
    assert bench.clock.pending() == 0


def test_a_listener_that_never_started_can_be_closed():
    (listener,) = bind(Address("127.0.0.1", 0))
    listener.pause()
    listener.resume()
    listener.close()


def test_the_unix_file_goes_with_its_listener(tmp_path):
    path = tmp_path / "s"
    (listener,) = bind(Address(path=str(path)))
    assert listener.addr == f"unix:{path}"
    listener.close()
    assert not path.exists()


def test_the_unix_file_of_a_successor_stays(tmp_path):
    path = tmp_path / "s"
    (old,) = bind(Address(path=str(path)))
    path.rename(tmp_path / "old")
    (new,) = bind(Address(path=str(path)))
    old.close()
    assert path.exists()
    new.close()


def test_a_unix_file_that_is_gone_already_is_not_missed(tmp_path):
    path = tmp_path / "s"
    (listener,) = bind(Address(path=str(path)))
    path.unlink()
    listener.close()


def test_an_inherited_unix_socket_leaves_its_file_to_the_one_who_made_it(tmp_path):
    path = tmp_path / "s"
    (parent,) = bind(Address(path=str(path)))
    (worker,) = bind(Address(fd=os.dup(parent.sock.fileno())))
    assert worker.addr == f"unix:{path}"
    worker.close()
    assert path.exists()
    parent.close()


@pytest.mark.parametrize(
    ("host", "text", "url"),
    [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1"),
        ("::1", "[::1]", "http://[::1]"),
        ("0.0.0.0", "0.0.0.0", "http://localhost"),
    ],
)
def test_it_says_where_it_listens(host, text, url):
    try:
        (listener,) = bind(Address(host, 0))
    except Exception as exc:
        pytest.skip(str(exc))
    port = listener.sock.getsockname()[1]
    try:
        assert listener.addr == f"{text}:{port}"
        assert listener.url() == f"{url}:{port}"
        assert listener.url("https").startswith("https://")
        assert repr(listener) == f"<Listener {listener.addr} not accepting>"
    finally:
        listener.close()
    assert repr(listener) == f"<Listener {listener.addr} closed>"


def test_a_unix_listener_has_a_url(tmp_path):
    (listener,) = bind(Address(path=str(tmp_path / "s")))
    assert listener.url() == "http+unix://" + str(tmp_path / "s").replace("/", "%2F")
    listener.close()


@every_loop
def test_open_transport_begins_with_connection_made(loop):
    async def main():
        near, far = tcp_pair()
        notes = Notes()
        with near:
            far.setblocking(False)
            transport = await open_transport(far, notes)
            assert notes.transport is transport
            near.sendall(b"hello")
            await notes.until(lambda notes: notes.data == b"hello")
            transport.close()
            await notes.lost()
        await settle()

    run(main(), loop)


def test_open_transport_closes_the_socket_it_cannot_open():
    async def main():
        near, far = tcp_pair()

        async def failing(*_):
            raise OSError(errno.ENOTCONN, "not connected")

        asyncio.get_running_loop().connect_accepted_socket = failing
        with near, pytest.raises(ConnectionReset, match="before it began"):
            await open_transport(far, Notes())
        assert far.fileno() == -1

    run(main())


@every_loop
def test_open_transport_that_is_cancelled_closes_the_socket(loop):
    async def main():
        near, far = tcp_pair()
        notes = Notes()
        opening = spawn(open_transport(far, notes))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await settle()
        assert far.fileno() == -1
        with near:
            assert near.recv(1) == b""
        assert notes.events in ([], [("made",), ("lost", type(None))])

    run(main(), loop)


def test_a_listener_takes_any_listening_socket():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    listener = Listener(sock)
    assert listener.addr.startswith("127.0.0.1:")
    listener.close()
