"""Recover: a handler that raises costs its answer, and not its connection.

The server by itself answers 500 and closes, since it cannot know what the handler left half done.
Whoever wraps a handler in this says that the connection can go on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import AbortHandler, LimitExceeded, NetworkError, RemoteProtocolError, Timeout
from holdfast.server.handlers import as_handler
from holdfast.server.replies import error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.message import Request

    Answer = Callable[[Any, Request, Exception], Awaitable[None]]

__all__ = ["Recover"]


class Recover:
    """Logs what ``handler`` raises, with its stack, and answers in its place.

    Args:
        handler: what may raise.
        answer: ``await answer(w, r, exception)`` gives the answer; otherwise 500 in plain text.

    Passed on, for the server to deal with: ``AbortHandler``, the peer's own failures (a broken body, one
    that is too large, a lost connection), and whatever is raised once the response was begun.
    """

    __slots__ = ("_answer", "_handler")

    def __init__(self, handler: Any, answer: Answer | None = None) -> None:
        self._handler = as_handler(handler)
        self._answer = answer or _internal_server_error

    async def serve_http(self, w: Any, r: Request) -> None:
        """Pass on, and recover."""
        before = w.headers.copy()
        try:
            await self._handler(w, r)
        except _NOT_OURS:
            raise
        except Exception as exception:
            if w.status:
                raise
            _log.exception("handler failed in %r from %s", r, r.remote_addr)
            w.headers.clear()
            w.headers.update(before)
            await self._answer(w, r, exception)


async def _internal_server_error(w: Any, r: Request, exception: Exception) -> None:
    await error(w, "Internal Server Error", 500)


_NOT_OURS: Final = (AbortHandler, RemoteProtocolError, LimitExceeded, NetworkError, Timeout)
_log: Final = logging.getLogger("holdfast.error")
