"""ASGI's lifespan: the application is told when serving begins and when it has ended.

The application runs in one task from start to end, with a queue of two messages.  ``"auto"``
takes an exception before its answer as "it does not take part"; ``"on"`` takes it as the end.

ASGI lifespan 2.0.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any, Final, Literal

from holdfast.errors import CannotStart, LocalProtocolError
from holdfast.net import tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    App = Callable[[Any, Any, Any], Awaitable[None]]

__all__ = ["Lifespan"]


class Lifespan:
    """The lifespan of one application, run once.

    Args:
        app: ASGI 3.
        scope: of the call; its ``state`` is what the application fills.
        mode: ``"auto"``, ``"on"``, or ``"off"``: never ask.
    """

    def __init__(self, app: App, scope: dict[str, Any], mode: Literal["auto", "on", "off"]) -> None:
        self._app = app
        self._scope = scope
        self._mode = mode
        self._task: tasks.Task[None] | None = None
        self._asked = 0  # how many messages the application has received
        self._answer: tasks.Future[str | None] | None = None  # to the message that was received last
        self._stopping: tasks.Future[None] | None = None

    async def startup(self) -> None:
        """Tell the application to start, and wait until it has.

        Raises:
            CannotStart: it said that it failed, or (mode ``"on"``) raised.
        """
        if self._mode == "off":
            return
        self._answer, self._stopping = tasks.future(), tasks.future()
        self._task = tasks.spawn(self._run(), name="holdfast lifespan")
        failure = await self._answer
        if failure is not None:
            await tasks.cancel(self._task)
            self._task = None
            first = failure.strip().rpartition("\n")[2]
            details = f"{failure.rstrip()}\n" if "\n" in failure else ""
            raise CannotStart(f"the application failed to start: {first}", details=details)

    async def shutdown(self) -> None:
        """Tell the application that serving has ended, and wait until it is done.  Its failure is logged."""
        task = self._task
        if task is None or task.done() or self._stopping is None:
            return
        self._task = None
        self._answer = tasks.future()
        self._stopping.set_result(None)
        try:
            failure = await self._answer
        finally:
            await tasks.cancel(task)
        if failure is not None:
            _log.error("the application failed to shut down\n%s", failure)

    async def _run(self) -> None:
        failure: str | None = None
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            if self._asked < 2 and self._mode == "auto" and self._waited_for:
                _log.info("the application takes no part in lifespan (%s)", _one_line(error))
            else:
                failure = traceback.format_exc()
        else:
            if self._waited_for and self._mode == "on":
                failure = "the application returned from lifespan without an answer"
        if self._waited_for:
            self._resolve(failure)
        elif failure is not None:
            _log.error("the application's lifespan failed\n%s", failure)

    @property
    def _waited_for(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _resolve(self, failure: str | None) -> None:
        if self._answer is not None:
            self._answer.set_result(failure)

    async def _receive(self) -> dict[str, Any]:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        if self._asked == 2 and self._stopping is not None:
            await self._stopping
            return {"type": "lifespan.shutdown"}
        never: tasks.Future[dict[str, Any]] = tasks.future()  # there is no third message
        return await never

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        phase = "startup" if self._asked < 2 else "shutdown"
        if kind not in (f"lifespan.{phase}.complete", f"lifespan.{phase}.failed") or not self._waited_for:
            raise LocalProtocolError(f"{kind!r} does not answer lifespan.{phase}")
        failed = kind.endswith("failed")
        self._resolve((message.get("message") or "it gave no reason") if failed else None)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


_log: Final = logging.getLogger("holdfast.error")
