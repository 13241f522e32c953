"""An ASGI application as a front door to the exchange.

Strategy: one object per request is what the application calls ``receive`` and ``send``.
``http.response.start`` is checked and kept; it leaves with the first body message, so that a
response in one piece is one write, and gets its ``Content-Length`` by itself.

Rule 1: a wrong message raises ``LocalProtocolError`` in the ``send()`` that made it, and nothing
of it is sent.
Rule 2: once the application was told that the peer has gone (``http.disconnect``, or an
``OSError`` from ``send``), whatever it raises is its way to stop, and no fault.

ASGI 3.0, HTTP specification 2.5.
"""

from __future__ import annotations

import inspect
import logging
import os
from typing import TYPE_CHECKING, Any, Final, Literal

from holdfast.errors import BodyClosed, HTTPError, LocalProtocolError, UsageError
from holdfast.headers import has_token
from holdfast.hosts.context import run_in_own_context
from holdfast.hosts.fields import checked_fields
from holdfast.hosts.lifespan import Lifespan
from holdfast.hosts.mount import exchange_of, path_bytes, split_target, stripped_prefix
from holdfast.hosts.tlsscope import tls_extension

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.message import Request
    from holdfast.server.exchange import Exchange

    Message = dict[str, Any]

__all__ = ["ASGI"]


class ASGI:
    """A handler that runs an ASGI application.

    Args:
        app: ``async (scope, receive, send)``, or ASGI 2's ``(scope)`` that returns such a thing.
        lifespan: ``"auto"`` goes on without when the application raises at start-up, ``"on"`` does not
            start then, ``"off"`` never asks.
        root_path: what a proxy in front stripped of the path; ``scope["path"]`` contains it.

    Attributes:
        state: what the application put into ``scope["state"]`` at start-up; each request gets a
            shallow copy.
    """

    def __init__(
        self, app: Any, *, lifespan: Literal["auto", "on", "off"] = "auto", root_path: str = ""
    ) -> None:
        if not callable(app):
            raise TypeError(f"an ASGI application is called with scope, receive and send; got {app!r}")
        if lifespan not in ("auto", "on", "off"):
            raise ValueError(f'lifespan is "auto", "on" or "off", not {lifespan!r}')
        self.app = app
        self.root_path = root_path.rstrip("/")
        self.state: dict[str, Any] = {}
        self._call = _as_coroutine_function(app)
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._lifespan = Lifespan(self._call, scope, lifespan)

    def __repr__(self) -> str:
        return f"<ASGI {self.app!r}>"

    async def startup(self) -> None:
        """Run the application's start-up.  Raises CannotStart when that failed."""
        await self._lifespan.startup()

    async def shutdown(self) -> None:
        """Run the application's shutdown; its failure is logged."""
        await self._lifespan.shutdown()

    def serve_exchange(self, exchange: Exchange) -> Awaitable[None]:
        """Answer one request, at the root of the server."""
        head = exchange.head
        target = head.target
        if target[0] == "/":
            path, _, query = target.partition("?")
        else:
            path, query = split_target(head.method, target)
        return self._run(_Call(exchange, None), self._scope(exchange, path, query))

    async def serve_http(self, w: Any, r: Request) -> None:
        """Answer one request below a ``ServeMux`` or a handler such as ``StripPrefix``.

        Raises:
            UsageError: ``w`` wraps the writer, or something has been written to it.
        """
        exchange = exchange_of(w, self)
        url = r.url
        stripped = stripped_prefix(exchange, r)
        scope = self._scope(exchange, stripped + url.raw_path, url.raw_query or "")
        scope["root_path"] += _text(stripped)
        scope["method"] = r.method
        scope["headers"] = r.headers.fields.copy()
        await self._run(_Call(exchange, r), scope)

    async def _run(self, call: _Call, scope: dict[str, Any]) -> None:
        try:
            rest = run_in_own_context(self._call(scope, call.receive, call.send), call.exchange)
            if rest is not None:
                await rest
        except Exception as error:
            call.failed(error)
        if not call.exchange.ended:
            call.left_early()

    def _scope(self, exchange: Exchange, path: str, query: str) -> dict[str, Any]:
        head = exchange.head
        ends = exchange.conn.ends
        extensions = _EXTENSIONS.copy()
        if ends.tls is not None:
            extensions["tls"] = tls_extension(ends.tls)
        root_path = self.root_path
        text = path if path.isascii() and "%" not in path else _text(path)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": head.version,
            "method": head.method,
            "scheme": exchange.scheme,
            "path": root_path + text if root_path else text,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1") if query else b"",
            "root_path": root_path,
            "headers": head.fields.copy(),
            "client": ends.peer_pair if exchange.origin is None else exchange.peer_pair,
            "server": ends.local_pair,
            "state": self.state.copy(),
            "extensions": extensions,
        }


