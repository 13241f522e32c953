"""``concurrency="pool"``: a fixed number of workers share the requests of all connections.

What a peer sees is the same as with a task per connection.  Requirement S20.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial

from holdfast.net.tasks import spawn
from holdfast.testing import serving as serving_tasks
from holdfast.testing import settle
from holdfast.testing.waiting import within
from tests.whole.gate import Gate
from tests.whole.modes import every_mode

serving = partial(serving_tasks, concurrency="pool")


def get(target: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


@every_mode
async def test_no_more_handlers_run_than_there_are_workers(mode):
    gate = Gate()
    async with serving(gate, mode, pool_size=2) as (client, server):
        peers = [await client.connect() for _ in range(4)]
        for at, peer in enumerate(peers):
            await peer.send(get(f"/{at}"))
            await settle()
        assert gate.running == ["/0", "/1"]
        assert server.stats().by_state == {"exchange": 4}
        assert [info.request for info in server.connections()] == ["GET /0", "GET /1", "", ""]
        gate["/1"].set()
        assert (await peers[1].read_response()).body == b"/1"
        await settle()
        assert gate.running == ["/0", "/1", "/2"]
        for at in (0, 2, 3):
            gate[f"/{at}"].set()
            assert (await peers[at].read_response()).body == f"/{at}".encode()


async def test_an_idle_connection_has_no_task():
    async with serving(Gate(), pool_size=1) as (client, server):
        before = len(asyncio.all_tasks())
        peers = [await client.connect() for _ in range(5)]
        await settle()
        assert len(asyncio.all_tasks()) == before
        assert server.stats().by_state == {"new": 5}
        del peers


async def test_requests_of_one_connection_queue_behind_those_of_others():
    gate = Gate()
    async with serving(gate, pool_size=1) as (client, _):
        greedy, modest = await client.connect(), await client.connect()
        await greedy.send(get("/g1") + get("/g2") + get("/g3"))
        await settle()
        await modest.send(get("/m"))
        for path in ("/g1", "/g2", "/g3", "/m"):
            gate[path].set()
        await settle()
        assert gate.running == ["/g1", "/m", "/g2", "/g3"]
        assert [(await greedy.read_response()).body for _ in range(3)] == [b"/g1", b"/g2", b"/g3"]
        assert (await modest.read_response()).body == b"/m"


async def test_a_connection_that_is_lost_leaves_the_queue():
    gate = Gate()
    async with serving(gate, pool_size=1) as (client, server):
        peers = [await client.connect() for _ in range(3)]
        for at, peer in enumerate(peers):
            await peer.send(get(f"/{at}"))
            await settle()
        (lost,) = [conn for conn in server.crowd if conn.peer.endswith(":50001")]
        lost.kill()
        await settle()
        assert server.stats().by_state == {"exchange": 2}
        gate["/0"].set()
        gate["/2"].set()
        assert (await peers[2].read_response()).body == b"/2"
        assert gate.running == ["/0", "/2"]


async def test_a_peer_that_closed_its_half_while_it_waited_is_answered():
    gate = Gate()
    async with serving(gate, pool_size=1) as (client, _):
        first, second = await client.connect(), await client.connect()
        await first.send(get("/1"))
        await second.send(get("/2"))
        second.send_eof()
        await settle()
        gate["/1"].set()
        gate["/2"].set()
        assert (await second.read_response()).body == b"/2"
        assert await second.expect_closed() == "eof"


async def test_a_handler_that_fails_costs_no_worker():
    async def handler(w, r):
        if r.path == "/fails":
            raise LookupError("on purpose")
        if r.path == "/cancelled":
            raise asyncio.CancelledError
        await w.write(r.path)

    async with serving(handler, pool_size=1) as (client, _):
        for path in ("/fails", "/cancelled"):
            assert (await client.get(path)).status == 500
        assert (await client.get("/fine")).body == b"/fine"


async def test_a_body_is_read_and_what_is_left_of_it_drained():
    async def handler(w, r):
        await w.write(await r.body.read(4))

    async with serving(handler, pool_size=1) as (client, server):
        for _ in range(3):
            assert (await client.post("/", body=b"four and more")).body == b"four"
        assert server.stats().connections_accepted == 1


async def test_a_peer_that_takes_nothing_keeps_no_worker_once_its_handler_is_done():
    async def handler(w, r):
        await w.write(b"x" * 2000)  # it does not wait for the peer

    async with serving(handler, pool_size=1) as (client, server):
        greedy = await client.connect()
        await greedy.send(get("/") * 400)
        await settle()
        assert server.crowd.requests < 400
        assert (await client.get()).status == 200
        for _ in range(400):
            assert len((await greedy.read_response()).body) == 2000


async def test_work_that_outlives_its_answer_keeps_its_worker_and_not_its_connection():
    go_on = asyncio.Event()
    ended = []

    async def handler(w, r):
        w.headers["Content-Length"] = "1"
        await w.write("x")
        await w.flush()
        w.exchange.end()
        if r.path == "/long":
            w.exchange.detach()
            await go_on.wait()
            ended.append(r.path)

    async with serving(handler, pool_size=2) as (client, server):
        for path in ("/long", "/short", "/short"):
            assert (await client.get(path)).body == b"x"
        assert server.stats().connections_accepted == 1
        ending = spawn(server.shutdown(5))
        await settle()
        assert not ending.done()
        go_on.set()
        await within(ending, "the shutdown")
        assert ended == ["/long"]


async def test_a_shutdown_answers_what_waits_in_the_queue():
    gate = Gate()
    async with serving(gate, pool_size=1) as (client, server):
        peers = [await client.connect() for _ in range(3)]
        for at, peer in enumerate(peers):
            await peer.send(get(f"/{at}"))
            await settle()
        ending = spawn(server.shutdown(5))
        for at, peer in enumerate(peers):
            gate[f"/{at}"].set()
            assert (await peer.read_response()).header("Connection") == "close"
            await peer.close()
        await within(ending, "the shutdown")


async def test_close_ends_handlers_and_workers():
    gate = Gate()
    async with serving(gate, pool_size=2) as (client, server):
        before = len(asyncio.all_tasks())
        peers = [await client.connect() for _ in range(3)]
        for at, peer in enumerate(peers):
            await peer.send(get(f"/{at}"))
        await settle()
        await within(server.close(), "the server to close")
        assert sorted(gate.ended) == gate.running == ["/0", "/1"]
        await settle()
        assert len(asyncio.all_tasks()) == before


user: ContextVar[str] = ContextVar("user", default="nobody")


async def test_a_context_variable_does_not_leak_from_one_client_to_the_next():
    async def handler(w, r):
        seen = user.get()
        user.set(r.path)
        await asyncio.sleep(0)
        await w.write(f"{seen} {user.get()}")

    async with serving(handler, pool_size=1) as (client, _):
        for path in ("/a", "/b"):
            peer = await client.connect()
            await peer.send(get(path))
            assert (await peer.read_response()).body == f"nobody {path}".encode()
