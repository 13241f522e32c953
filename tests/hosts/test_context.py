from __future__ import annotations

import asyncio
import contextvars

import pytest

from holdfast.hosts.context import run_in_own_context
from holdfast.net import tasks

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")


class FakeExchange:
    def __init__(self):
        self.ended = False
        self.detached = 0

    def detach(self):
        self.detached += 1


async def run(coro, exchange=None):
    rest = run_in_own_context(coro, exchange or FakeExchange())
    if rest is not None:
        await rest


def test_what_is_set_inside_stays_inside():
    seen = []

    async def app():
        for value in ("one", "two"):
            seen.append(variable.get())
            variable.set(value)
            await asyncio.sleep(0)
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        seen.append(variable.get())

    async def main():
        for _ in range(2):
            await run(app())
            assert variable.get() == "outside"

    asyncio.run(main())
    assert seen == ["outside", "one", "two"] * 2


def test_what_never_waits_leaves_nothing_to_await():
    async def app():
        pass

    assert run_in_own_context(app(), FakeExchange()) is None


@pytest.mark.parametrize("waits", [False, True])
def test_what_it_raises_comes_out(waits):
    async def app():
        if waits:
            await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(run(app()))


def test_cancelling_reaches_the_application_in_its_own_task():
    seen = []

    async def app():
        seen.append(asyncio.current_task())
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append(variable.get())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())
            raise

    async def main():
        task = tasks.spawn(run(app()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == [task, "outside", task]

    asyncio.run(main())


def test_a_stack_can_be_followed_through_it():
    async def app():
        await asyncio.sleep(60)

    coro = app()

    async def main():
        task = tasks.spawn(run(coro))
        await asyncio.sleep(0)
        assert task.get_coro().cr_await.cr_await is coro
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize(("ended", "detached"), [(False, 0), (True, 1)])
def test_a_wait_after_the_end_of_the_response_lets_the_connection_go_on_once(ended, detached):
    exchange = FakeExchange()

    async def app():
        await asyncio.sleep(0)
        exchange.ended = ended
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(run(app(), exchange))
    assert exchange.detached == detached


def test_no_wait_after_the_end_leaves_the_connection_where_it_is():
    exchange = FakeExchange()

    async def app():
        await asyncio.sleep(0)
        exchange.ended = True

    asyncio.run(run(app(), exchange))
    assert exchange.detached == 0


def test_closing_closes_the_coroutine():
    seen = []

    async def app():
        try:
            await asyncio.Future(loop=loop)
        finally:
            seen.append("closed")

    loop = asyncio.new_event_loop()
    try:
        outer = run(app())
        outer.send(None)
        outer.close()
    finally:
        loop.close()
    assert seen == ["closed"]
