"""The flags of ``holdfast serve``, and how they become ``Settings``.

Names and meanings are uvicorn's where uvicorn has the flag, so that swapping the word works.
A value is looked for on the command line, then in the environment (``HOLDFAST_<FLAG>``), then in
the file of ``--config``; ``--env-file`` adds to the environment before that.

Rule: a flag that changes nothing does not exist.  ``--http`` is the one exception, for the sake of
uvicorn's users, and says so when it is given.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from holdfast.cli.flags import SECTIONS
from holdfast.cli.settings import Settings
from holdfast.net.address import inherited

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["serve_command", "settings_from"]


def serve_command(run: Callable[[Settings], int]) -> click.Command:
    """The click command ``serve``; it calls ``run`` with what was asked for and returns its exit code."""

    def call(**values: Any) -> int:
        return run(settings_from(click.get_current_context(), values))

    target = click.Argument(["target"], envvar="HOLDFAST_APP", metavar="MODULE:ATTRIBUTE|FOLDER")
    options = [option for section in SECTIONS.values() for option in section]
    return _Grouped(
        "serve",
        params=[target, *options],
        callback=call,
        help="Serve an ASGI or WSGI application, a handler, a ServeMux, a Server, or the files of a folder.",
        epilog=_EXAMPLES,
        context_settings={"auto_envvar_prefix": "HOLDFAST", "show_default": True, "max_content_width": 100},
    )


def settings_from(context: click.Context, values: dict[str, Any]) -> Settings:
    """The settings that click's parsed ``values`` ask for.

    Raises:
        click.UsageError: two values contradict each other.
    """
    explicit = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    values["bind"] = _addresses(values, explicit)
    for gone in ("host", "port", "uds", "fd"):
        del values[gone]
    if values.pop("http") != "auto":
        click.echo(
            "--http is accepted for uvicorn's sake and changes nothing: Holdfast has one HTTP/1 parser",
            err=True,
        )
    if values["reload"] and values["workers"] > 1:
        if {"workers", "reload"} <= explicit:
            raise click.UsageError("--workers and --reload exclude each other")
        values["workers"] = 1
    if bool(values["ssl_keyfile"]) > bool(values["ssl_certfile"]):
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile")
    values["headers"] = tuple(tuple(line.split(": ", 1)) for line in values.pop("header"))
    return Settings(**values)


def _addresses(values: dict[str, Any], explicit: set[str]) -> tuple[str, ...]:
    """Where to listen: the one of --bind, --uds, --fd and --host with --port that was given.

    Several of them on the command line is a mistake; otherwise the first that has a value, from
    wherever it came.  With none, systemd's sockets, and then 127.0.0.1:8000.
    """
    given = [way for way in _WAYS if explicit.intersection(way)]
    if len(given) > 1:
        names = " and ".join(f"--{next(name for name in way if name in explicit)}" for way in given)
        raise click.UsageError(f"{names} exclude each other; --bind may be repeated instead")
    having = [way for way in _WAYS if values[way[0]] not in ((), None)]
    (way, *_) = (*given, *having, _WAYS[-1])
    match way[0]:
        case "bind":
            return tuple(values["bind"])
        case "uds":
            return (f"unix:{values['uds']}",)
        case "fd":
            return (f"fd:{values['fd']}",)
    host, port = values["host"], values["port"]
    if host is port is None and (passed := _from_service_manager()):
        return passed
    host = "127.0.0.1" if host is None else host
    return (f"{f'[{host}]' if ':' in host else host}:{8000 if port is None else port}",)


_WAYS = (("bind",), ("uds",), ("fd",), ("host", "port"))


def _from_service_manager() -> tuple[str, ...]:
    """The sockets that systemd passed to this very process, and not to what it will start."""
    try:
        passed = tuple(map(str, inherited(os.environ)))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return passed


class _Grouped(click.Command):
    """A command whose help shows its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, options in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"\n{self.epilog}\n")


_EXAMPLES = """Examples:
  holdfast serve app:app
  holdfast serve app:create_app --factory --reload
  holdfast serve shop.wsgi:application --workers 4 --threads 16 --bind unix:/run/shop.sock
  holdfast serve ./public --port 8080 --log-format combined
  holdfast serve app:app --port 8443 --ssl-certfile cert.pem --ssl-keyfile key.pem

Every flag can be set as HOLDFAST_<FLAG> in the environment (HOLDFAST_PORT=80) and as a line of the
--config file (port = 80); the command line wins, then the environment.
"""
