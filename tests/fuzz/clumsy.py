"""A clumsy application: handlers that do, step by step, what the request's script says."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.errors import AbortHandler, ConnectionReset, HTTPError
from holdfast.net.tasks import current, spawn

if TYPE_CHECKING:
    from holdfast.net.clock import FakeClock
    from tests.fuzz.programs import Asked

__all__ = ["Application", "Clumsy", "Story"]


@dataclass
class Story:
    """What became of one request's handler."""

    asked: Asked
    id: str
    written: list[bytes] = field(default_factory=list)
    began: bool = False
    ended: bool = False  # it returned, or had the response finished
    hijacked: bool = False


class Clumsy(Exception):
    """What a handler raises."""


class Application:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.release = asyncio.Event()
        self.stories: dict[str, Story] = {}
        self.left: list[Any] = []  # streams that nobody closed

    async def handle(self, w: Any, r: Any) -> None:
        story = self.stories.get(r.headers.get("X-Id", ""))
        if story is None:  # garbage may be a request after all: HTTP/2's preface is
            return
        w.headers["X-Id"] = story.id
        assert not story.began, "one request, two handlers"
        story.began = True
        for step in story.asked.script:
            try:
                await getattr(self, "_" + step[0].replace(" ", "_"))(story, w, r, *step[1:])
            except HTTPError as error:
                if len(story.asked.script) % 2 or isinstance(error, AbortHandler):
                    raise  # every second handler goes on as if nothing had been
        story.ended = True

    async def _read(self, story: Story, w: Any, r: Any) -> None:
        await r.read()

    async def _read_some(self, story: Story, w: Any, r: Any) -> None:
        await r.body.read(3)

    async def _close_body(self, story: Story, w: Any, r: Any) -> None:
        r.body.close()

    async def _flush(self, story: Story, w: Any, r: Any) -> None:
        await w.flush()

    async def _turn(self, story: Story, w: Any, r: Any) -> None:
        await asyncio.sleep(0)

    async def _hang(self, story: Story, w: Any, r: Any) -> None:
        await self._or_release(_await(r.disconnected))

    async def _interim(self, story: Story, w: Any, r: Any) -> None:
        await w.write_informational(103, {"Link": "</a>"})

    async def _trailer(self, story: Story, w: Any, r: Any) -> None:
        w.trailers["X-After"] = "1"

    async def _raise(self, story: Story, w: Any, r: Any) -> None:
        raise Clumsy

    async def _abort(self, story: Story, w: Any, r: Any) -> None:
        raise AbortHandler

    async def _cancelled(self, story: Story, w: Any, r: Any) -> None:
        raise asyncio.CancelledError

    async def _cancel_me(self, story: Story, w: Any, r: Any) -> None:
        current().cancel()
        await asyncio.sleep(0)

    async def _exit(self, story: Story, w: Any, r: Any) -> None:
        raise SystemExit(3)

    async def _duplex(self, story: Story, w: Any, r: Any) -> None:
        w.controller.enable_full_duplex()

    async def _say_close(self, story: Story, w: Any, r: Any) -> None:
        w.headers["Connection"] = "close"

    async def _detach(self, story: Story, w: Any, r: Any) -> None:
        await w.finish()
        story.ended = True
        w.exchange.detach()

    async def _write(self, story: Story, w: Any, r: Any, size: int) -> None:
        data = bytes([65 + len(story.written) % 26]) * size
        if not story.ended:
            story.written.append(data)  # that it waits in vain does not unsay it
        before = w.bytes_written
        try:
            await w.write(data)
        except HTTPError:
            if w.bytes_written == before and not story.ended:
                story.written.pop()
            raise

    async def _status(self, story: Story, w: Any, r: Any, status: int) -> None:
        w.write_header(status)

    async def _declare(self, story: Story, w: Any, r: Any, size: int) -> None:
        w.headers["Content-Length"] = str(size)

    async def _pass(self, story: Story, w: Any, r: Any, seconds: float) -> None:
        over = asyncio.Event()
        timer = self.clock.call_at(self.clock.time() + seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def _hijack(self, story: Story, w: Any, r: Any, then: str) -> None:
        stream, _ = await w.hijack()
        story.hijacked = True
        self.left.append(stream)
        if then == "talk":
            with suppress(ConnectionReset):
                await stream.write(b"hello")
                await self._or_release(stream.read())
        if then == "abort":
            stream.abort()
        elif then != "leave":
            await self._or_release(stream.close())

    async def _read_by(self, story: Story, w: Any, r: Any, seconds: float | None) -> None:
        w.controller.set_read_deadline(seconds)

    async def _write_by(self, story: Story, w: Any, r: Any, seconds: float | None) -> None:
        w.controller.set_write_deadline(seconds)

    async def _or_release(self, what: Any) -> None:
        """Wait for ``what``, but no longer than the program lasts."""
        tasks = [spawn(what), spawn(self.release.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks[:1])
        if not tasks[0].cancelled():
            await tasks[0]


async def _await(awaitable: Any) -> None:
    await awaitable
