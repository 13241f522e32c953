"""More connections than descriptors, and very many that do nothing."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

from faults.client import Connection, Outcome, request
from faults.stage import Skipped

if TYPE_CHECKING:
    from faults.process import Server
    from faults.stage import Stage

__all__ = ["descriptors", "idle"]


async def descriptors(stage: Stage) -> None:
    """256 descriptors, 400 connections: all of them busy, then all of them idle."""
    async with stage.serve(descriptors=DESCRIPTORS) as server:
        stage.say("400 busy connections")
        await _crowd(stage, server, "busy", request("/wait"))
        stage.say("400 idle connections")
        await _crowd(stage, server, "idle", request("/"))
        stage.check("tracebacks in the log", sum("Traceback" in line for line in server.lines()), most=0)
        stage.check("the server lives", server.alive, least=1)


async def _crowd(stage: Stage, server: Server, name: str, data: bytes) -> None:
    """Open the connections, send ``data`` on each, wait, and leave; then see whether the server recovers."""
    cpu, lines = server.cpu(), len(server.lines())
    connections = await _many(server.port, MANY)
    for each in connections:
        each.send(data)
    await asyncio.sleep(1)
    settled = server.cpu()
    await asyncio.sleep(WATCHED)
    now = server.cpu()
    if name == "idle":
        reply = await server.get("/?id=new", timeout=5)
        stage.check("idle: a new client is answered among them", reply.outcome is Outcome.ANSWERED, least=1)
        answered = sum(each.received.startswith(b"HTTP/1.1 200") for each in connections)
        stage.check("idle: answered", answered, least=MANY)
    for each in connections:
        each.close()
    stage.note(f"{name}: CPU s for the rush", settled - cpu)
    stage.check(f"{name}: CPU s of {WATCHED} s at the limit", now - settled, most=0.5)
    stage.check(f"{name}: log lines", len(server.lines()) - lines, most=WATCHED + 3)
    await asyncio.sleep(1.5)
    replies = [await server.get(f"/?id={number}", timeout=5) for number in range(20)]
    missed = sum(each.outcome is not Outcome.ANSWERED for each in replies)
    stage.check(f"{name}: afterwards, of 20 not answered", missed, most=0)


async def idle(stage: Stage) -> None:
    """10,000 connections that have carried one request each, and wait."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < IDLE + 200:
        raise Skipped(f"the hard limit of descriptors (ulimit -Hn) is below {IDLE + 200}")
    async with stage.serve("--timeout-keep-alive=300") as server:
        await _ask_all(await _many(server.port, 100))  # what any first request costs
        before = server.memory()
        connections: list[Connection] = []
        answered = 0
        while len(connections) < IDLE:
            stage.say(f"{len(connections):,} of {IDLE:,}")
            more = await _many(server.port, 500)
            answered += await _ask_all(more)
            connections += more
        after, cpu = server.memory(), server.cpu()
        await asyncio.sleep(2)
        spent = server.cpu() - cpu
        kept = sum(each.over is None for each in connections)
        reply = await server.get("/?id=new")
        again = await _ask_all(connections[:: IDLE // 200])
        for each in connections:
            each.close()
    stage.check("answered", answered, least=IDLE)
    stage.check("still open", kept, least=IDLE)
    stage.check("KiB each", (after - before) * 1024 / IDLE, most=20)
    stage.note("CPU s in 2 s of idleness", spent)
    stage.check("a new client is answered", reply.outcome is Outcome.ANSWERED, least=1)
    stage.check("of 200 old ones answered again", again, least=200)


async def _many(port: int, count: int) -> list[Connection]:
    """Open connections, a hundred at a time."""
    opened: list[Connection] = []
    while len(opened) < count:
        opened += await asyncio.gather(*(Connection.open(port) for _ in range(min(100, count - len(opened)))))
    return opened


async def _ask_all(connections: list[Connection]) -> int:
    """One request on each; how many were answered."""
    replies = await asyncio.gather(*(each.ask(request("/?id=a"), b"a") for each in connections))
    return sum(reply.outcome is Outcome.ANSWERED for reply in replies)


DESCRIPTORS = 256
MANY = 400
IDLE = 10_000
WATCHED = 5  # seconds
