"""Many clients, and what became of their requests, counted.

Every request carries an ``id`` of its own and is answered with it, so that an answer that belongs to
another request is seen, and so that a lost one can be looked up among the handlers that had started.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from faults.client import Connection, Outcome, Reply, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

__all__ = ["LOST", "Load", "Lost", "percentile"]

# Outcomes of a request that was sent and not answered.
LOST = (Outcome.BEGAN, Outcome.RESET, Outcome.CROSSED, Outcome.SILENT, Outcome.WRONG)


class Lost(NamedTuple):
    id: str
    outcome: Outcome
    kept: bool  # on a connection that had carried a request before
    status: int


class Load:
    """Closed-loop clients of one port: each sends its next request when the last one is answered.

    Attributes:
        ms: how long the server's handler takes.
        posts: every second request is a POST with a body of ``BODY`` bytes.
        counts: outcomes, of requests on new connections and on kept ones.
        lost: the requests that were sent and not answered.
        seconds: of the answered ones.
        stopping: set it, and clients end after the request they are at.
    """

    def __init__(self, port: int, *, ms: int = 0, posts: bool = False) -> None:
        self.port = port
        self.ms = ms
        self.posts = posts
        self.counts: Counter[Outcome] = Counter()
        self.lost: list[Lost] = []
        self.seconds: list[float] = []
        self.stopping = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Load {', '.join(f'{count} {outcome}' for outcome, count in self.counts.items())}>"

    @property
    def sent(self) -> int:
        return sum(self.counts.values()) - self.counts[Outcome.REFUSED]

    def of(self, outcome: Outcome, *, kept: bool | None = None, begun: frozenset[str] = frozenset()) -> int:
        """How many were lost in that way; one whose handler had started (``begun``) counts as BEGAN."""
        return sum(
            1
            for lost in self.lost
            if (Outcome.BEGAN if lost.id in begun else lost.outcome) is outcome and kept in (None, lost.kept)
        )

    async def run(self, clients: int, *, kept: bool, until_refused: bool = False, pause: float = 0.0) -> None:
        """Run ``clients`` at once until ``stopping`` is set.

        Args:
            kept: each keeps its connection as long as the server does.
            until_refused: a client ends when it is not let in any more, or its kept connection ends.
            pause: seconds between two requests of a client.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(kept, until_refused, pause))

    @asynccontextmanager
    async def beside(self, *crowds: Coroutine[None, None, None]) -> AsyncIterator[None]:
        """Play ``crowds``, calls of ``run``, beside the block; at its end they stop and are waited for."""
        async with asyncio.TaskGroup() as group:
            for crowd in crowds:
                group.create_task(crowd)
            yield
            self.stopping.set()

    async def _client(self, kept: bool, until_refused: bool, pause: float) -> None:
        connection: Connection | None = None
        carried = 0
        try:
            while not self.stopping.is_set():
                if connection is None or connection.look() is not None:
                    if connection is not None and until_refused and kept:
                        return
                    connection, carried = await self._open(), 0
                    if connection is None:
                        if until_refused:
                            return
                        await asyncio.sleep(0.02)
                        continue
                reply = await self._ask(connection, carried > 0, close=not kept)
                carried += 1
                if not kept or reply.closing or reply.outcome is not Outcome.ANSWERED:
                    connection.close()
                    if kept and until_refused:
                        return
                    connection = None
                await asyncio.sleep(pause)
        finally:
            if connection is not None:
                connection.close()

    async def _open(self) -> Connection | None:
        try:
            return await Connection.open(self.port)
        except OSError:
            self.counts[Outcome.REFUSED] += 1
            return None

    async def _ask(self, connection: Connection, kept: bool, *, close: bool) -> Reply:
        number = next(_NUMBERS)
        id = str(number)
        target = f"/?id={id}" + (f"&ms={self.ms}" if self.ms else "")
        if self.posts and number % 2:
            data = request(target, method="POST", body=b"b" * BODY, close=close)
            expected = f"{id} {BODY}".encode()
        else:
            data, expected = request(target, close=close), id.encode()
        reply = await connection.ask(data, expected)
        self.counts[reply.outcome] += 1
        if reply.outcome is Outcome.ANSWERED:
            self.seconds.append(reply.seconds)
        else:
            self.lost.append(Lost(id, reply.outcome, kept, reply.status))
        return reply


BODY = 1000  # bytes
_NUMBERS = itertools.count()


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of ``values`` lie; 0.0 of none."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0
