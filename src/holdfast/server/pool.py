"""Handlers without a task per connection: what ``concurrency="pool"`` means.

A pooled connection reads in the loop's callbacks.  A request that is ready joins one
queue, which a fixed number of workers share, first come, first served.  So no more than
``pool_size`` handlers run at once, and an idle connection has no task.  The price: a
handler that waits, for a slow body or a database, keeps its worker, and when all wait,
everybody does.

Rule 1: a connection is in the queue once at most (``pipeline="concurrent"``: ``max_pipelined``
times), so the queue is bounded by the connections; one that is lost leaves it.
Rule 2: a worker outlives its work, however that ends, but for a handler that cancels its own task:
that costs the worker, and another takes its place.  What work set in a ``ContextVar`` is gone with it.

Requirement S20.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, cast

from holdfast.net.tasks import CancelledError, cancel, current, future, sleep, spawn
from holdfast.server.conn import Conn
from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine, Generator

    from holdfast.net.tasks import Future, Task
    from holdfast.server.exchange import Exchange
    from holdfast.server.server import Server

__all__ = ["EachItsTask", "Pool", "PooledConn", "Work", "Workers"]


class Work(Protocol):
    """Something to be done once: a request to answer."""

    def serve(self) -> Coroutine[Any, Any, None]:
        """Do it; called by who took it."""

    def fault(self, error: Exception) -> None:
        """It failed, by a fault of ours."""


class Workers(Protocol):
    """Who does the work of a server's connections."""

    def put(self, work: Work) -> None:
        """Have ``work`` done."""

    def drop(self, work: Work) -> bool:
        """Forget ``work`` if nobody has taken it yet; say whether that was so."""

    def until_done(self, worker: Task[None]) -> Future[None]:
        """What is done when the present work of ``worker`` is."""

    def interrupt(self, worker: Task[None]) -> None:
        """Cancel the present work of ``worker``."""

    async def close(self) -> None:
        """Cancel what is being done, and wait until it is over."""


class Pool:
    """Up to ``size`` workers, each begun when it is first needed, and the queue they share.

    Args:
        size: at least 1.
    """

    __slots__ = ("_context", "_idle", "_interrupted", "_outlived", "_queue", "_size", "_workers")

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: OrderedDict[Work, None] = OrderedDict()
        self._idle: list[Future[None]] = []
        self._workers: list[Task[None]] = []
        self._outlived: dict[Task[None], Future[None]] = {}
        self._interrupted: Counter[Task[None]] = Counter()  # how often, during their present work
        self._context = copy_context()  # of who made the server, not of the request that needed a worker

    def __repr__(self) -> str:
        working = len(self._workers) - len(self._idle)
        return f"<Pool of {self._size}, {working} at work, {len(self._queue)} requests wait>"

    def put(self, work: Work) -> None:
        """Let ``work`` join the queue."""
        self._queue[work] = None
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(None)
                return
        self._hire()

    def drop(self, work: Work) -> bool:
        """Take ``work`` out of the queue; say whether it was there."""
        return self._queue.pop(work, self) is None

    def until_done(self, worker: Task[None]) -> Future[None]:
        """What is done when the present work of ``worker`` is."""
        if worker not in self._outlived:
            self._outlived[worker] = future()
        return self._outlived[worker]

    def interrupt(self, worker: Task[None]) -> None:
        """Cancel the present work of ``worker``, which then takes other work."""
        self._interrupted[worker] += 1
        worker.cancel()

    async def close(self) -> None:
        """End every worker, what it does included, and wait for that; no work is taken from then on."""
        self._size = 0
        await cancel(*self._workers)

    def _hire(self) -> None:
        """Begin another worker, if there may be one more."""
        if len(self._workers) < self._size:
            worker = spawn(self._work(), "holdfast-pool", context=self._context)
            self._workers.append(worker)
            worker.add_done_callback(self._lost)

    def _lost(self, worker: Task[None]) -> None:
        """A worker is gone: its handler cancelled it, or whoever cancels every task."""
        self._workers.remove(worker)
        self._interrupted.pop(worker, None)
        if self._queue:
            self._hire()

    async def _work(self) -> None:
        worker = current()
        while True:
            try:
                await _InOwnContext(_do(await self._next()))
            except CancelledError:
                if worker.cancelling() > self._interrupted[worker]:
                    raise  # it was not, or not only, for the work
            finally:
                if (done := self._outlived.pop(worker, None)) is not None and not done.done():
                    done.set_result(None)
            if self._interrupted[worker]:
                await self._forget_interrupts(worker)

    async def _forget_interrupts(self, worker: Task[None]) -> None:
        """What was for the work that is over must not hit the next."""
        try:
            await sleep(0)  # where it comes out, if it has not yet
        except CancelledError:
            if worker.cancelling() > self._interrupted[worker]:
                raise
        for _ in range(self._interrupted.pop(worker)):
            worker.uncancel()

    async def _next(self) -> Work:
        while not self._queue:
            idle: Future[None] = future()
            self._idle.append(idle)
            await idle
        return self._queue.popitem(last=False)[0]


