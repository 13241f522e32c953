from __future__ import annotations

import os

import pytest

from holdfast.net import address
from holdfast.net.address import Address, address_text, inherited, parse_addr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("localhost:0", Address("localhost", 0)),
        (":8080", Address("", 8080)),
        (":http", Address("", 80)),
        (":https", Address("", 443)),
        ("[::1]:80", Address("::1", 80)),
        ("[fe80::1%lo]:80", Address("fe80::1%lo", 80)),
        ("unix:/run/app.sock", Address(path="/run/app.sock")),
        ("unix:app:1.sock", Address(path="app:1.sock")),
        ("fd:3", Address(fd=3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_written(text, expected):
    assert parse_addr(text) == expected
    assert parse_addr(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected host:port"),
        ("8080", "expected host:port"),
        ("localhost", "expected host:port"),
        ("localhost:", "expected a port"),
        ("localhost:nosuchport", "no such port: 'nosuchport'"),
        (":65536", "the highest port is 65535"),
        (":-1", "no such port"),
        (":8\u0660", "no such port"),
        ("::1:80", "in brackets"),
        ("[::1:80", "expected host:port"),
        ("[]:80", "an IPv6 address between the brackets"),
        ("[::1]", "in brackets|expected"),
        ("unix:", "a path"),
        ("fd:", "not a descriptor"),
        ("fd:-1", "not a descriptor"),
    ],
)
def test_what_is_wrong_is_said(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_addr(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        ("/run/app.sock", "/run/app.sock"),
        (b"\0abstract", "\0abstract"),
        ("", ""),
        (None, ""),
    ],
    ids=repr,
)
def test_socket_names_as_text(name, text):
    assert address_text(name) == text


def test_http_and_https_are_known_without_a_list_of_services(monkeypatch):
    def unknown(*_):
        raise OSError("service/proto not found")

    monkeypatch.setattr(address.socket, "getservbyname", unknown)
    assert parse_addr(":https").port == 443
    with pytest.raises(ValueError, match="no such port: 'ssh'"):
        parse_addr(":ssh")


def test_a_service_manager_passes_descriptors_to_this_process_only():
    mine = str(os.getpid())
    assert inherited({"LISTEN_PID": mine, "LISTEN_FDS": "2"}) == [Address(fd=3), Address(fd=4)]
    assert inherited({"LISTEN_PID": mine}) == []
    assert inherited({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == []
    assert inherited({}) == []
    with pytest.raises(ValueError, match="LISTEN_FDS"):
        inherited({"LISTEN_PID": mine, "LISTEN_FDS": "two"})
