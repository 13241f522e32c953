"""The access log: one line for each finished exchange, in the words of your tools.

A listener of ``ServerTrace``, and the example for the next one.  The format is
compiled once into a list of functions; an exchange then costs those calls, one
``LogRecord`` and whatever the handlers of the logger ``holdfast.access`` do.

Rule 1: nothing a peer sent reaches a line as it came.  Whatever is not printable
ASCII, and the quote and the backslash, are escaped (CVE-2020-7694: a newline in
a path forges a line, an escape sequence drives the reader's terminal).
Rule 2: a log never costs a response: an unknown word in a format is refused when
the format is compiled, not when it is used.

Apache HTTP Server, mod_log_config; gunicorn's ``access_log_format``.
"""

from __future__ import annotations

import binascii
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any, Final

from holdfast.status import reason
from holdfast.trace.hooks import ServerTrace

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.trace.hooks import ExchangeDone

__all__ = ["FORMATS", "AccessLog", "compile_format", "escape"]

FORMATS: Final = {
    "uvicorn": '%(peer)s - "%(r)s" %(s)s %(phrase)s',
    "combined": '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
}


class AccessLog:
    """Writes each exchange as one line to the logger ``holdfast.access``, at INFO.

    The record carries the ``ExchangeDone`` as ``record.exchange``, for formatters and filters of your own.

    Args:
        format: ``"uvicorn"``, ``"combined"`` or ``"json"``; each of the first two with ``"+close"`` behind it
            shows the reason why the connection closes; or a format string, see ``compile_format``.
        colors: colour the status of the ``"uvicorn"`` lines for a terminal.

    Raises:
        ValueError: the format string has a word that does not exist.
    """

    __slots__ = ("_colors", "_line", "_logger")

    def __init__(self, format: str = "uvicorn", *, colors: bool = False) -> None:
        name, _, close = format.partition("+")
        if format == "json":
            self._line: Callable[[ExchangeDone], str] = _json_lines()
        elif name in FORMATS and close in ("", "close"):
            text = FORMATS[name] + (' "%(close_reason)s"' if close else "")
            if colors and name == "uvicorn":
                text = text.replace("%(s)s %(phrase)s", "%(colored)s")
            self._line = compile_format(text)
        else:
            self._line = compile_format(format)
        self._logger = logging.getLogger("holdfast.access")

    def trace(self) -> ServerTrace:
        """The hooks to give to a ``Server``; empty when nobody would see the lines."""
        if not self._logger.isEnabledFor(logging.INFO):
            return ServerTrace()
        return ServerTrace(exchange_done=self.exchange_done)

    def exchange_done(self, exchange: Any, done: ExchangeDone) -> None:
        """Write the line of one exchange."""
        # Not logger.info(): it walks the stack to find its caller, which is always this line.
        record = logging.LogRecord(self._logger.name, logging.INFO, "", 0, self._line(done), None, None)
        record.exchange = done
        self._logger.handle(record)


def compile_format(text: str) -> Callable[[ExchangeDone], str]:
    """Make a function that writes ``text`` with its ``%(word)s`` replaced; ``%%`` is a percent sign.

    Words of Apache and gunicorn: ``h l u t r m U q H s B b f a T M D L p``, ``{name}i`` a request field,
    ``{name}o`` a response field.  Our own: ``peer`` (with its port), ``version``, ``phrase``,
    ``bytes_received``, ``ttfb`` (seconds to the first byte), ``close_reason``.  An absent one is ``-``.

    Raises:
        ValueError: a word does not exist, or a ``%`` begins none.
    """
    parts: list[str | Callable[[ExchangeDone], str]] = []
    end = 0
    for match in _WORD.finditer(text):
        parts += [text[end : match.start()], _word(match)]
        end = match.end()
    parts.append(text[end:])

    def line(done: ExchangeDone) -> str:
        return "".join([part if isinstance(part, str) else part(done) for part in parts])

    return line


