"""What a handler is given: one request, read as far as somebody asks.

Strategy: nearly nothing is parsed before it is asked for.  The head's bytes were
checked by the decoder; headers, URL, query and cookies are made of them at the
first question and kept.

Rule: nothing here moves bytes: a body comes from its ``Source``, which for a server
is the exchange, and for a request made by hand the bytes given.

Go's net/http request.go; RFC 9110 sections 7 and 9.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from holdfast.body import Body, LimitedBody
from holdfast.cookies import Cookie, parse_cookies
from holdfast.errors import InvalidURL, LimitExceeded, UsageError
from holdfast.formdata import Form, Multipart, form_too_large, read_form
from holdfast.forms import boundary_of
from holdfast.headers import Headers
from holdfast.limits import MAX_FORM_BYTES, MAX_FORM_MEMORY
from holdfast.mime import parse_media_type
from holdfast.url import URL, parse_query, parse_target, read_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Mapping

    from holdfast.formdata import FormFile, Storage
    from holdfast.wire.events import RequestHead

__all__ = ["Request", "Source"]


class Source(Protocol):
    """Where a request's body and its circumstances come from."""

    @property
    def head(self) -> RequestHead: ...
    @property
    def trailers(self) -> list[tuple[bytes, bytes]]: ...
    @property
    def remote_addr(self) -> str: ...
    @property
    def local_addr(self) -> str: ...
    @property
    def tls(self) -> Any: ...
    @property
    def scheme(self) -> str: ...
    @property
    def disconnected(self) -> bool: ...
    def context(self) -> dict[str, Any]: ...
    def new_upload(self) -> Storage: ...
    def close_body(self) -> None: ...
    async def read(self) -> bytes: ...
    async def wait_disconnected(self) -> None: ...


