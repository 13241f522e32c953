from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from holdfast.errors import Cancelled, UsageError
from holdfast.net.threads import Threads
from tests.net.contract import every_loop, run


@asynccontextmanager
async def pool(limit=2):
    threads = Threads(limit, "test")
    try:
        yield threads
    finally:
        assert await threads.close(5) == 0
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-")]


@every_loop
def test_results_and_exceptions_come_back(loop):
    async def main():
        async with pool() as threads:
            assert await threads.run(divmod, 7, 2) == (3, 1)
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 7, 0)
            with pytest.raises(RuntimeError, match="StopIteration") as caught:
                await threads.run(next, iter(()))
            assert isinstance(caught.value.__cause__, StopIteration)

    run(main(), loop)


def test_work_runs_on_another_thread_in_a_copy_of_the_context():
    variable = ContextVar("variable", default="unset")

    def look():
        seen = variable.get(), threading.current_thread().name
        variable.set("changed there")
        return seen

    async def main():
        async with pool() as threads:
            variable.set("set here")
            assert await threads.run(look) == ("set here", "test-1")
            assert variable.get() == "set here"

    run(main())


def test_threads_start_as_they_are_needed_and_no_more_than_the_limit():
    async def main():
        async with pool(3) as threads:
            assert repr(threads) == "<Threads test: 0 of 3, 0 to do>"
            for _ in range(5):
                await threads.run(int)
            assert repr(threads) == "<Threads test: 1 of 3, 0 to do>"
            running, most, lock = 0, 0, threading.Lock()

            def work():
                nonlocal running, most
                with lock:
                    running += 1
                    most = max(most, running)
                time.sleep(0.005)
                with lock:
                    running -= 1

            await asyncio.gather(*[threads.run(work) for _ in range(12)])
            assert most == 3
            assert repr(threads) == "<Threads test: 3 of 3, 0 to do>"

    run(main())


def test_a_limit_of_none_is_refused():
    async def main():
        with pytest.raises(ValueError, match="at least one thread"):
            Threads(0)

    run(main())


@every_loop
def test_many_callers_get_each_their_own_result(loop):
    async def main():
        async with pool(4) as threads:
            results = await asyncio.gather(*[threads.run(lambda n=n: n * n) for n in range(2000)])
            assert results == [n * n for n in range(2000)]

    run(main(), loop)


def test_results_that_come_while_the_loop_is_busy_wake_it_once():
    async def main():
        async with pool(1) as threads:
            loop = asyncio.get_running_loop()
            wake, wakes = loop.call_soon_threadsafe, []
            await threads.run(int)
            loop.call_soon_threadsafe = lambda *args: (wakes.append(1), wake(*args))
            last = threading.Event()
            futures = [threads.submit(int, n) for n in range(20)]
            futures.append(threads.submit(last.set))
            last.wait()
            await asyncio.gather(*futures)
            assert len(wakes) <= 2  # the second for the last, whose result may come after the look

    run(main())


def test_work_of_a_cancelled_caller_is_not_begun():
    async def main():
        async with pool(1) as threads:
            gate, begun = threading.Event(), []
            first = threads.submit(gate.wait)
            second = threads.submit(begun.append, 1)
            second.cancel()
            gate.set()
            assert await first
            await threads.run(int)
            assert begun == []

    run(main())


def test_work_that_began_ends_unheard_when_its_caller_is_cancelled():
    async def main():
        async with pool(1) as threads:
            began, gate, ended = asyncio.Event(), threading.Event(), []
            loop = asyncio.get_running_loop()

            def work():
                loop.call_soon_threadsafe(began.set)
                gate.wait()
                ended.append(1)
                raise ZeroDivisionError

            future = threads.submit(work)
            await began.wait()
            future.cancel()
            gate.set()
            await threads.run(int)
            assert ended == [1]

    run(main())


@every_loop
def test_blocking_code_can_await(loop):
    async def double(n):
        await asyncio.sleep(0)
        if n < 0:
            raise ValueError(n)
        return 2 * n

    async def main():
        async with pool() as threads:

            def work():
                with pytest.raises(ValueError, match="-1"):
                    threads.run_in_loop(double(-1))
                return [threads.run_in_loop(double(n)) for n in range(100)]

            assert await threads.run(work) == [2 * n for n in range(100)]

    run(main(), loop)


def test_the_loops_own_thread_may_not_wait_for_itself():
    async def main():
        async with pool() as threads:
            with pytest.raises(UsageError, match="await it instead"):
                threads.run_in_loop(asyncio.sleep(0))

    run(main())


def test_close_takes_no_more_work_and_finishes_what_it_has():
    async def main():
        threads = Threads(1)
        gate = threading.Event()
        begun, queued = threads.submit(gate.wait), threads.submit(int, "7")
        asyncio.get_running_loop().call_later(0.005, gate.set)
        assert await threads.close(5) == 0
        assert await begun
        assert await queued == 7
        with pytest.raises(UsageError, match="closed"):
            await threads.run(int)
        assert await threads.close() == 0

    run(main())


def test_close_without_any_thread():
    async def main():
        assert await Threads(1).close() == 0

    run(main())


def test_close_out_of_time_counts_the_busy_and_cancels_what_they_wait_for():
    async def main():
        threads = Threads(2)
        errors, waits = [], asyncio.Event()

        async def long():
            waits.set()
            await asyncio.sleep(60)

        def waits_in_the_loop():
            for _ in range(2):  # the second comes after the end
                try:
                    threads.run_in_loop(long())
                except Cancelled as exc:
                    errors.append(str(exc))

        gate = threading.Event()
        waiting, stuck = threads.submit(waits_in_the_loop), threads.submit(gate.wait)
        await waits.wait()
        assert await threads.close(0.01) == 2
        await waiting
        assert errors == ["the call into the event loop was cancelled"] * 2
        assert await threads.close(0.01) == 1
        gate.set()
        await stuck
        assert await threads.close(5) == 0

    run(main())


def test_a_thread_outlives_its_loop_without_harm():
    gate, caught = threading.Event(), []

    async def main():
        threads = Threads(1)

        def work():
            gate.wait()
            try:
                threads.run_in_loop(asyncio.sleep(0))
            except Cancelled as exc:
                caught.append(str(exc))

        threads.submit(work)
        assert await threads.close(0.01) == 1
        return list(threads._threads)

    (thread,) = run(main())
    gate.set()
    thread.join(5)
    assert not thread.is_alive()
    assert caught == ["the event loop is closed"]
