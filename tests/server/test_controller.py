"""The controller finds what it needs through wrappers.

What each thing does is in tests/whole/test_controller.py.
"""

from __future__ import annotations

import pytest

from holdfast.errors import NotSupported
from holdfast.server.controller import ResponseController
from holdfast.testing import recorder


class Wrapper:
    def __init__(self, w):
        self.w = w

    def unwrap(self):
        return self.w


class Flusher(Wrapper):
    flushed = 0

    async def flush(self):
        self.flushed += 1


@pytest.mark.parametrize("depth", [0, 1, 3])
async def test_it_looks_through_wrappers(depth):
    w, _ = recorder("POST", body=[b"abc"])
    wrapped = w
    for _ in range(depth):
        wrapped = Wrapper(wrapped)
    controller = ResponseController(wrapped)
    controller.enable_full_duplex()
    controller.set_read_deadline(5)
    controller.set_write_deadline(7)
    clocks = w.exchange.conn.clocks
    now = w.exchange.server.time()
    assert (w.exchange.full_duplex, clocks.read_at, clocks.write_at) == (True, now + 5, now + 7)
    await controller.flush()
    assert w.exchange.status == 200


async def test_the_outermost_that_can_does_it():
    w, _ = recorder()
    inner = Flusher(w)
    outer = Flusher(Wrapper(inner))
    await ResponseController(Wrapper(outer)).flush()
    assert (outer.flushed, inner.flushed, w.exchange.status) == (1, 0, 0)


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("exchange", lambda c: c.enable_full_duplex()),
        ("exchange", lambda c: c.set_read_deadline(1)),
        ("exchange", lambda c: c.set_write_deadline(None)),
    ],
)
@pytest.mark.parametrize("w", [object(), Wrapper(object())], ids=["bare", "wrapped"])
def test_where_nobody_can_it_is_not_supported(w, what, call):
    with pytest.raises(NotSupported, match=f"{type(w).__name__} cannot {what}"):
        call(ResponseController(w))


@pytest.mark.parametrize("name", ["flush", "hijack"])
async def test_where_nobody_can_flush_or_hijack_it_is_not_supported(name):
    with pytest.raises(NotSupported, match=f"Wrapper cannot {name}"):
        await getattr(ResponseController(Wrapper(object())), name)()


async def test_a_writer_has_one_controller():
    w, _ = recorder()
    assert w.controller is w.controller
