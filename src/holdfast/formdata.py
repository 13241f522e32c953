"""A form, as a handler has it: its values, its files, or its parts one after another.

``Multipart`` joins a body, read as it comes, with the parser of ``forms``; ``read_form`` goes on
to collect what it gives: values in memory, files in memory too as long as there is room for
them, and from then on where ``Storage`` puts them.

Rule: what is kept in memory for one form is bounded, whatever its parts are: values by
``MAX_FORM_BYTES``, files by ``max_memory``, heads by the limits of ``forms``.

Go's mime/multipart formdata.go; RFC 7578.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar, overload

from holdfast.body import Body
from holdfast.errors import LimitExceeded
from holdfast.forms import MultipartParser, PartBegin, PartData
from holdfast.headers import Headers
from holdfast.limits import MAX_FORM_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from holdfast.forms import FormEvent

__all__ = ["Form", "FormFile", "Multipart", "Part", "Storage", "form_too_large", "read_form"]

T = TypeVar("T")
Pair = tuple[str, str]


class Form:
    """A form's values by name: those of the body first, then those of the query.

    A multi-mapping, as ``Headers``: one name gives its first value, ``values`` gives all.

    Attributes:
        posted: the body's values alone, by name.
        files: the body's files, by name.
        error: the first thing in query or body that could not be read and was left out, or None.
    """

    __slots__ = ("_pairs", "_values", "error", "files", "posted")

    def __init__(
        self,
        posted: Sequence[Pair] = (),
        query: Sequence[Pair] = (),
        files: Sequence[FormFile] = (),
        error: Exception | None = None,
    ) -> None:
        self._pairs = [*posted, *query]
        self._values = _grouped(self._pairs)
        self.posted = _grouped(posted)
        self.files = _grouped([(file.name, file) for file in files])
        self.error = error

    def __getitem__(self, name: str) -> str:
        """The first value.  Raises KeyError."""
        return self._values[name][0]

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: T) -> str | T: ...
    def get(self, name: str, default: T | None = None) -> str | T | None:
        """The first value, or ``default``."""
        found = self._values.get(name)
        return found[0] if found else default

    def values(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return list(self._values.get(name, ()))

    def items(self) -> list[Pair]:
        """Every name with its value, in order."""
        return list(self._pairs)

    def file(self, name: str) -> FormFile | None:
        """The first file of a name, or None."""
        return self.files[name][0] if name in self.files else None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """Each name once, in order."""
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"<Form {len(self._pairs)} values, {sum(map(len, self.files.values()))} files>"


def _grouped(pairs: Sequence[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


class Part(Body):
    """One part of a multipart body; readable until the next one is asked for.

    Attributes:
        headers: its fields.
        name: of the form's field; "" when it is no form-data.
        filename: the last step of the name that the peer gave; "" when it is no file.
    """

    __slots__ = ("filename", "headers", "name")

    def __init__(self, source: Multipart, begin: PartBegin) -> None:
        super().__init__(source)
        self.headers = Headers.trusted(begin.fields)
        self.name = begin.name
        self.filename = begin.filename

    def __repr__(self) -> str:
        return f"<Part {self.name!r} {self.filename!r}>"


class Multipart:
    """The parts of a multipart body, each as it comes: ``async for part in multipart``.

    What was not read of a part is dropped when the next one is asked for.
    """

    __slots__ = ("_body", "_current", "_parser")

    def __init__(self, body: Body, boundary: bytes) -> None:
        self._body = body
        self._parser = MultipartParser(boundary)
        self._current: Part | None = None

    def __aiter__(self) -> Multipart:
        return self

    async def __anext__(self) -> Part:
        """Return the next part.

        Raises:
            RemoteProtocolError: the body is malformed, as a multipart body or below.
            LimitExceeded: too many parts, or too large a head.
            Timeout, ConnectionReset, BodyClosed, UsageError: as ``Body.read``.
        """
        if self._current is not None:
            self._current.close()
            self._current = None
        while (event := await self._event()) is not None:
            if type(event) is PartBegin:
                self._current = Part(self, event)
                return self._current
        raise StopAsyncIteration

    async def read(self) -> bytes:
        """The next piece of the current part; ``b""`` at its end."""
        event = await self._event()
        return event.data if type(event) is PartData else b""

    def close_body(self) -> None:
        """The current part is closed: nothing follows from that until the next one is asked for."""

    async def _event(self) -> FormEvent | None:
        parser = self._parser
        while (event := parser.next_event()) is None and not parser.complete:
            if data := await self._body.next():
                parser.receive(data)
            else:
                parser.receive_eof()
        return event


class Storage(Protocol):
    """Where a file of a form is kept, for as long as its exchange lasts."""

    @property
    def file(self) -> BinaryIO:
        """The file itself; reading it may block."""
        ...

    async def write(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        ...

    async def read(self, n: int) -> bytes:
        """Read ``n`` bytes from where the file stands, fewer only at the end; all when negative."""
        ...

    async def rewind(self) -> None:
        """Stand at the beginning."""
        ...


class FormFile:
    """A file that came with a form; it is gone when the exchange is over.

    Attributes:
        name: of the form's field.
        filename: the last step of the name that the peer gave.  It is the peer's word: do not open it.
        headers: of its part.
        size: in bytes.
    """

    __slots__ = ("_storage", "filename", "headers", "name", "size")

    def __init__(self, part: Part, storage: Storage, size: int) -> None:
        self.name = part.name
        self.filename = part.filename
        self.headers = part.headers
        self.size = size
        self._storage = storage

    @property
    def file(self) -> BinaryIO:
        """The content as a file object, for libraries that read one; reading it may block on the disk."""
        return self._storage.file

    async def read(self, n: int = -1) -> bytes:
        """Read on: ``n`` bytes, fewer only at the end; all that is left when ``n`` is negative."""
        return await self._storage.read(n)

    async def rewind(self) -> None:
        """Read from the beginning again."""
        await self._storage.rewind()

    def __repr__(self) -> str:
        return f"<FormFile {self.name!r} {self.filename!r}, {self.size} bytes>"


async def read_form(
    parts: Multipart, store: Callable[[], Storage], *, max_memory: int
) -> tuple[list[Pair], list[FormFile]]:
    """Read every part: values by name, and files.  Parts without a name are dropped.

    Args:
        store: makes a place for a file that is too big for memory.
        max_memory: bytes of files to keep in memory, together.

    Raises:
        LimitExceeded: names and values have more than ``MAX_FORM_BYTES``.
        Others: as ``Multipart.__anext__``, and what ``store`` raises.
    """
    values: list[Pair] = []
    files: list[FormFile] = []
    room, memory = MAX_FORM_BYTES, max_memory
    async for part in parts:
        if not part.name:
            continue
        if part.filename:
            file, kept = await _read_file(part, store, memory)
            memory -= kept
            files.append(file)
            continue
        room -= len(part.name)
        data = await part.read(max(room + 1, 0))
        room -= len(data)
        if room < 0:
            raise form_too_large()
        values.append((part.name, data.decode("utf-8", "replace")))
    return values, files


def form_too_large() -> LimitExceeded:
    """What a form earns whose values are more than ``MAX_FORM_BYTES``."""
    message = f"the values of a form have more than {MAX_FORM_BYTES} bytes"
    return LimitExceeded("max_form_bytes", message, status=413)


async def _read_file(part: Part, store: Callable[[], Storage], memory: int) -> tuple[FormFile, int]:
    """Read a file into memory or, from the byte on that has no room there, into ``store()``.

    Returns the file, and how many bytes of it are in memory.
    """
    in_memory = _Memory()
    storage: Storage = in_memory
    size = 0
    async for piece in part:
        size += len(piece)
        if storage is in_memory and size > memory:
            storage = store()
            await storage.write(in_memory.file.getvalue())
        await storage.write(piece)
    await storage.rewind()
    return FormFile(part, storage, size), size if storage is in_memory else 0


class _Memory:
    """A file in memory."""

    __slots__ = ("file",)

    def __init__(self) -> None:
        self.file: BytesIO = BytesIO()

    async def write(self, data: bytes) -> None:
        self.file.write(data)

    async def read(self, n: int) -> bytes:
        return self.file.read(n)

    async def rewind(self) -> None:
        self.file.seek(0)
