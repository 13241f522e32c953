"""Requests that are sent at the very moment at which the server gives their idle connection up.

When that moment is, is measured first; then every connection sends its second request a little before
it or a little after.  A request that finds the connection closed already is not sent.  One that crosses a
clean FIN may be sent again by any client (RFC 9112 9.3.1); one that is reset may have been read, or not.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from faults.client import Connection, Outcome, Reply, request
from faults.load import percentile

if TYPE_CHECKING:
    from faults.stage import Stage

__all__ = ["race"]


async def race(stage: Stage) -> None:
    """2,000 requests around the idle timeout of 1 s."""
    async with stage.serve("--timeout-keep-alive=1") as server:
        moments = sorted(await asyncio.gather(*(_moment(server.port) for _ in range(BATCH))))
        moment = percentile(moments, 0.5)
        counts: Counter[str] = Counter()
        sent = batch = 0
        while sent < SENT and batch < 4 * SENT // BATCH:
            stage.say(f"{sent:,} of {SENT:,} sent")
            replies = await asyncio.gather(
                *(_send_at(server.port, moment, f"{batch}-{number}") for number in range(BATCH))
            )
            counts.update(reply.outcome for reply in replies if reply is not None)
            sent = sum(counts.values())
            batch += 1
        ids = server.begun_ids()
    stage.note("the moment, in s after the answer", moment)
    stage.check("sent", sent, least=SENT)
    stage.check("reset or answered in part", counts[Outcome.RESET] + counts[Outcome.BEGAN], most=2)
    stage.note("crossed", counts[Outcome.CROSSED])
    stage.note("answered", counts[Outcome.ANSWERED])
    stage.check("handlers started without an answer", len(ids) - 1 - counts[Outcome.ANSWERED], most=0)


async def _moment(port: int) -> float:
    """How long after its answer an idle connection gets its FIN."""
    connection = await Connection.open(port)
    await connection.ask(request("/"))
    answered = time.monotonic()
    await connection.wait_over(5)
    connection.close()
    return connection.over_at - answered


async def _send_at(port: int, moment: float, id: str) -> Reply | None:
    """Send the second request near the moment; None when the connection was closed before."""
    await asyncio.sleep(random.random() * 0.2)
    connection = await Connection.open(port)
    try:
        await connection.ask(request("/"))
        await asyncio.sleep(moment + random.uniform(*SWEEP))
        if connection.look() is not None:
            return None
        return await connection.ask(request(f"/?id={id}"), timeout=5)
    finally:
        connection.close()


BATCH = 100
SENT = 2000
SWEEP = (-0.006, 0.002)  # seconds
