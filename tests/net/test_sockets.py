"""The questions and orders that go to the socket under a transport."""

from __future__ import annotations

import socket

import pytest

from holdfast.net.sockets import end_sending, has_unread, peer_name, reset_on_close


@pytest.fixture
def ends():
    """Two joined TCP sockets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield server, client


def fill(sock):
    while True:
        sock.send(bytes(1 << 16))


def empty(sock):
    while sock.recv(1 << 16):
        pass


def test_bytes_that_came_are_seen_and_left(ends):
    server, client = ends
    assert not has_unread(server)
    client.sendall(b"GET")
    assert has_unread(server)
    assert server.recv(10) == b"GET"


def test_the_peers_end_is_nothing_to_wait_for(ends):
    server, client = ends
    client.shutdown(socket.SHUT_WR)
    assert not has_unread(server)


def test_without_a_socket_or_with_a_closed_one_there_is_nothing(ends):
    server, _ = ends
    server.close()
    for sock in (None, server):
        assert not has_unread(sock)
        end_sending(sock)
        reset_on_close(sock)


def test_the_end_of_sending_leaves_at_once_and_reading_goes_on(ends):
    server, client = ends
    end_sending(server)
    client.settimeout(5)
    assert client.recv(1) == b""
    client.sendall(b"late")
    assert server.recv(10) == b"late"
    end_sending(server)


def test_a_reset_drops_what_the_peer_has_not_taken(ends):
    server, client = ends
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        fill(server)
    reset_on_close(server)
    server.close()
    client.settimeout(5)
    with pytest.raises(ConnectionResetError):
        empty(client)


def test_a_peer_has_a_name_while_it_is_there(ends):
    server, client = ends
    assert peer_name(server) == client.getsockname()
    server.close()
    assert peer_name(server) is None
