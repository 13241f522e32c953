"""The command ``holdfast``.

Exit codes: 0 after an orderly end, 2 for a wrong command line, 3 when what was asked for cannot be
started (uvicorn's number).  Each mistake of a user is one line on standard error.
"""

from __future__ import annotations

import sys

import click

import holdfast
from holdfast.cli.options import serve_command
from holdfast.cli.serve import serve
from holdfast.errors import CannotStart

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    Raises:
        SystemExit: always.
    """
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = _holdfast().main(given or ["--help"], prog_name="holdfast", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"holdfast: {error.format_message()}", err=True)
        code = error.exit_code
    except CannotStart as error:
        click.echo(f"{error.details}holdfast: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = 130  # the shell's number for SIGINT: it came before the server was there to take it
    sys.exit(code)


def _holdfast() -> click.Group:
    about = (holdfast.__doc__ or "").partition("\n")[0]
    group = click.Group("holdfast", help=about, commands={"serve": serve_command(serve)}, epilog=_EXAMPLES)
    return click.version_option(package_name="holdfast", message="%(prog)s %(version)s")(group)


_EXAMPLES = """\b
Examples:
  holdfast serve app:app            an ASGI or WSGI application, or a handler
  holdfast serve app:app --workers 4 --port 8080
  holdfast serve ./public           the files of a folder
  holdfast serve --help             everything that can be set
"""
