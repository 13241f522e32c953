"""A client for the tests of an application: no sockets, and the whole server in between.

``memory_client`` serves an ASGI or WSGI application, or a native handler, in memory; requests
are made as with the clients that applications are tested with elsewhere.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from holdfast.cli.loading import interface_of
from holdfast.headers import Headers
from holdfast.hosts.asgi import ASGI
from holdfast.hosts.wsgi import WSGI
from holdfast.mime import parse_media_type
from holdfast.testing.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from holdfast.testing.messages import Fields, WireResponse
    from holdfast.testing.wire import WireClient

__all__ = ["AppClient", "AppResponse", "memory_client"]


@asynccontextmanager
async def memory_client(app: Any, **settings: Any) -> AsyncIterator[AppClient]:
    """Serve ``app`` in memory, lifespan included, and give a client of it.

    Args:
        app: an ASGI or WSGI application, or what ``Server`` takes.
        settings: of the ``Server``.
    """
    match interface_of(app):
        case "asgi3" | "asgi2":
            app = ASGI(app)
        case "wsgi":
            app = WSGI(app)
    async with serving(app, **settings) as (client, _):
        yield AppClient(client)


class AppResponse:
    """A response as an application's test looks at it.

    Attributes:
        status_code: the final status.
        headers: its header fields.
        content: its body.
    """

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, response: WireResponse) -> None:
        self.status_code = response.status
        self.headers = Headers(response.headers)
        self.content = response.body

    def __repr__(self) -> str:
        return f"<AppResponse {self.status_code}, {len(self.content)} bytes>"

    @property
    def text(self) -> str:
        """The body as text, in the charset of Content-Type, else UTF-8."""
        content_type = self.headers.get("Content-Type")
        params = parse_media_type(content_type)[1] if content_type else {}
        return self.content.decode(params.get("charset", "utf-8"))

    def json(self) -> Any:
        """The body parsed as JSON.  Raises ValueError."""
        return json.loads(self.content)


class AppClient:
    """Requests to one application; redirects are not followed, cookies not kept."""

    __slots__ = ("_client",)

    def __init__(self, client: WireClient) -> None:
        self._client = client

    async def request(
        self, method: str, target: str = "/", *, headers: Fields = (), content: bytes = b"", json: Any = None
    ) -> AppResponse:
        """Make a request; ``json`` is a value to send in place of ``content``."""
        fields = Headers(headers)
        if json is not None:
            content = _dumps(json)
            fields.setdefault("Content-Type", "application/json")
        return AppResponse(await self._client.request(method, target, headers=fields.items(), body=content))

    async def get(self, target: str = "/", **more: Any) -> AppResponse:
        """``request("GET", ...)``."""
        return await self.request("GET", target, **more)

    async def head(self, target: str = "/", **more: Any) -> AppResponse:
        """``request("HEAD", ...)``."""
        return await self.request("HEAD", target, **more)

    async def post(self, target: str = "/", **more: Any) -> AppResponse:
        """``request("POST", ...)``."""
        return await self.request("POST", target, **more)

    async def put(self, target: str = "/", **more: Any) -> AppResponse:
        """``request("PUT", ...)``."""
        return await self.request("PUT", target, **more)

    async def delete(self, target: str = "/", **more: Any) -> AppResponse:
        """``request("DELETE", ...)``."""
        return await self.request("DELETE", target, **more)


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode()
