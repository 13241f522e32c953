"""asyncio behind one door: what server and client need of it, and nothing else.

Where asyncio's own thing is the plain thing it goes by its own name; what is
added is a task that cannot be lost, a cancel that waits, the choice of the loop,
and signals.  Blocking work has its own file, ``net.threads``.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Event, Future, Lock, Task, sleep, timeout
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from holdfast.errors import UsageError

from .threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

__all__ = [
    "CancelledError",
    "Event",
    "Future",
    "Lock",
    "LoopName",
    "Task",
    "Threads",
    "call_soon",
    "cancel",
    "current",
    "future",
    "future_maker",
    "on_signal",
    "run",
    "sleep",
    "spawn",
    "start",
    "timeout",
]

T = TypeVar("T")

LoopName = Literal["auto", "uvloop", "asyncio"]


def spawn(
    coro: Coroutine[Any, Any, T], name: str | None = None, *, context: Context | None = None
) -> Task[T]:
    """Start ``coro`` as a task that lives until it is done, whether or not the caller keeps it.

    It runs in ``context``, or in a copy of the present one.
    An exception that nobody awaits goes to the loop's exception handler.
    """
    task = asyncio.get_running_loop().create_task(coro, name=name, context=context)
    _alive.add(task)
    task.add_done_callback(_alive.discard)
    return task


def start(coro: Coroutine[Any, Any, T], ended: Callable[[Task[T]], object]) -> Task[T]:
    """As ``spawn``, for who keeps the task itself for as long as it runs, and hears of its end."""
    task = asyncio.get_running_loop().create_task(coro)
    task.add_done_callback(ended)
    return task


# The loop itself holds its tasks weakly: one that waits for nothing but itself would be collected.
_alive: set[Task[Any]] = set()


async def cancel(*tasks: Task[Any]) -> None:
    """Cancel ``tasks`` and wait until they are over, however they end.

    The current task may be among them; it is left alone.  When the caller is cancelled while it
    waits, that comes out here, and is never mistaken for the end of one of ``tasks``.
    """
    others = [task for task in tasks if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)


def current() -> Task[Any]:
    """The task that runs this code.  Raises UsageError outside of any."""
    task = asyncio.current_task()
    if task is None:
        raise UsageError("no task is running here")
    return task


def future() -> Future[Any]:
    """Make a result that is still to come, on the running loop."""
    return asyncio.get_running_loop().create_future()


def future_maker() -> Callable[[], Future[Any]]:
    """What makes futures of the running loop: ``future`` for who makes many."""
    return asyncio.get_running_loop().create_future


def call_soon(callback: Callable[..., object], *args: Any) -> None:
    """Call ``callback(*args)`` in the next turn of the running loop."""
    asyncio.get_running_loop().call_soon(callback, *args)


def run(main: Coroutine[Any, Any, T], *, loop: LoopName = "auto") -> T:
    """Run ``main`` on a new event loop and return what it returns; what it left running is cancelled.

    ``"auto"`` is uvloop where it is installed, else asyncio's own loop.
    Raises UsageError for ``"uvloop"`` where it is missing.
    """
    with asyncio.Runner(loop_factory=_loop_factory(loop, main)) as runner:
        return runner.run(main)


def _loop_factory(loop: LoopName, main: Coroutine[Any, Any, Any]) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop != "asyncio":
        try:
            import uvloop
        except ImportError:
            if loop == "uvloop":
                main.close()
                raise UsageError("the loop uvloop was asked for, and the package is not installed") from None
        else:
            factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
            return factory
    return asyncio.new_event_loop


def on_signal(signum: int, callback: Callable[[], object]) -> Callable[[], None]:
    """Call ``callback()`` on the running loop at each signal; return the function that ends this.

    Raises UsageError outside of the main thread, where no signal arrives.
    """
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signum, callback)
    except (RuntimeError, ValueError) as exc:
        raise UsageError(f"signal {signum} cannot be handled here: {exc}") from exc
    return partial(_forget_signal, loop, signum)


def _forget_signal(loop: asyncio.AbstractEventLoop, signum: int) -> None:
    loop.remove_signal_handler(signum)
