"""A real server for as long as a test needs it, and a client of it.

By default the two are joined in memory: no port, no descriptor, and with a ``FakeClock`` no waiting.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from holdfast.net.tasks import spawn
from holdfast.server.server import Server
from holdfast.testing.certificates import server_side
from holdfast.testing.waiting import GUARD, advance, settle, within
from holdfast.testing.wire import WireClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from holdfast.net.clock import FakeClock

__all__ = ["Mode", "serving"]

Mode = Literal["h1", "h1+tls"]


@asynccontextmanager
async def serving(
    handler: Any,
    mode: Mode = "h1",
    *,
    clock: FakeClock | None = None,
    memory: bool = True,
    **settings: Any,
) -> AsyncIterator[tuple[WireClient, Server]]:
    """Serve ``handler``; ``async with serving(handler) as (client, server)`` gives a client and the server.

    Args:
        mode: ``"h1"``, or ``"h1+tls"`` with a certificate made for the test (needs ``trustme``).
        clock: every clock of the server; the loop's own when None.
        memory: connect in memory; False listens on a free port of 127.0.0.1.
        settings: of the ``Server``.

    At the end connections are cut and the server is shut down, unless the test has done so.
    Raises Timeout when connections are left then, and UsageError without ``trustme``.
    """
    if mode == "h1+tls":
        settings.setdefault("tls", server_side())
    server = Server(handler, addr="127.0.0.1:0", **settings)
    if clock is not None:
        server.use_clock(clock)
    await server.start([] if memory else None)
    client = WireClient(server, memory=memory, tls=mode == "h1+tls")
    try:
        yield client, server
    finally:
        await client.close()
        await settle()
        if not server.shutting_down:
            await _shut_down(server, clock)


async def _shut_down(server: Server, clock: FakeClock | None) -> None:
    ending = spawn(server.shutdown(GUARD / 2))
    await settle()
    if clock is not None and not ending.done():
        await advance(clock, GUARD)
    await within(ending, f"{server!r} to shut down")
    await settle()
