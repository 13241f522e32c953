from __future__ import annotations

import errno
import os
import socket
import stat
import sys

import pytest

from holdfast import limits
from holdfast.errors import DialError
from holdfast.net import bind
from holdfast.net.address import Address
from holdfast.net.bind import listening_sockets, set_connection_options


@pytest.fixture
def listen():
    """Listening sockets that are closed after the test."""
    made = []

    def listening(address, **settings):
        sockets = listening_sockets(address, **settings)
        made.extend(sockets)
        return sockets

    yield listening
    for sock in made:
        sock.close()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def connects(name, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        return client.connect_ex(name) == 0


def test_it_listens_and_does_not_block(listen):
    (sock,) = listen(Address("127.0.0.1", 0))
    assert connects(sock.getsockname())
    assert not sock.getblocking()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not os.get_inheritable(sock.fileno())


@needs_ipv6
def test_no_host_means_ipv6_and_ipv4(listen):
    (sock,) = listen(Address("", 0))
    port = sock.getsockname()[1]
    assert connects(("127.0.0.1", port))
    assert connects(("::1", port), socket.AF_INET6)


def test_no_host_means_ipv4_where_there_is_no_ipv6(listen, monkeypatch):
    made = bind._tcp_one

    def without_ipv6(family, *args, **kwargs):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6 here")
        return made(family, *args, **kwargs)

    monkeypatch.setattr(bind, "_tcp_one", without_ipv6)
    (sock,) = listen(Address("", 0))
    assert sock.family == socket.AF_INET
    assert connects(("127.0.0.1", sock.getsockname()[1]))


@needs_ipv6
def test_an_ipv6_host_leaves_ipv4_to_others(listen):
    (sock,) = listen(Address("::", 0))
    port = sock.getsockname()[1]
    (other,) = listen(Address("0.0.0.0", port))
    assert other.getsockname()[1] == port


def test_a_host_with_several_addresses_gets_one_port_on_all(listen, monkeypatch):
    def two(host, port, **_):
        return [(socket.AF_INET, 1, 6, "", (name, port)) for name in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(bind.socket, "getaddrinfo", two)
    first, second = listen(Address("two.example", 0))
    assert first.getsockname() == ("127.0.0.1", first.getsockname()[1])
    assert second.getsockname() == ("127.0.0.2", first.getsockname()[1])


def test_an_address_this_machine_lacks_is_left_out_if_another_works(listen, monkeypatch):
    def two(host, port, **_):
        return [(socket.AF_INET, 1, 6, "", (name, port)) for name in ("192.0.2.1", "127.0.0.1")]

    monkeypatch.setattr(bind.socket, "getaddrinfo", two)
    (sock,) = listen(Address("two.example", 0))
    assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(("failures", "works"), [(8, True), (9, False)])
def test_another_free_port_is_tried_where_one_is_taken_on_the_second_address(
    listen, monkeypatch, failures, works
):
    def two(host, port, **_):
        return [(socket.AF_INET, 1, 6, "", (name, port)) for name in ("127.0.0.1", "127.0.0.2")]

    made = bind._tcp_one

    def taken(family, name, reuse_port):
        nonlocal failures
        if name[0] == "127.0.0.2" and failures:
            failures -= 1
            raise OSError(errno.EADDRINUSE, "taken")
        return made(family, name, reuse_port)

    monkeypatch.setattr(bind.socket, "getaddrinfo", two)
    monkeypatch.setattr(bind, "_tcp_one", taken)
    if works:
        assert len(listen(Address("two.example", 0))) == 2
    else:
        with pytest.raises(DialError, match="address already in use"):
            listen(Address("two.example", 0))


def test_another_error_than_a_taken_port_is_not_tried_again(listen, monkeypatch):
    attempts = []

    def forbidden(*_):
        attempts.append(1)
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(bind, "_tcp_one", forbidden)
    with pytest.raises(DialError, match="permission denied"):
        listen(Address("127.0.0.1", 0))
    assert len(attempts) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels refuse the bind instead")
def test_a_port_that_is_taken_between_bind_and_listen(listen):
    with socket.socket() as early:
        early.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        early.bind(("127.0.0.1", 0))
        listen(Address(*early.getsockname()))
        fd = os.dup(early.fileno())
        with pytest.raises(DialError, match=f"^cannot listen on fd:{fd}: address already in use"):
            listen(Address(fd=fd))


def test_a_port_in_use_is_one_clear_line(listen):
    (sock,) = listen(Address("127.0.0.1", 0))
    port = sock.getsockname()[1]
    with pytest.raises(DialError, match=f"^cannot listen on 127.0.0.1:{port}: address already in use$"):
        listen(Address("127.0.0.1", port))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (UnicodeError("label empty or too long"), "label empty or too long"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_system_says_is_one_clear_line(listen, monkeypatch, error, line):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(bind.socket, "getaddrinfo", failing)
    with pytest.raises(DialError, match=f"^cannot listen on h:80: {line}$"):
        listen(Address("h", 80))


def test_an_address_that_is_not_ours(listen):
    with pytest.raises(DialError, match="assign requested address"):
        listen(Address("192.0.2.1", 0))


def test_reuse_port_shares_a_port(listen):
    (sock,) = listen(Address("127.0.0.1", 0), reuse_port=True)
    (other,) = listen(Address("127.0.0.1", sock.getsockname()[1]), reuse_port=True)
    assert other.getsockname() == sock.getsockname()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is relied on to copy options")
def test_accepted_sockets_inherit_the_options(listen):
    (listener,) = listen(Address("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
    with accepted:
        check_options(accepted)


def test_options_can_be_set_on_each_socket():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        set_connection_options(sock)
        check_options(sock)
    near, far = socket.socketpair()
    with near, far:
        set_connection_options(near)  # nothing to set, and no complaint


def check_options(sock):
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPALIVE"):
        if option := getattr(socket, name, None):
            assert sock.getsockopt(socket.IPPROTO_TCP, option) == limits.KEEPALIVE_PERIOD


def test_a_unix_socket_with_its_mode(listen, tmp_path):
    path = str(tmp_path / "s")
    listen(Address(path=path), uds_mode=0o600)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert connects(path, socket.AF_UNIX)


def test_a_stale_unix_socket_is_replaced(listen, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    listen(Address(path=path))
    assert connects(path, socket.AF_UNIX)


def test_a_living_unix_socket_is_not(listen, tmp_path):
    path = str(tmp_path / "s")
    listen(Address(path=path), backlog=0)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(path)  # its queue is full now
        with pytest.raises(DialError, match=f"^cannot listen on unix:{path}: address already in use$"):
            listen(Address(path=path))
    with pytest.raises(DialError, match="address already in use"):
        listen(Address(path=path))
    assert os.path.exists(path)


def test_a_file_that_is_no_socket_is_left_alone(listen, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(DialError, match="the file exists and is not a socket"):
        listen(Address(path=str(path)))
    assert path.read_text() == "data"


@pytest.mark.parametrize("name", ["no/such/folder", "x" * 200, "a\0b"], ids=["no folder", "long", "NUL"])
def test_a_path_that_cannot_be(listen, tmp_path, name):
    with pytest.raises(DialError, match=r"^cannot listen on unix:"):
        listen(Address(path=str(tmp_path / name)))


def test_an_inherited_descriptor(listen):
    with socket.socket() as outer:
        outer.bind(("127.0.0.1", 0))
        fd = os.dup(outer.fileno())
    os.set_inheritable(fd, True)
    (sock,) = listen(Address(fd=fd))
    assert sock.fileno() == fd
    assert sock.family == socket.AF_INET
    assert not os.get_inheritable(fd)
    assert connects(sock.getsockname())


def test_a_descriptor_that_is_no_stream_socket(listen, tmp_path):
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(DialError, match="not a stream socket"):
            listen(Address(fd=datagrams.fileno()))
        datagrams.getsockname()  # it is still open
    with open(tmp_path / "f", "w") as file, pytest.raises(DialError, match="cannot listen on fd:"):
        listen(Address(fd=file.fileno()))


@pytest.mark.parametrize("fd", [9999, 2**70])
def test_a_descriptor_that_is_not_open(listen, fd):
    with pytest.raises(DialError, match=f"^cannot listen on fd:{fd}: "):
        listen(Address(fd=fd))
