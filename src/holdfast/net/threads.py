"""Blocking work on a few threads, with the way there and back made cheap.

The way there is a ``SimpleQueue``.  The way back is one list of calls for the loop:
a thread adds to it, and wakes the loop only if nobody has since the loop last
looked, so that a hundred results cost one wake-up.

Rule 1: all counting happens on the loop's thread; the queue, the list and one flag
are all that threads share, and each is used by operations that are atomic.
Rule 2: nothing waits without end for the other side: after ``close`` a call into the
loop fails instead.

Cost, measured with uvloop on CPython 3.11: 2 to 6 microseconds for each of 64 calls under
way at once, 15 for one alone, and 14 for ``run_in_loop`` (asyncio's executor: 14 to 19 for
each of the 64, and 24 for ``run_coroutine_threadsafe``).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from holdfast.errors import Cancelled, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Threads"]

T = TypeVar("T")


class Threads:
    """Up to ``limit`` worker threads, started as they are needed; belongs to the running loop.

    The threads are no daemons: end them with ``close``, or the process stays.
    """

    def __init__(self, limit: int, name: str = "holdfast") -> None:
        if limit < 1:
            raise ValueError(f"at least one thread is needed, not {limit}")
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._limit = limit
        self._name = name
        self._threads: set[threading.Thread] = set()
        self._queue: SimpleQueue[_Work[Any] | None] = SimpleQueue()
        self._busy = 0  # work that was submitted and has not come back
        self._calls: deque[Callable[[], object]] = deque()  # for the loop to make, in order
        self._woken = False  # the loop will look at them
        self._waiting: set[_Call[Any]] = set()  # calls of run_in_loop under way
        self._closing = self._closed = False
        self._ended = asyncio.Event()

    async def run(self, function: Callable[..., T], /, *args: Any) -> T:
        """Call ``function(*args)`` on a thread, in a copy of the caller's context, and await its result.

        The queue is as long as the callers who wait, and served in order.  A caller who is cancelled
        takes its work out of the queue or, once that has begun, leaves it to end unheard.
        """
        return await self.submit(function, *args)

    def submit(self, function: Callable[..., T], /, *args: Any) -> asyncio.Future[T]:
        """As ``run``, without waiting.  Called on the loop's thread; raises UsageError after ``close``."""
        if self._closing:
            raise UsageError("these threads are closed")
        work = _Work(self, copy_context(), function, args)
        self._busy += 1
        if self._busy > len(self._threads) < self._limit:
            thread = threading.Thread(target=self._serve, name=f"{self._name}-{len(self._threads) + 1}")
            self._threads.add(thread)
            thread.start()
        self._queue.put(work)
        return work.future

    def run_in_loop(self, coro: Coroutine[Any, Any, T]) -> T:
        """Run ``coro`` as a task of the loop and wait for its result: how blocking code awaits.

        Raises what ``coro`` raises; Cancelled when its task was cancelled or ``close`` ran out of
        time; UsageError on the loop's own thread, which would wait for itself.
        """
        if threading.get_ident() == self._loop_thread:
            coro.close()
            raise UsageError("a blocking call on the event loop's thread; await it instead")
        call = _Call(self, coro)
        if not self.post(call.start):
            coro.close()
            raise Cancelled("the event loop is closed")
        return call.wait()

    def post(self, call: Callable[[], object]) -> bool:
        """Have the loop call ``call()`` after what was posted before, without waiting; from any thread.

        What it raises goes to the loop's exception handler.  Returns False when the loop is closed.
        """
        self._calls.append(call)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._make_calls)
            except RuntimeError:
                return False
        return True

    async def close(self, timeout: float | None = None) -> int:
        """Take no more work, let the threads finish what they have, and return how many did not.

        After ``timeout`` seconds what threads wait for in the loop is cancelled; a thread that still
        does not end keeps the process alive, and is counted.
        """
        if not self._closing:
            self._closing = True
            for _ in self._threads:
                self._queue.put(None)
        if self._threads:
            try:
                async with asyncio.timeout(timeout):
                    await self._ended.wait()
            except TimeoutError:
                pass
        self._closed = True
        for call in tuple(self._waiting):
            call.cancel()
        return len(self._threads)

    def __repr__(self) -> str:
        return f"<Threads {self._name}: {len(self._threads)} of {self._limit}, {self._busy} to do>"

    def _serve(self) -> None:
        """The life of one thread."""
        while (work := self._queue.get()) is not None:
            work.do()
            self.post(work.deliver)
            del work  # nothing is kept while the thread waits
        thread = threading.current_thread()
        self.post(lambda: self._thread_ended(thread))

    def _make_calls(self) -> None:
        # The flag falls before the list is read: a call added after the last look wakes the loop again.
        self._woken = False
        while self._calls:
            self._calls.popleft()()

    def _thread_ended(self, thread: threading.Thread) -> None:
        thread.join()
        self._threads.discard(thread)
        if not self._threads:
            self._ended.set()


class _Work(Generic[T]):
    """One function to call on a thread, and the future of its result."""

    __slots__ = ("_args", "_context", "_error", "_function", "_result", "_threads", "future")

    _result: T

    def __init__(
        self, threads: Threads, context: Context, function: Callable[..., T], args: tuple[Any, ...]
    ) -> None:
        self.future: asyncio.Future[T] = threads._loop.create_future()
        self._threads = threads
        self._context = context
        self._function = function
        self._args = args
        self._error: BaseException | None = None

    def do(self) -> None:
        """On the thread: call, unless nobody waits any more."""
        if self.future.cancelled():
            return
        try:
            self._result = self._context.run(self._function, *self._args)
        except StopIteration as exc:  # a future cannot hold one
            self._error = RuntimeError("the function raised StopIteration")
            self._error.__cause__ = exc
        except BaseException as exc:
            self._error = exc

    def deliver(self) -> None:
        """On the loop: pass on what came of it."""
        self._threads._busy -= 1
        if self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)


class _Call(Generic[T]):
    """A coroutine that a thread waits for."""

    __slots__ = ("_coro", "_done", "_task", "_threads")

    _task: asyncio.Task[T] | None

    def __init__(self, threads: Threads, coro: Coroutine[Any, Any, T]) -> None:
        self._threads = threads
        self._coro = coro
        self._task = None
        self._done = threading.Lock()
        self._done.acquire()

    def start(self) -> None:
        """On the loop."""
        if self._threads._closed:
            self._coro.close()
            self._done.release()
            return
        self._threads._waiting.add(self)
        self._task = self._threads._loop.create_task(self._coro)
        self._task.add_done_callback(self._finish)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def wait(self) -> T:
        """On the thread."""
        self._done.acquire()
        if self._task is None or self._task.cancelled():
            raise Cancelled("the call into the event loop was cancelled")
        return self._task.result()

    def _finish(self, _: asyncio.Task[T]) -> None:
        self._threads._waiting.discard(self)
        self._done.release()
