"""What a command line asks for, for the tests of everything that reads it."""

import os

import click
import pytest

from holdfast.cli.options import serve_command


def ask(*arguments, env=None):
    """The settings that a command line asks for, or the error it earns."""
    asked = []
    command = serve_command(lambda settings: bool(asked.append(settings)))
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
                patch.delenv(name)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            command.main(list(arguments), standalone_mode=False)
    except click.ClickException as error:
        return error.format_message()
    return asked[0]
