"""A worker whose handler does not let go of the loop, or of the GIL, for eight seconds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from faults.client import Outcome, Reply
from faults.load import percentile
from holdfast.net.tasks import spawn

if TYPE_CHECKING:
    from faults.stage import Stage

__all__ = ["blocked"]


async def blocked(stage: Stage) -> None:
    """It is not killed, its request is answered, and the other worker takes the new clients."""
    for held in (0, 1):
        name = "GIL held" if held else "GIL free"
        async with stage.serve("--workers=2") as server:
            before = server.children()
            asking = spawn(server.get(f"/block?id=done&s={SECONDS}&gil={held}", timeout=SECONDS + 10))
            await asyncio.sleep(0.5)
            began = time.monotonic()
            new: list[asyncio.Task[Reply]] = []
            while time.monotonic() - began < SECONDS - 2:
                stage.say(f"{name}: {len(new)} new clients")
                new.append(spawn(server.get("/?ms=1", timeout=SECONDS + 10)))
                await asyncio.sleep(0.05)
            replies = await asyncio.gather(*new)
            reply = await asking
            after = server.children()
        waits = [each.seconds for each in replies]
        stage.check(f"{name}: blocked request answered", reply.body == b"done", least=1)
        stage.check(f"{name}: workers killed", len(set(before) - set(after)), most=0)
        answered = sum(each.outcome is Outcome.ANSWERED for each in replies)
        stage.check(f"{name}: new clients not answered", len(replies) - answered, most=0)
        slow = 100 * sum(wait > 1 for wait in waits) / max(len(waits), 1)
        stage.check(f"{name}: % of {len(waits)} new clients that waited > 1 s", slow, most=2)
        stage.note(f"{name}: p99 s", percentile(waits, 0.99))


SECONDS = 8
