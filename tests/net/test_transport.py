from __future__ import annotations

import asyncio

import pytest

from holdfast.net import transport
from holdfast.net.memory import MemoryTransport
from holdfast.net.stream import Stream


def methods(shape):
    return {name for name in vars(shape) if not name.startswith("_")}


@pytest.mark.parametrize("kind", [asyncio.Transport, MemoryTransport, "uvloop"])
def test_these_are_transports(kind):
    if kind == "uvloop":
        kind = pytest.importorskip("uvloop").loop.TCPTransport
    assert methods(transport.Transport) <= set(dir(kind))


@pytest.mark.parametrize("kind", [asyncio.Protocol, Stream])
def test_these_are_receivers_and_not_buffered_ones(kind):
    assert methods(transport.Receiver) <= set(dir(kind))
    assert not hasattr(kind, "get_buffer")