class Request:
    """One request, as its server received it.

    Attributes:
        method: the method token, case kept.
        body: the body; empty where there is none.
        pattern: the pattern of the ``ServeMux`` that matched, or "".
        path_values: what its wildcards matched, by name.
    """

    # One is made per request, and most of this is never asked for: so it is the class's until it is.
    pattern = ""
    path_values: Mapping[str, str] = MappingProxyType({})
    _body: Body | None = None
    _url: URL | None = None
    _headers: Headers | None = None
    _context: dict[str, Any] | None = None
    _form: _FormState | None = None

    def __init__(self, source: Source) -> None:
        self._source = source
        self.method = source.head.method

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"

    # --- the head ---

    @property
    def target(self) -> str:
        """The request target as it came (latin-1)."""
        return self._source.head.target

    @property
    def proto(self) -> str:
        """``"HTTP/1.1"``, ``"HTTP/1.0"`` or ``"HTTP/2"``."""
        return f"HTTP/{self._source.head.version}"

    @property
    def url(self) -> URL:
        """The target, parsed.  Handlers that mount others replace it on a copy of the request."""
        if self._url is None:
            self._url = parse_target(self.method, self.target)
        return self._url

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return self.url.path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name.  What cannot be read is left out (as in Go's ``URL.Query``)."""
        found: dict[str, list[str]] = {}
        for name, value in parse_query(self.url.raw_query or ""):
            found.setdefault(name, []).append(value)
        return found

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            head = self._source.head
            names = head.raw_names
            self._headers = Headers.trusted(head.fields, head.index, names)
        return self._headers

    @property
    def host(self) -> str:
        """The authority the request is for: of an absolute target, else the Host field."""
        return self._source.head.host

    @property
    def content_length(self) -> int:
        """The declared length of the body in bytes; 0 without a body, -1 when it is chunked."""
        return self._source.head.content_length

    @property
    def transfer_encoding(self) -> list[str]:
        """``["chunked"]`` or ``[]``."""
        return ["chunked"] if self._source.head.content_length < 0 else []

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies' values by name; of a name that comes twice, the first."""
        found: dict[str, str] = {}
        for cookie in self.cookie_list:
            found.setdefault(cookie.name, cookie.value)
        return found

    @property
    def cookie_list(self) -> list[Cookie]:
        """Every cookie, in order."""
        return parse_cookies(self.headers.values("Cookie"))

    @property
    def user_agent(self) -> str:
        """The User-Agent field, or ""."""
        return self.headers.get("User-Agent", "")

    @property
    def referer(self) -> str:
        """The Referer field, or ""."""
        return self.headers.get("Referer", "")

    @property
    def priority(self) -> str:
        """The Priority field (RFC 9218), or ""."""
        return self.headers.get("Priority", "")

    def path_value(self, name: str) -> str:
        """Return what the wildcard ``name`` of the pattern matched, or ""."""
        return self.path_values.get(name, "")

    # --- the body ---

    @property
    def body(self) -> Body:
        """The body, to be read in pieces or as a whole; empty where the request has none."""
        if self._body is None:
            self._body = Body(self._source)
        return self._body

    @property
    def trailers(self) -> Headers:
        """The trailer fields; empty until the body was read to its end."""
        return Headers.trusted(list(self._source.trailers))

    def limit_body(self, max_bytes: int) -> None:
        """Make reads of the body raise BodyTooLarge beyond ``max_bytes``; the answer will be 413."""
        self._body = LimitedBody(self.body, max(max_bytes, 0))

    async def read(self) -> bytes:
        """Return the whole body.  Raises as ``Body.read``."""
        return await self.body.read()

    async def text(self) -> str:
        """Return the body as text, in the charset that Content-Type names, else UTF-8.

        Raises UnicodeDecodeError or LookupError besides what ``Body.read`` raises.
        """
        charset = self._content_type()[1].get("charset", "utf-8")
        return (await self.body.read()).decode(charset)

    async def json(self) -> Any:
        """Return the body parsed as JSON.  Raises ValueError besides what ``Body.read`` raises."""
        return json.loads(await self.body.read())

    async def form(self, *, max_memory: int = MAX_FORM_MEMORY) -> Form:
        """Return the form in body and query; read at the first call, and kept.

        The body of a POST, PUT or PATCH is read when its type is ``application/x-www-form-urlencoded``,
        and a body of ``multipart/form-data`` always; of other requests the form is the query's.
        Values are UTF-8; what is not reads as U+FFFD.

        Args:
            max_memory: bytes of files to keep in memory; bigger ones go to temporary files, which
                are gone when the exchange is over.

        Raises:
            RemoteProtocolError: the multipart body is malformed.
            LimitExceeded: values of more than ``MAX_FORM_BYTES`` (of an urlencoded body only where
                ``limit_body`` set no other limit), or too many of them.
            UsageError: ``multipart`` was called before.
            Others: as ``Body.read``.
        """
        state = self._form_state()
        if state.form is None:
            state.claim("form")
            state.form = await self._read_form(max_memory)
        return state.form

    def multipart(self) -> Multipart:
        """Return the parts of the body, to be read one after another as they come.

        Raises:
            RemoteProtocolError: 415 when the body is neither ``multipart/form-data`` nor
                ``multipart/mixed``, 400 when the boundary is missing.
            UsageError: ``form`` or ``multipart`` was called before.
        """
        boundary = boundary_of(self.headers.get("Content-Type", ""), ("form-data", "mixed"))
        self._form_state().claim("multipart")
        return Multipart(self.body, boundary)

    async def _read_form(self, max_memory: int) -> Form:
        query, error = _read_pairs(self.url.raw_query or "")
        media_type = self._content_type()[0]
        posted: list[tuple[str, str]] = []
        files: list[FormFile] = []
        wrong: InvalidURL | None = None
        if media_type == "multipart/form-data":
            parts = Multipart(self.body, boundary_of(self.headers["Content-Type"]))
            posted, files = await read_form(parts, self._source.new_upload, max_memory=max_memory)
        elif media_type == "application/x-www-form-urlencoded" and self.method in _FORM_METHODS:
            posted, wrong = _read_pairs((await self._read_urlencoded()).decode("latin-1"))
        return Form(posted, query, files, wrong or error)

    async def _read_urlencoded(self) -> bytes:
        if isinstance(self.body, LimitedBody):
            return await self.body.read()
        data = await self.body.read(MAX_FORM_BYTES + 1)
        if len(data) > MAX_FORM_BYTES:
            raise form_too_large()
        return data

    def _content_type(self) -> tuple[str, dict[str, str]]:
        """The media type of the body and its parameters; "" where there is none, or a malformed one."""
        try:
            return parse_media_type(self.headers.get("Content-Type", ""))
        except ValueError:
            return "", {}

    def _form_state(self) -> _FormState:
        if self._form is None:
            self._form = _FormState()
        return self._form

    # --- circumstances ---

    @property
    def remote_addr(self) -> str:
        """``host:port`` of the peer, or its Unix socket's path, or ""."""
        return self._source.remote_addr

    @property
    def tls(self) -> Any:
        """The ``TLSInfo`` of the connection, or None."""
        return self._source.tls

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        return self._source.scheme

    @property
    def context(self) -> dict[str, Any]:
        """What middleware passes on to handlers; begins as what ``base_context`` and ``conn_context`` gave.

        ``"server"`` is the Server, ``"local_addr"`` the address that the client reached.
        """
        if self._context is None:
            self._context = self._source.context()
        return self._context

    @property
    def is_disconnected(self) -> bool:
        """Whether the peer has gone or closed its half, or the exchange is over."""
        return self._source.disconnected

    @property
    def disconnected(self) -> Awaitable[None]:
        """Await it to wait until ``is_disconnected``."""
        return _Disconnected(self._source)

    # --- copies ---

    def shallow_copy(self) -> Request:
        """Return a request that shares body, headers and context, and may have another URL or pattern."""
        twin = Request.__new__(Request)
        twin._source = self._source
        twin.method = self.method
        twin.pattern = self.pattern
        twin.path_values = dict(self.path_values)
        twin._body = self.body
        twin._url = self._url
        twin._headers = self.headers
        twin._context = self.context
        twin._form = self._form_state()
        return twin

    def with_url(self, url: URL) -> Request:
        """Return a shallow copy whose URL is ``url``."""
        twin = self.shallow_copy()
        twin._url = url
        return twin


class _FormState:
    """What has become of the body as a form: shared by a request and its copies."""

    __slots__ = ("_claimed", "form")

    def __init__(self) -> None:
        self.form: Form | None = None
        self._claimed = ""

    def claim(self, method: str) -> None:
        """Let ``method`` read the body.  Raises UsageError when one did before."""
        if self._claimed:
            raise UsageError(f"{method}() was called, and {self._claimed}() has read the body before")
        self._claimed = method


def _read_pairs(raw: str) -> tuple[list[tuple[str, str]], InvalidURL | None]:
    """As ``read_query``, raising LimitExceeded."""
    pairs, error = read_query(raw)
    if isinstance(error, LimitExceeded):
        raise error
    return pairs, error


_FORM_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})


class _Disconnected:
    """Waits for the peer to go, each time it is awaited."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    def __await__(self) -> Generator[Any, None, None]:
        return self._source.wait_disconnected().__await__()
