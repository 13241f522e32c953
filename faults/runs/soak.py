"""Minutes of mixed bad manners: what a server keeps of each must not add up.

Memory is the least noisy late in the run, so its slope is taken over the second half.  Tasks and
descriptors are compared before and after, when the last bad client has gone.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from faults.client import Connection, request
from faults.load import Load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from faults.process import Server
    from faults.stage import Stage

__all__ = ["slope", "soak"]


async def soak(stage: Stage) -> None:
    """No slope in memory, no task and no descriptor left over."""
    flags = ("--timeout-keep-alive=2", "--read-header-timeout=2", "--body-read-timeout=2")
    async with stage.serve(*flags, "--write-stall-timeout=2") as server:
        before = await server.counters()
        seed = random.randrange(1 << 32)
        stage.note("seed", seed)
        chance = random.Random(seed)
        end = time.monotonic() + stage.minutes * 60
        normal = Load(server.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(normal.run(5, kept=True, pause=0.02))
            group.create_task(normal.run(5, kept=False, pause=0.02))
            for manner in MANNERS:
                for _ in range(4):
                    group.create_task(_misbehave(manner, server.port, chance, end))
            await _sample(stage, server, end)
            normal.stopping.set()
        stage.say("waiting for what is left to go")
        await asyncio.sleep(6)
        after = await server.counters()
        tracebacks = sum("Traceback" in line for line in server.lines())
    half = stage.result.series[len(stage.result.series) // 2 :]
    stage.note("normal requests", normal.sent)
    stage.check("of them not answered", len(normal.lost), most=0)
    for name in ("tasks", "descriptors"):
        stage.check(f"{name} left over", after[name] - before[name], most=0)
    stage.note("MiB at the beginning", stage.result.series[0]["mib"])
    stage.note("MiB at the end", stage.result.series[-1]["mib"])
    rise = slope([(each["seconds"] / 60, each["mib"]) for each in half])
    stage.check("MiB a minute in the second half", rise, most=1)
    stage.note("tracebacks in the log", tracebacks)


async def _sample(stage: Stage, server: Server, end: float) -> None:
    began = time.monotonic()
    while (now := time.monotonic()) < end:
        counters = await server.counters()
        sample = {
            "seconds": now - began,
            "mib": server.memory(),
            **{name: counters[name] for name in COUNTED},
        }
        stage.result.series.append(sample)
        stage.say(f"{sample['seconds']:.0f} s, {sample['mib']:.1f} MiB, {sample['tasks']} tasks")
        await asyncio.sleep(1)


async def _misbehave(
    manner: Callable[[Connection, random.Random], Awaitable[None]],
    port: int,
    chance: random.Random,
    end: float,
) -> None:
    while time.monotonic() < end:
        try:
            connection = await Connection.open(port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        try:
            await manner(connection, chance)
        finally:
            connection.reset() if chance.random() < 0.5 else connection.close()
        await asyncio.sleep(chance.random() * 0.05)


async def _half_a_head(connection: Connection, chance: random.Random) -> None:
    connection.send(request("/")[: chance.randrange(1, 20)])
    await asyncio.sleep(chance.choice((0.0, 0.1, 3.0)))


async def _garbage(connection: Connection, chance: random.Random) -> None:
    connection.send(chance.randbytes(chance.randrange(1, 4096)))
    await connection.wait_over(1)


async def _half_a_body(connection: Connection, chance: random.Random) -> None:
    connection.send(request("/", method="POST", body=bytes(50_000))[: chance.randrange(100, 50_000)])
    await asyncio.sleep(chance.choice((0.0, 0.1, 3.0)))


async def _half_an_answer(connection: Connection, chance: random.Random) -> None:
    connection.send(request("/large"))
    if chance.random() < 0.3:
        connection.transport.pause_reading()
        await asyncio.sleep(3)
    else:
        await asyncio.sleep(chance.random() * 0.02)


async def _gone_meanwhile(connection: Connection, chance: random.Random) -> None:
    connection.send(request(chance.choice(("/wait", "/events", "/?ms=500"))))
    await asyncio.sleep(chance.random() * 0.2)


async def _pipeline(connection: Connection, chance: random.Random) -> None:
    connection.send(request("/?id=1") * chance.randrange(2, 50))
    await asyncio.sleep(chance.random() * 0.05)


async def _long_head(connection: Connection, chance: random.Random) -> None:
    connection.send(request("/", x="y" * chance.randrange(60_000, 80_000)))
    await connection.wait_over(1)


async def _chunks(connection: Connection, chance: random.Random) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(chance.randrange(20)):
        connection.send(b"5\r\nhello\r\n")
        await asyncio.sleep(0)
    connection.send(chance.choice((b"0\r\n\r\n", b"zz\r\n", b"")))
    await asyncio.sleep(chance.choice((0.05, 0.1)))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The rise of y for one of x, by least squares; 0.0 for fewer than two points."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x, mean_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


COUNTED = ("tasks", "descriptors")
MANNERS = (
    _half_a_head,
    _garbage,
    _half_a_body,
    _half_an_answer,
    _gone_meanwhile,
    _pipeline,
    _long_head,
    _chunks,
)
