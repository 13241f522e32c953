"""The kinds of value that a flag of ``holdfast serve`` takes, beside click's own.

Each finds the mistake when the command line is read, before anything is started.
"""

from __future__ import annotations

from typing import Any

import click

__all__ = ["Header", "LogFormat", "Seconds"]


class Header(click.types.StringParamType):
    """``Name: value``, checked as the server will check it; in the environment one a line."""

    name = "name: value"
    envvar_list_splitter = "\n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from holdfast.headers import Headers

        name, colon, text = value.partition(":")
        try:
            if not colon:
                raise ValueError("expected Name: value")
            Headers().add(name, text.strip())
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        return f"{name}: {text.strip()}"


class Seconds(click.FloatRange):
    """Seconds; 0 turns the clock off."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(value, param, ctx) or None


class LogFormat(click.types.StringParamType):
    """The access log's format, compiled once to find the mistake now."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if param is not None and value == param.default:
            return str(value)  # known to be good, and there may be no access log to import it for
        from holdfast.trace.accesslog import AccessLog

        try:
            AccessLog(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)
