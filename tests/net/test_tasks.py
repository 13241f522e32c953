from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import weakref

import pytest

from holdfast.errors import UsageError
from holdfast.net import tasks
from tests.net.contract import every_loop, run


def test_a_task_nobody_keeps_lives_until_it_is_done():
    async def main():
        waiters = []

        async def lonely():
            waiter = tasks.future()  # held by this frame alone, which is held by the task alone
            waiters.append(weakref.ref(waiter))
            return await waiter

        tasks.spawn(lonely(), "lonely")
        await asyncio.sleep(0)
        gc.collect()
        (task,) = asyncio.all_tasks() - {tasks.current()}
        assert task.get_name() == "lonely"
        waiters[0]().set_result("done")
        assert await task == "done"
        assert task not in tasks._alive

    run(main())


def test_an_exception_nobody_awaits_is_reported():
    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

        async def fails():
            raise ZeroDivisionError

        tasks.spawn(fails(), "faulty")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        (context,) = reported
        assert isinstance(context["exception"], ZeroDivisionError)
        assert "faulty" in repr(context["future"])

    run(main())


def test_cancel_waits_for_the_end_however_it_comes():
    async def main():
        ended = []

        async def slow_to_go():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.005)
                ended.append("slow")

        async def goes_wrong():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("wrong")
                raise ZeroDivisionError from None

        spawned = [tasks.spawn(slow_to_go()), tasks.spawn(goes_wrong())]
        await asyncio.sleep(0)
        await tasks.cancel(*spawned, tasks.current())
        assert sorted(ended) == ["slow", "wrong"]
        assert isinstance(spawned[1].exception(), ZeroDivisionError)
        await tasks.cancel()
        await tasks.cancel(*spawned)

    run(main())


def test_cancel_can_itself_be_cancelled():
    async def main():
        release = tasks.Event()

        async def stubborn():
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    pass

        task = tasks.spawn(stubborn())
        await asyncio.sleep(0)
        canceller = tasks.spawn(tasks.cancel(task))
        await asyncio.sleep(0)
        canceller.cancel()
        with pytest.raises(tasks.CancelledError):
            await canceller
        release.set()
        await task

    run(main())


def test_current_is_a_task_or_an_error():
    async def main():
        assert tasks.current() is asyncio.current_task()
        outside = tasks.future()

        def ask():
            try:
                tasks.current()
            except UsageError as exc:
                outside.set_result(exc)

        tasks.call_soon(ask)
        assert str(await outside) == "no task is running here"

    run(main())


def loop_module():
    async def main():
        return type(asyncio.get_running_loop()).__module__

    return main()


def test_run_chooses_the_loop():
    assert tasks.run(loop_module(), loop="asyncio").startswith("asyncio")
    try:
        import uvloop  # noqa: F401
    except ImportError:
        assert tasks.run(loop_module()).startswith("asyncio")
    else:
        assert tasks.run(loop_module()) == tasks.run(loop_module(), loop="uvloop") == "uvloop"


def test_run_without_uvloop(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert tasks.run(loop_module(), loop="auto").startswith("asyncio")
    with pytest.raises(UsageError, match="not installed"):
        tasks.run(loop_module(), loop="uvloop")


@every_loop
def test_a_signal_calls_back_until_it_is_forgotten(loop):
    async def main():
        heard = tasks.Event()
        forget = tasks.on_signal(signal.SIGUSR1, heard.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await heard.wait()
        forget()
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL

    run(main(), loop)


def test_signals_belong_to_the_main_thread():
    caught = []

    async def main():
        try:
            tasks.on_signal(signal.SIGUSR1, lambda: None)
        except UsageError as exc:
            caught.append(exc)

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    thread.join()
    assert len(caught) == 1
