"""A thousand clients that leave while their handlers wait: half with a FIN, half with a reset."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from faults.client import Connection, request
from faults.process import wait_for

if TYPE_CHECKING:
    from faults.process import Server
    from faults.stage import Stage

__all__ = ["leave"]


async def leave(stage: Stage) -> None:
    """Every handler is told, and nothing is left of them two seconds later."""
    apps = ("app", "native") if stage.kind == "holdfast" else ("app",)
    for app in apps:
        async with stage.serve(app=app) as server:
            before = await server.counters()
            stage.say(f"{app}: {MANY} clients")
            connections = [await Connection.open(server.port) for _ in range(MANY)]
            for each in connections:
                each.send(request("/wait"))
            await wait_for(lambda server=server: _begun(server), 20)
            for number, each in enumerate(connections):
                each.close() if number % 2 else each.reset()
            await asyncio.sleep(2)
            after = await server.counters()
        stage.check(f"{app}: handlers started", after["begun"], least=MANY, most=MANY)
        stage.check(f"{app}: told", after["told"], least=MANY, most=MANY)
        for name in ("tasks", "descriptors"):
            stage.check(f"{app}: {name} left 2 s later", after[name] - before[name], most=0)


async def _begun(server: Server) -> bool:
    return (await server.counters())["begun"] == MANY


MANY = 1000