class _Call:
    """One call of the application: what it receives from and sends to."""

    __slots__ = (
        "_body_over",
        "_failure",
        "_fields",
        "_listening",
        "_phase",
        "_request",
        "_status",
        "_told",
        "_trailers",
        "exchange",
    )

    def __init__(self, exchange: Exchange, request: Request | None) -> None:
        self.exchange = exchange
        self._request = request  # when handlers above may have limited or begun its body
        self._phase = _NOTHING
        self._body_over = False
        self._told = False  # that the peer has gone
        self._listening = False  # the application waits for http.disconnect
        self._failure: HTTPError | None = None  # why the request's body could not be read
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._trailers: list[tuple[bytes, bytes]] | None = None

    def failed(self, error: Exception) -> None:
        """The application raised ``error``.  Raises what is to be answered or logged, if anything is."""
        if self._failure is not None and not self.exchange.status:
            raise self._failure from error
        if not self._told or self._phase == _DONE:
            raise error
        _log.debug("%s: the application stopped, the peer had gone", self.exchange, exc_info=error)

    def left_early(self) -> None:
        """The application is done and its response is not.  Raises what is to be answered or logged."""
        if self._failure is not None and not self.exchange.status:
            raise self._failure
        if self._told:
            self.exchange.abort()
        elif self._phase <= _KEPT:
            raise UsageError("the ASGI application returned without a response")
        else:
            raise UsageError("the ASGI application returned before its response was complete")

    # --- receive ---

    async def receive(self) -> Message:
        """The next piece of the request's body; after the last, the disconnect, when it comes."""
        if self._phase == _DONE:
            return {"type": "http.disconnect"}
        if not self._body_over:
            return await self._receive_body()
        self._listening = True
        await self.exchange.wait_disconnected()
        if self._phase != _DONE:
            self._told = True
        return {"type": "http.disconnect"}

    async def _receive_body(self) -> Message:
        exchange, request = self.exchange, self._request
        try:
            if request is not None:
                data = await request.body.next()
            else:
                data = await exchange.read()
        except HTTPError as error:
            if isinstance(error, BodyClosed) and self._phase == _DONE:
                return {"type": "http.disconnect"}
            if isinstance(error, UsageError):
                raise
            self._failure = error
            self._told = self._body_over = True
            return {"type": "http.disconnect"}
        if not data:
            self._body_over = True
        return {"type": "http.request", "body": data, "more_body": not self._body_over}

    # --- send ---

    async def send(self, message: Message) -> None:
        """Take one message.

        Raises:
            LocalProtocolError: it is malformed, or does not belong here.
            ContentLengthError, BodyNotAllowed: the body is longer than declared, or there must be none.
            ConnectionReset, Timeout: the peer has gone, or takes nothing; both are OSErrors.
        """
        kind = message["type"]
        phase = self._phase
        if kind == "http.response.body" and _KEPT <= phase <= _BODY:
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = _as_bytes(body)
            more = message.get("more_body", False)
            try:
                if more or self._trailers is not None:
                    await self._send_piece(body, more)
                elif phase == _KEPT and (body or self.exchange.head.method != "HEAD"):
                    self.exchange.respond(self._status, self._fields, body)
                    self._phase = _DONE
                    if self._listening:
                        self.exchange.finish()
                else:
                    self._send_last(body)
            except OSError:
                self._told = True
                raise
        elif kind == "http.response.start" and phase == _NOTHING:
            status = message["status"]
            self._fields = checked_fields(message.get("headers") or ())
            self._status = status if type(status) is int and 200 <= status < 1000 else _checked_status(status)
            if message.get("trailers"):
                self._trailers = []
            self._phase = _KEPT
        else:
            await self._send_other(kind, phase, message)

    def _send_last(self, body: bytes) -> None:
        if self._phase == _KEPT:  # an empty answer to HEAD says nothing of GET's length
            self.exchange.start(self._status, self._fields)
            self._phase = _BODY
        self.exchange.write(body)
        self._end()

    async def _send_piece(self, body: bytes, more: bool) -> None:
        exchange = self.exchange
        if self._phase == _KEPT:
            exchange.start(self._status, self._fields)
            self._phase = _BODY
        exchange.write(body)
        if not more:
            self._phase = _TRAILERS
        await exchange.drain()

    def _end(self) -> None:
        self._phase = _DONE
        self.exchange.end(self._trailers or ())
        if self._listening:
            self.exchange.finish()

    async def _send_other(self, kind: str, phase: int, message: Message) -> None:
        """The extensions' messages, and whatever does not belong here."""
        if kind == "http.response.early_hint" and phase != _DONE:
            if phase <= _KEPT:
                links = checked_fields([(b"link", link) for link in message["links"]])
                self.exchange.interim(103, links)
        elif kind == "http.response.trailers" and phase == _TRAILERS and self._trailers is not None:
            self._trailers += checked_fields(message.get("headers") or ())
            if not message.get("more_trailers"):
                if not has_token(self.exchange.head.index.get(b"te", b""), b"trailers"):
                    self._trailers.clear()
                self._end()
        elif kind == "http.response.pathsend" and phase == _KEPT:
            await self._send_file(message["path"])
        else:
            raise LocalProtocolError(f"expected {_EXPECTED[phase]}, the application sent {kind!r}")

    async def _send_file(self, path: str) -> None:
        """Send a whole file.  Raises OSError when it cannot be opened; nothing has been sent then."""
        exchange = self.exchange
        file = await exchange.threads.run(open, path, "rb")
        try:
            size = os.fstat(file.fileno()).st_size
            exchange.start(self._status, self._fields, length=size)
            self._phase = _BODY
            try:
                await exchange.send_file(file, 0, size)
                self._end()
            except OSError:
                self._told = True
                raise
        finally:
            file.close()