async def _do(work: Work) -> None:
    try:
        await work.serve()
    except Exception as error:
        work.fault(error)


class _InOwnContext:
    """A coroutine, stepped in a copy of the context it is awaited in.

    Attributes:
        cr_await: the coroutine, for those who follow a task's stack through what it awaits.
    """

    __slots__ = ("_run", "cr_await")

    def __init__(self, coro: Coroutine[Any, Any, None]) -> None:
        self._run = copy_context().run
        self.cr_await = coro

    def __await__(self) -> Generator[Any, Any, None]:
        return cast("Generator[Any, Any, None]", self)  # all that a task calls of one

    def __iter__(self) -> _InOwnContext:
        return self

    def __next__(self) -> Any:
        return self._run(self.cr_await.send, None)

    def send(self, value: Any) -> Any:
        """Go on with ``value``; ends with the coroutine's StopIteration."""
        return self._run(self.cr_await.send, value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception."""
        return self._run(self.cr_await.throw, *error)

    def close(self) -> None:
        """End the coroutine."""
        self._run(self.cr_await.close)


class EachItsTask:
    """No bound: a task for each piece of work."""

    __slots__ = ("_context", "_tasks")

    def __init__(self) -> None:
        self._context = copy_context()
        self._tasks: set[Task[None]] = set()

    def put(self, work: Work) -> None:
        """Begin ``work`` in the loop's next turn."""
        task = spawn(_do(work), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self, work: Work) -> bool:
        """It has been taken."""
        return False

    def until_done(self, worker: Task[None]) -> Future[None]:
        """The task itself."""
        return worker

    def interrupt(self, worker: Task[None]) -> None:
        """Cancel the task."""
        worker.cancel()

    async def close(self) -> None:
        """Cancel every task, and wait for that."""
        await cancel(*self._tasks)


class PooledConn(Conn):
    """A connection whose requests ``server.workers`` answer.

    Attributes:
        worker: the task that runs its handler now.
    """

    __slots__ = ("_taken", "worker", "workers")

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        super().__init__(server, sock)
        assert server.workers is not None
        self.workers: Workers = server.workers
        self.worker: Task[None] | None = None
        self._taken = False  # it is in the queue, or a worker has it

    async def serve(self) -> None:
        """Answer the request that is ready."""
        self.worker = worker = current()
        try:
            await super().run(once=True)
        finally:
            if self.worker is worker:  # else its handler outlived its exchange
                self.worker = None
                self._put_back()

    async def run(self, once: bool = False) -> None:
        """An exchange was settled in another task than its handler's, which is done with it."""
        self.task = None
        self._put_back()

    def go_on(self, exchange: Exchange) -> None:
        """As ``Conn.go_on``: the handler keeps its worker, and the connection gets another."""
        self.task, self.worker = self.worker, None
        super().go_on(exchange)

    def tasks(self) -> list[Task[None]]:
        """The tasks that work for this connection."""
        return super().tasks() + self.at_work()

    def at_work(self) -> list[Task[None]]:
        """Those of the tasks that belong to ``workers``."""
        return [] if self.worker is None else [self.worker]

    def end_of(self, task: Task[None]) -> Future[None]:
        """What is done when ``task`` has done what it does for this connection."""
        return self.workers.until_done(task)

    def kill(self, reason: CloseReason = CloseReason.KILLED) -> None:
        """Close now, whatever is going on."""
        at_work = self.at_work() if self.life.state < State.SWITCHED else []
        super().kill(reason)
        for worker in at_work:
            self.workers.interrupt(worker)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._offer()

    def _start(self) -> None:
        self._offer()

    def _put_back(self) -> None:
        self._taken = False
        self._offer()

    def _offer(self) -> None:
        """Join the queue if a request is ready and the peer takes its answers."""
        if self._head is not None and not self._taken and not self.write_paused:
            self._taken = True
            self.workers.put(self)

    def _wake_all(self) -> None:
        self._head = None
        self.workers.drop(self)
        super()._wake_all()
