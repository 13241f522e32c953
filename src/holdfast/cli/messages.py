"""What the command says, and how logging is set up for it.

Two loggers, named as uvicorn's users expect: ``holdfast.error`` for everything that is not an
access, on standard error, and ``holdfast.access`` on standard output.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from holdfast.errors import CannotStart

if TYPE_CHECKING:
    from holdfast.cli.settings import Settings

__all__ = ["configure_logging", "log", "reopen_log_files", "running_on", "wants_colors"]

log = logging.getLogger("holdfast.error")


def configure_logging(settings: Settings) -> None:
    """Set up the two loggers, or all of logging from the file of ``--log-config``.

    Raises:
        CannotStart: that file cannot be read, or does not configure logging.
    """
    logging.addLevelName(TRACE, "TRACE")
    if settings.log_config is not None:
        _configure_from(settings.log_config)
    else:
        _handle("holdfast", sys.stderr, _Prefixed(colors=wants_colors(settings, sys.stderr)))
        plain = settings.log_format.partition("+")[0] == "uvicorn"
        colors = wants_colors(settings, sys.stdout)
        _handle(
            "holdfast.access",
            sys.stdout,
            _Prefixed(colors=colors) if plain else logging.Formatter("%(message)s"),
        )
        logging.getLogger("holdfast.access").propagate = False
    if settings.log_config is None or settings.log_level is not None:
        level = (settings.log_level or "info").upper()
        for name in ("holdfast", "holdfast.error", "holdfast.access"):
            logging.getLogger(name).setLevel(level)


def wants_colors(settings: Settings, stream: Any) -> bool:
    """Whether to colour what goes to ``stream``: as asked for; else on a terminal, unless NO_COLOR is set."""
    if settings.use_colors is not None:
        return settings.use_colors
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ


def running_on(urls: list[str], what: str) -> list[str]:
    """The lines that say where we can be reached, and what is there."""
    return [
        f"Serving {what}",
        *(f"Holdfast running on {url} (Press CTRL+C to quit)" for url in urls),
    ]


def reopen_log_files() -> None:
    """Open every log file anew under its name: SIGUSR1, after log files were moved away."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, logging.FileHandler):
            handler.acquire()
            try:
                if handler.stream is not None:  # else it opens the file when it first writes
                    handler.stream.close()
                    handler.stream = handler._open()
            finally:
                handler.release()


TRACE = 5  # uvicorn's level below DEBUG


class _Prefixed(logging.Formatter):
    """``INFO:     message``, the level in colour on a terminal."""

    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = record.levelname
        padding = " " * (9 - len(level))
        if self._colors:
            level = f"\x1b[{_COLORS.get(record.levelno, 0)}m{level}\x1b[0m"
        return f"{level}:{padding}{record.message}"


_COLORS = {
    TRACE: 34,
    logging.DEBUG: 36,
    logging.INFO: 32,
    logging.WARNING: 33,
    logging.ERROR: 31,
    logging.CRITICAL: 91,
}


def _handle(name: str, stream: Any, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.getLogger(name).handlers = [handler]


def _configure_from(path: str) -> None:
    import logging.config  # it imports a socket server; most runs do without

    try:
        if path.endswith((".json", ".yaml", ".yml")):
            logging.config.dictConfig(_read(path))
        else:
            logging.config.fileConfig(path, disable_existing_loggers=False)
    except CannotStart:
        raise
    except Exception as error:  # whatever the file makes logging do: classes of its own, files to open
        cause = error.__cause__ or error
        raise CannotStart(
            f"--log-config {path}: {type(cause).__name__}: {' '.join(str(cause).split())}"
        ) from error


def _read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        if path.endswith(".json"):
            import json

            return dict(json.load(file))
        try:
            yaml: Any = importlib.import_module("yaml")
        except ImportError:
            raise CannotStart(f"--log-config {path}: reading YAML needs PyYAML; JSON needs nothing") from None
        return dict(yaml.safe_load(file))
