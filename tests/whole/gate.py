"""A handler that waits to be let through, for tests in which several run at once."""

from __future__ import annotations

import asyncio


class Gate:
    """A handler that says what runs, and answers with the request's path once that is let through."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.ended: list[str] = []
        self._open: dict[str, asyncio.Event] = {}

    def __getitem__(self, path: str) -> asyncio.Event:
        return self._open.setdefault(path, asyncio.Event())

    async def __call__(self, w, r):
        self.running.append(r.path)
        try:
            await self[r.path].wait()
            await w.write(r.path)
        finally:
            self.ended.append(r.path)