def _checked_status(status: Any) -> int:
    if isinstance(status, int) and 200 <= status < 1000:
        return int(status)  # an IntEnum
    raise LocalProtocolError(f"a final status is a number from 200 to 999, not {status!r}")


def _as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise LocalProtocolError(f"a body is bytes, not {type(body).__name__}")


def _text(path: str) -> str:
    """An escaped path as text; what is not UTF-8 becomes U+FFFD."""
    return path_bytes(path).decode("utf-8", "replace")


def _as_coroutine_function(app: Any) -> Callable[[Any, Any, Any], Any]:
    """``app`` as ASGI 3, and so that calling it runs nothing of it yet."""
    if _is_asgi2(app):

        async def from_two(scope: Any, receive: Any, send: Any) -> None:
            await app(scope)(receive, send)

        return from_two
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return app  # type: ignore[no-any-return]

    async def from_awaitable(scope: Any, receive: Any, send: Any) -> None:
        awaitable: Awaitable[None] = app(scope, receive, send)
        await awaitable

    return from_awaitable


def _is_asgi2(app: Any) -> bool:
    """Whether ``app`` is called with a scope, and what it returns with receive and send."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len([p for p in positional if p.default is p.empty]) == 1 and len(positional) < 3


_EXTENSIONS: Final[dict[str, dict[str, Any]]] = {
    "http.response.trailers": {},
    "http.response.early_hint": {},
    "http.response.pathsend": {},
}

# How far the response is.
_NOTHING: Final = 0
_KEPT: Final = 1  # the start is here, and has not been sent
_BODY: Final = 2
_TRAILERS: Final = 3  # the body is complete, trailers were announced
_DONE: Final = 4

_EXPECTED: Final = (
    "http.response.start",
    "http.response.body",
    "http.response.body",
    "http.response.trailers",
    "nothing after the end of the response",
)
_log: Final = logging.getLogger("holdfast.error")
