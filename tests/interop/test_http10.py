"""HTTP/1.0 with keep-alive, as ``ab`` and old load balancers speak it, and ``ab`` itself where it is."""

from __future__ import annotations

import re
import socket

import pytest

from tests.interop.programs import run

pytestmark = pytest.mark.interop


def ask(file, *lines):
    """Send a request line with fields, and return the head and the body that Content-Length names."""
    file.write("\r\n".join([*lines, "", ""]).encode())
    file.flush()
    head = []
    while line := file.readline().decode().strip():
        head.append(line)
    lengths = [int(line.partition(":")[2]) for line in head if line.lower().startswith("content-length:")]
    return head, file.read(lengths[0] if lengths else -1).decode()


@pytest.fixture
def connection(plain):
    with socket.create_connection(("127.0.0.1", plain.port), 10) as sock, sock.makefile("rwb") as file:
        yield file


def test_keep_alive_is_granted_to_who_asks(connection):
    answers = [ask(connection, "GET /peer HTTP/1.0", "Connection: keep-alive") for _ in range(3)]
    assert all("Connection: keep-alive" in head for head, _ in answers)
    assert len({body for _, body in answers}) == 1


def test_a_post_keeps_the_connection_too(connection):
    for _ in range(2):
        connection.write(b"POST /echo HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 4\r\n\r\nbody")
        head, body = ask(connection)
        assert body.startswith("body")
        assert "Connection: keep-alive" in head


def test_who_does_not_ask_sees_the_connection_close(connection):
    head, body = ask(connection, "GET /hello HTTP/1.0")
    assert body == "hello\n"
    assert "Connection: keep-alive" not in head
    assert connection.read() == b""


def test_a_body_of_unknown_length_ends_with_the_connection_even_so(connection):
    head, body = ask(connection, "GET /chunks HTTP/1.0", "Connection: keep-alive")
    assert body == "chunk 0\nchunk 1\nchunk 2\n"
    assert not [line for line in head if re.match("(?i)transfer-encoding|connection: keep-alive", line)]


def test_ab(plain):
    said = run("ab", "-k", "-q", "-n", "200", "-c", "4", f"{plain.url}/hello")
    assert re.search(r"Complete requests: +200\b", said)
    assert re.search(r"Failed requests: +0\b", said)
    assert re.search(r"Keep-Alive requests: +200\b", said)
