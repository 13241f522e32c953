"""Methods: the grammar, and the two sets that retries and pipelining rest on."""

from __future__ import annotations

import pytest

from holdfast import method as module
from holdfast.method import IDEMPOTENT, SAFE, valid_method


def test_each_constant_is_its_own_name():
    names = [
        name for name in module.__all__ if name.isupper() and name not in ("SAFE", "IDEMPOTENT", "TOKEN")
    ]
    assert len(names) == 9
    assert all(getattr(module, name) == name for name in names)


def test_safe_and_idempotent():
    # RFC 9110 9.2.1 and 9.2.2
    assert {"GET", "HEAD", "OPTIONS", "TRACE"} == SAFE
    assert {"PUT", "DELETE"} == IDEMPOTENT - SAFE
    assert SAFE < IDEMPOTENT


@pytest.mark.parametrize("method", ["GET", "get", "M-SEARCH", "X!#$%&'*+-.^_`|~9", "x" * 1000])
def test_tokens_are_methods(method):
    assert valid_method(method)
    assert valid_method(method.encode())


@pytest.mark.parametrize(
    "method", ["", " ", "GET ", " GET", "GE T", "GET\n", "GET\r", "G\x00T", "G(", "G/", "G:"]
)
def test_anything_else_is_not(method):
    assert not valid_method(method)
    assert not valid_method(method.encode())


@pytest.mark.parametrize("method", ["GÉT", "\uff27ET", b"G\xc9T"])
def test_nor_are_letters_beyond_ascii(method):
    assert not valid_method(method)
