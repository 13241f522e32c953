from __future__ import annotations

from types import SimpleNamespace

import pytest

from holdfast.errors import UsageError
from holdfast.hosts.mount import exchange_of, path_bytes, split_target, stripped_prefix
from holdfast.url import URL


@pytest.mark.parametrize(
    ("method", "target", "parts"),
    [
        ("GET", "/", ("/", "")),
        ("GET", "/a?b?c", ("/a", "b?c")),
        ("GET", "//a", ("//a", "")),
        ("GET", "/a?", ("/a", "")),
        ("GET", "http://h/a?b", ("/a", "b")),
        ("GET", "http://h", ("/", "")),
        ("OPTIONS", "*", ("*", "")),
        ("CONNECT", "h:443", ("/", "")),
    ],
)
def test_split_target(method, target, parts):
    assert split_target(method, target) == parts


@pytest.mark.parametrize(
    ("target", "path", "prefix"),
    [
        ("/a/b?q", "/b", "/a"),
        ("/a%20b/c", "/c", "/a%20b"),
        ("/a/b", "/a/b", ""),
        ("/a/b", "/other", ""),
        ("/ab", "b", ""),
        ("/a/", "/", "/a"),
    ],
)
def test_stripped_prefix(target, path, prefix):
    exchange = SimpleNamespace(head=SimpleNamespace(method="GET", target=target))
    assert stripped_prefix(exchange, SimpleNamespace(url=URL(raw_path=path))) == prefix


def test_path_bytes():
    assert path_bytes("/%C3%A9é%2f") == b"/\xc3\xa9\xe9/"


def test_a_writer_must_be_the_connections_own_and_unused():
    unused = SimpleNamespace(status=0)
    assert exchange_of(SimpleNamespace(exchange=unused, status=0), "host") is unused
    with pytest.raises(UsageError, match="str writes to the connection itself"):
        exchange_of(SimpleNamespace(status=0), "host")
    with pytest.raises(UsageError, match="begun before str was called"):
        exchange_of(SimpleNamespace(exchange=unused, status=200), "host")
