"""What may answer a request, made one shape: ``async (w, r)``.

A handler is an ``async def``, a plain ``def``, or an object with ``serve_http``.  A plain ``def`` runs
on the server's threads, where ``w`` and ``r`` block instead of being awaited.

Go's net/http ``Handler`` and ``HandlerFunc``.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from holdfast.message import Request
from holdfast.server.blocking import run_blocking
from holdfast.server.response import ResponseWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.server.exchange import Exchange

__all__ = ["AsyncHandler", "Handler", "as_handler", "native_front"]

AsyncHandler: TypeAlias = "Callable[[ResponseWriter, Request], Awaitable[None]]"


class Handler(Protocol):
    """An object that answers requests."""

    def serve_http(self, w: Any, r: Request) -> Any:
        """Answer ``r`` through ``w``; may be ``async``."""
        ...


def as_handler(handler: Any) -> AsyncHandler:
    """Return ``handler`` as a coroutine function of ``(w, r)``.

    Raises TypeError for what is no handler.
    """
    call = getattr(handler, "serve_http", handler)
    if inspect.isclass(handler) or not callable(call):
        raise TypeError(f"a handler is a function of (w, r) or has serve_http(w, r); got {handler!r}")
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return call  # type: ignore[no-any-return]

    async def blocking(w: ResponseWriter, r: Request) -> None:
        await run_blocking(call, w, r)

    return blocking


def native_front(handler: AsyncHandler) -> Callable[[Exchange], Awaitable[None]]:
    """The front door of native handlers: one writer, one request, and what the handler left undone."""

    async def serve_exchange(exchange: Exchange) -> None:
        w = ResponseWriter(exchange)
        await handler(w, Request(exchange))
        if not w.finish_now():
            await w.finish()

    return serve_exchange
