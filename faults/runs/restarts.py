"""Signals to the server: SIGTERM, SIGHUP, and SIGKILL to one of its workers.

Counts as in operation: *began* is a handler that had started and a client without its whole answer;
*reset* is a request that the server closed upon without reading it; *crossed* met a clean FIN.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

from faults.client import Connection, Outcome, request
from faults.load import Load
from faults.process import wait_for
from holdfast.net.tasks import spawn

if TYPE_CHECKING:
    from faults.process import Server
    from faults.stage import Stage

__all__ = ["kill9", "shutdown", "sighup", "sigterm"]


async def sigterm(stage: Stage) -> None:
    """Five SIGTERMs, two workers, 50 clients that keep their connections and 50 that make new ones."""
    began = reset_kept = reset_new = crossed = answered = other = unclean = 0
    for number in range(ROUNDS):
        stage.say(f"SIGTERM {number + 1} of {ROUNDS}")
        async with stage.serve("--workers=2") as server:
            load = Load(server.port, ms=20)
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(CLIENTS, kept=True, until_refused=True))
                group.create_task(load.run(CLIENTS, kept=False, until_refused=True))
                await asyncio.sleep(1.5)
                server.signal(signal.SIGTERM)
            unclean += await server.exits(10) is None or server.popen.returncode != 0
            ids = server.begun_ids()
        began += load.of(Outcome.BEGAN, begun=ids)
        reset_kept += load.of(Outcome.RESET, kept=True, begun=ids)
        reset_new += load.of(Outcome.RESET, kept=False, begun=ids)
        crossed += load.of(Outcome.CROSSED, begun=ids)
        other += load.of(Outcome.WRONG, begun=ids) + load.of(Outcome.SILENT, begun=ids)
        answered += load.counts[Outcome.ANSWERED]
    stage.check("answered", answered, least=ROUNDS * CLIENTS)
    stage.check("began", began, most=0)
    stage.check("reset on kept connections", reset_kept, most=0)
    stage.check("reset on new connections", reset_new, most=0)
    stage.note("crossed", crossed)
    stage.check("wrong or silent", other, most=0)
    stage.check("no exit with code 0 within 10 s", unclean, most=0)


async def sighup(stage: Stage) -> None:
    """Three rolls while 20,000 requests are made; nothing is retried."""
    async with stage.serve("--workers=2") as server:
        load = Load(server.port, ms=5)
        rolls = []
        kept, new = load.run(40, kept=True, pause=0.005), load.run(10, kept=False, pause=0.005)
        async with load.beside(kept, new):
            for number in range(3):
                await asyncio.sleep(0.5)
                stage.say(f"SIGHUP {number + 1} of 3, {load.sent:,} requests so far")
                seconds = await _roll(server)
                if seconds is None:
                    break
                rolls.append(seconds)
            stage.say(f"{load.sent:,} of {REQUESTS:,} requests")
            await wait_for(lambda: load.sent >= REQUESTS, 60)
    stage.check("requests", load.sent, least=REQUESTS)
    stage.check("rolls that ended", len(rolls), least=3)
    stage.check("failed", len(load.lost), most=0)
    for outcome in (Outcome.BEGAN, Outcome.RESET, Outcome.CROSSED):
        stage.note(outcome, load.of(outcome))
    stage.check("refused", load.counts[Outcome.REFUSED], most=0)
    stage.note("seconds a roll", sum(rolls) / max(len(rolls), 1))


async def _roll(server: Server) -> float | None:
    """Send SIGHUP, and wait until no worker is left of those before; the seconds it took."""
    before, began = set(server.children()), time.monotonic()
    server.signal(signal.SIGHUP)

    def rolled() -> bool:
        now = server.children()
        return len(now) == len(before) and not before & set(now)

    return time.monotonic() - began if await wait_for(rolled, 40) else None


async def kill9(stage: Stage) -> None:
    """SIGKILL for one of two workers, under load."""
    async with stage.serve("--workers=2") as server:
        load = Load(server.port, ms=20)
        before = server.children()
        async with load.beside(load.run(CLIENTS, kept=True)):
            await asyncio.sleep(1)
            stage.say(f"SIGKILL for worker {before[-1]}")
            os.kill(before[-1], signal.SIGKILL)
            began = time.monotonic()
            replaced = await wait_for(lambda: len(set(server.children()) - set(before)) == 1, 20)
            seen = time.monotonic() - began
            serving = await wait_for(lambda: _answers(server, set(before)), 20) if replaced else False
            serves = time.monotonic() - began
            lost_at_once = len(load.lost)
            await asyncio.sleep(1)
        alive = server.alive and before[0] in server.children()
    stage.check("replaced", replaced and serving, least=1)
    stage.check("the other worker and the supervisor live", alive, least=1)
    stage.note("seconds until its successor is started", seen)
    stage.note("seconds until its successor answers", serves)
    stage.check("requests lost, all of the dead worker", lost_at_once, most=CLIENTS)
    stage.check("requests lost afterwards", len(load.lost) - lost_at_once, most=0)
    stage.check("refused", load.counts[Outcome.REFUSED], most=0)
    stage.note("answered", load.counts[Outcome.ANSWERED])


async def _answers(server: Server, before: set[int]) -> bool:
    """Whether a worker that was not there before answers."""
    return (await server.counters())["pid"] not in before


async def shutdown(stage: Stage) -> None:
    """SIGTERM with a two-second request in flight, then with an event stream and a limit of 3 s."""
    for workers in (1, 2):
        stage.say(f"a request in flight, {workers} workers")
        async with stage.serve(f"--workers={workers}", "--timeout-graceful-shutdown=10") as server:
            asking = spawn(server.get("/?id=long&ms=2000"))
            idle = await Connection.open(server.port)
            await idle.ask(request("/"))
            await asyncio.sleep(0.3)
            server.signal(signal.SIGTERM)
            ended = await idle.wait_over(5)
            reply = await asking
            code = server.popen.returncode if await server.exits(10) is not None else -1
            idle.close()
        stage.check(f"workers {workers}: 2 s request answered", reply.body == b"long", least=1)
        stage.check(f"workers {workers}: idle connection closed cleanly", ended is Outcome.CROSSED, least=1)
        stage.check(f"workers {workers}: exit code", code, least=0, most=0)
        stage.say(f"an event stream, {workers} workers")
        async with stage.serve(f"--workers={workers}", "--timeout-graceful-shutdown=3") as server:
            stream = await Connection.open(server.port)
            stream.send(request("/events"))
            await asyncio.sleep(0.3)
            server.signal(signal.SIGTERM)
            seconds = await server.exits(15)
            stream.close()
        stage.check(f"workers {workers}: event stream, exit after s", seconds or 15, least=2, most=5)


ROUNDS = 5
CLIENTS = 50
REQUESTS = 20_000
