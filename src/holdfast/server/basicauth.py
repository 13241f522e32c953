"""BasicAuth: a handler behind a name and a password.

Only over TLS does this protect anything: the password comes with every request, and base64
hides nothing.

RFC 7617; RFC 9110 section 11.
"""

from __future__ import annotations

import hmac
import inspect
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from holdfast.server.handlers import as_handler
from holdfast.server.replies import error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.message import Request

    Check = Callable[[str, str], bool | Awaitable[bool]]

__all__ = ["BasicAuth", "basic_credentials"]


class BasicAuth:
    """Passes on to ``handler`` what carries a right name and password; answers 401 to the rest.

    The name is in ``r.context["user"]`` then.

    Args:
        users: passwords by name, compared in constant time; or ``check(name, password) -> bool``, which may
            be async, and where it is not, must not block.
        realm: what the browser shows.

    Raises ValueError for a realm with control characters.
    """

    __slots__ = ("_challenge", "_check", "_handler")

    def __init__(self, handler: Any, users: Mapping[str, str] | Check, realm: str = "Restricted") -> None:
        if not realm.isprintable():
            raise ValueError(f"a realm has no control characters; got {realm!r}")
        self._handler = as_handler(handler)
        self._check = _checker(users) if isinstance(users, Mapping) else users
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._challenge = f'Basic realm="{quoted}", charset="UTF-8"'

    async def serve_http(self, w: Any, r: Request) -> None:
        """Check, and pass on or refuse."""
        credentials = basic_credentials(r)
        if credentials is not None:
            right = self._check(*credentials)
            if inspect.isawaitable(right):
                right = await right
            if right:
                r.context["user"] = credentials[0]
                await self._handler(w, r)
                return
        w.headers["WWW-Authenticate"] = self._challenge
        await error(w, "Unauthorized", 401)


def basic_credentials(r: Request) -> tuple[str, str] | None:
    """The name and password of a request; None when it has none, or has them more than once.

    Go's ``Request.BasicAuth``.
    """
    given = r.headers.values("Authorization")
    if len(given) != 1:
        return None
    scheme, _, encoded = given[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = b64decode(encoded.strip(" "), validate=True).decode().partition(":")
    except (NotBase64, ValueError):
        return None
    return (name, password) if colon else None


def _checker(users: Mapping[str, str]) -> Check:
    """Look digests up, which tell nothing of the texts; a name nobody has takes as long as any."""
    digests = {_digest(name): _digest(password) for name, password in users.items()}
    nobody = bytes(sha256().digest_size)

    def check(name: str, password: str) -> bool:
        return hmac.compare_digest(digests.get(_digest(name), nobody), _digest(password))

    return check


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
