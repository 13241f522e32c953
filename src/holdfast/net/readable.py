"""Hearing of bytes in a pipe: with a loop, or without one in a process that has nothing else to do."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["on_readable", "wait_readable"]


def wait_readable(descriptors: Iterable[int], timeout: float | None) -> list[int]:
    """Wait until a read of one of ``descriptors`` would not block, and say which ones.

    Args:
        timeout: seconds after which the answer is an empty list; None waits for ever.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [found for found, _ in poll.poll(None if timeout is None else max(0.0, timeout) * 1000)]


def on_readable(descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
    """Call ``callback()`` on the running loop while ``descriptor`` can be read; return what ends this."""
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, callback)

    def end() -> None:
        loop.remove_reader(descriptor)

    return end
