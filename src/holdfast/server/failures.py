"""What a server answers in the place of its handler: failures, and what no handler is asked about.

RFC 9110 sections 10.1.1 (417), 15.5.9 (408), 15.6.1 (500), 9.3.7 (``OPTIONS *``).
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from holdfast import limits
from holdfast.errors import HTTPError, LimitExceeded, RemoteProtocolError, Timeout
from holdfast.status import reason
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    from logging import Logger

    from holdfast.server.exchange import Exchange

__all__ = ["answer_failure", "answer_special", "log_failure"]


def log_failure(log: Logger, exchange: Exchange, error: BaseException) -> None:
    """Log what a handler raised, with its stack, unless it only passed on what its peer did."""
    if isinstance(error, RemoteProtocolError | LimitExceeded | Timeout):
        log.info("%s from %s: %s", exchange, exchange.remote_addr, error)
        return
    stack = "".join(traceback.format_exception(error))[-limits.MAX_TRACEBACK :]
    log.error("handler failed in %s from %s\n%s", exchange, exchange.remote_addr, stack)


def answer_failure(exchange: Exchange, error: BaseException) -> bool:
    """Answer in the place of a handler that raised before it had begun; say whether that was possible."""
    status, why = 500, CloseReason.HANDLER_FAILED
    if isinstance(error, RemoteProtocolError | LimitExceeded):
        status, why = error.status, CloseReason.BODY_BROKEN
    elif isinstance(error, Timeout):
        status, why = 408, CloseReason.BODY_BROKEN
    body = f"{reason(status)}\n".encode()
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    try:
        exchange.start(status, fields, length=len(body))
        exchange.write(body)
        exchange.end()
    except HTTPError:
        return False
    exchange.conn.reason = exchange.conn.reason or why
    return True


async def answer_special(exchange: Exchange) -> None:
    """Answer an unknown expectation, and ``OPTIONS *`` unless the handler wants it."""
    head, server = exchange.head, exchange.server
    if head.expect_unknown:
        exchange.start(417, [(b"connection", b"close")], length=0)
        exchange.end()
    elif head.method == "OPTIONS" and server.general_options:
        exchange.start(200, [], length=0)
        exchange.end()
    else:
        await server.front(exchange)
