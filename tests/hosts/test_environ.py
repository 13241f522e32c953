from __future__ import annotations

from types import SimpleNamespace

import pytest

from holdfast import limits
from holdfast.hosts import environ as module
from holdfast.hosts.environ import add_headers, request_environ


def exchange(scheme="http", local=("192.0.2.1", 80), peer=("192.0.2.9", 5000)):
    head = SimpleNamespace(target="/a%20b?q", version="1.1")
    return SimpleNamespace(head=head, scheme=scheme, local_pair=local, peer_pair=peer)


def headers(*fields):
    environ = {}
    add_headers(environ, fields)
    return environ


@pytest.mark.parametrize(
    ("fields", "environ"),
    [
        ([(b"x-a", b"1")], {"HTTP_X_A": "1"}),
        ([(b"x-a", b"1"), (b"x-a", b"2")], {"HTTP_X_A": "1,2"}),
        ([(b"cookie", b"a=1"), (b"cookie", b"b=2")], {"HTTP_COOKIE": "a=1; b=2"}),
        (
            [(b"content-type", b"t/p"), (b"content-length", b"3")],
            {"CONTENT_TYPE": "t/p", "CONTENT_LENGTH": "3"},
        ),
        ([(b"x-a", "é".encode())], {"HTTP_X_A": "Ã©"}),
        ([(b"x_a", b"forged"), (b"x-a", b"real")], {"HTTP_X_A": "real"}),
        ([(b"x_a", b"forged")], {}),
        ([(b"content_length", b"9")], {}),
    ],
)
def test_headers(fields, environ):
    for _ in range(2):
        assert headers(*fields) == environ


def test_the_memory_of_names_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_remembered", remembered := {})
    headers((b"x" * (limits.REMEMBERED_LENGTH + 1), b""))
    assert not remembered
    headers(*[(b"x-%d" % number, b"") for number in range(2 * limits.REMEMBERED_LINES)])
    assert 0 < len(remembered) <= limits.REMEMBERED_LINES


def test_a_unix_socket_has_a_name_and_a_port_all_the_same():
    environ = request_environ(exchange("https", None, None), "GET", "", "/", "")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == (
        "localhost",
        "443",
        "",
    )
    assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
    assert "REMOTE_PORT" not in environ


def test_the_path_is_bytes_in_latin_1():
    environ = request_environ(exchange(), "GET", "/root", "/%C3%A9%2F%00", "a=%20")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/root", "/Ã©/\0")
    assert (environ["QUERY_STRING"], environ["REQUEST_URI"]) == ("a=%20", "/a%20b?q")
