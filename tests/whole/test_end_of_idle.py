"""An idle connection is closed although its peer has gone in the same instant, on a real socket."""

from __future__ import annotations

import asyncio
import socket

import pytest

from holdfast.net.sockets import reset_on_close
from holdfast.testing import serving, settle

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def handler(w, r):
    await w.write("ok")


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_the_peer_has_gone_and_the_loop_has_not_heard_of_it(how):
    async with serving(handler, memory=False) as (_, server):
        host, _, port = server.addresses[0].rpartition(":")
        loop = asyncio.get_running_loop()
        with socket.socket() as peer:
            peer.setblocking(False)
            await loop.sock_connect(peer, (host, int(port)))
            await loop.sock_sendall(peer, GET)
            assert (await loop.sock_recv(peer, 1000)).endswith(b"ok")
            await settle()
            assert server.stats().by_state == {"idle": 1}
            if how == "reset":
                reset_on_close(peer)
        await server.shutdown(5)
        assert server.stats().connections_open == 0
