"""Were the answers right: whole ones strictly HTTP, in their order, and what their handlers wrote?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import ConnectionReset
from holdfast.testing import BrokenResponse
from holdfast.testing.messages import WireResponse, read_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fuzz.clumsy import Story
    from tests.fuzz.hostile import Peer

__all__ = ["complaints"]


async def complaints(peer: Peer, mode: str, *, cut: bool) -> AsyncIterator[str]:
    """Yield what is wrong with what ``peer`` got; ``cut`` allows that its connection was cut by our side."""
    source = _Source(bytes(peer.received))
    sound = True  # every handler so far came to its end
    for story in peer.stories:
        if source.over:
            if sound and story.ended and not (story.hijacked or peer.wilful or peer.spoilt or cut):
                yield f"{story.id} was never answered"
            return
        try:
            response = await read_response(source, story.asked.method)
        except BrokenResponse as error:
            if not peer.ending or "ends after" not in str(error):
                yield f"{story.id}: {error}"
            return
        sound = sound and story.ended
        if response.header("X-Id") is None:
            if not (peer.spoilt or response.status >= 400 or story.asked.method == "OPTIONS"):
                yield f"a {response.status} of ours in place of {story.id}"
            if story.asked.method == "HEAD":
                return  # what cannot be read is refused with a body, whatever was asked
        else:
            for complaint in _of_one(peer, story, response, mode):
                yield f"the answer to {story.id} {complaint}"
        tunnel = story.asked.method == "CONNECT" and response.status < 300
        if story.hijacked or response.status == 101 or tunnel:
            return  # what follows is no HTTP
        if _is_last(response):
            break  # what is asked behind it is not answered
    if not (source.over or peer.spoilt or peer.pending):
        yield f"nobody asked for {source.rest()[:200]!r}"


def _is_last(response: WireResponse) -> bool:
    connection = [value.lower() for value in response.values("Connection")]
    return "close" in connection or (response.version == "1.0" and "keep-alive" not in connection)


def _of_one(peer: Peer, story: Story, response: WireResponse, mode: str) -> list[str]:
    wrong = []
    if response.header("X-Id") != story.id:
        wrong.append(f"is that to {response.header('X-Id')}")
    if story.hijacked or response.framing == "none":
        return wrong
    if response.framing == "close":
        cut = peer.ending == "reset" or (peer.ending == "lost" and peer.wilful)
        if cut or peer.sent_eof or peer.wilful or mode == "h1":
            return wrong  # in memory, without TLS, a reset of ours looks like an end
    wanted = b"".join(story.written)
    if response.body != wanted:
        wrong.append(f"has {len(response.body)} bytes of {len(wanted)}")
    if not story.ended and response.framing != "length":
        wrong.append(f"is whole, and its handler was not at its end; {peer.ending}")
    return wrong


class _Source:
    """Bytes to read responses from."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def over(self) -> bool:
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        return self._data[self._at :]

    async def read(self, n: int) -> bytes:
        return self._take(min(n, len(self._data) - self._at))

    async def readexactly(self, n: int) -> bytes:
        return self._take(n)

    async def readuntil(self, separator: bytes) -> bytes:
        found = self._data.find(separator, self._at)
        return self._take(found - self._at + len(separator) if found >= 0 else len(self._data) + 1)

    def _take(self, n: int) -> bytes:
        start, self._at = self._at, self._at + n
        if self._at > len(self._data):
            raise ConnectionReset(f"the response ends after {len(self._data)} bytes")
        return self._data[start : self._at]