def escape(text: str) -> str:
    """``text`` with every character escaped that could end, forge or colour a line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _UNSAFE.sub(lambda match: _escaped(match[0]), text)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{{{ord(char):x}}}"


_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_WORD: Final = re.compile(r"%(?:\((?P<word>[^)]*)\)s|(?P<other>.?))", re.DOTALL)


def _word(match: re.Match[str]) -> str | Callable[[ExchangeDone], str]:
    word = match["word"]
    if word is None:
        if match["other"] == "%":
            return "%"
        raise ValueError(f"a % in a log format begins %(word)s or %%, not {match[0]!r}")
    if word in _WORDS:
        return _WORDS[word]
    if header := re.fullmatch(r"\{([^}]+)\}([io])", word):
        name = header[1].lower().encode("latin-1", "replace")
        if header[2] == "i":
            return lambda done: escape(done.request_header(name) or "-")
        return lambda done: escape(done.response_header(name) or "-")
    raise ValueError(
        f"%({word})s is not a word of a log format; there are {', '.join(_WORDS)}, {{name}}i, {{name}}o"
    )


def _host(done: ExchangeDone) -> str:
    host, colon, _ = done.peer.rpartition(":")
    return escape(host if colon else done.peer) or "-"


def _request_line(done: ExchangeDone) -> str:
    return f"{escape(done.method)} {escape(done.target)} HTTP/{done.version}"


def _user(done: ExchangeDone) -> str:
    scheme, _, credentials = (done.request_header(b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return "-"
    try:
        user, _, _ = binascii.a2b_base64(credentials.strip()).partition(b":")
    except ValueError:
        return "-"
    return escape(user.decode("utf-8", "replace")) or "-"


def _time(done: ExchangeDone) -> str:
    # When the request came, as Apache writes it; strftime would write the month in the reader's language.
    t = time.localtime(time.time() - done.duration)
    minutes = t.tm_gmtoff // 60
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    day = f"{t.tm_mday:02d}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}"
    return f"[{day}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} {zone}]"


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _colored(done: ExchangeDone) -> str:
    color = {1: 37, 2: 32, 3: 33, 4: 31, 5: 91}.get(done.status // 100, 31)
    return f"\x1b[{color}m{done.status} {reason(done.status)}\x1b[0m"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"


_WORDS: Final[dict[str, Callable[[ExchangeDone], str]]] = {
    "h": _host,
    "l": lambda done: "-",
    "u": _user,
    "t": _time,
    "r": _request_line,
    "m": lambda done: escape(done.method),
    "U": lambda done: escape(done.target.partition("?")[0]),
    "q": lambda done: escape(done.target.partition("?")[2]),
    "H": lambda done: f"HTTP/{done.version}",
    "s": lambda done: str(done.status),
    "B": lambda done: str(done.bytes_sent),
    "b": lambda done: str(done.bytes_sent or "-"),
    "f": lambda done: escape(done.referer or "-"),
    "a": lambda done: escape(done.user_agent or "-"),
    "T": lambda done: str(int(done.duration)),
    "M": lambda done: str(int(done.duration * 1_000)),
    "D": lambda done: str(int(done.duration * 1_000_000)),
    "L": lambda done: _seconds(done.duration),
    "p": lambda done: f"<{os.getpid()}>",
    "peer": lambda done: escape(done.peer) or "-",
    "version": lambda done: done.version,
    "phrase": lambda done: reason(done.status),
    "bytes_received": lambda done: str(done.bytes_received),
    "ttfb": lambda done: _seconds(done.time_to_first_byte),
    "close_reason": lambda done: done.close_reason or "-",
    "colored": _colored,
}


def _json_lines() -> Callable[[ExchangeDone], str]:
    import json  # only who wants it pays for it at the start

    def line(done: ExchangeDone) -> str:
        return json.dumps(_facts(done))

    return line


def _facts(done: ExchangeDone) -> dict[str, object]:
    first = done.time_to_first_byte
    return {
        "time": round(time.time() - done.duration, 6),
        "peer": done.peer,
        "method": done.method,
        "target": done.target,
        "version": done.version,
        "status": done.status,
        "bytes_received": done.bytes_received,
        "bytes_sent": done.bytes_sent,
        "duration": round(done.duration, 6),
        "time_to_first_byte": None if first is None else round(first, 6),
        "referer": done.referer,
        "user_agent": done.user_agent,
        "close_reason": done.close_reason,
    }
