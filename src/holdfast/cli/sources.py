"""Where values come from beside the command line: ``--config FILE`` and ``--env-file FILE``.

Both are read before any other flag, so that what they hold counts for all of them.
"""

from __future__ import annotations

import os

import click

__all__ = ["read_config", "read_env_file"]


def read_config(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    """Make the values of a TOML file the defaults of all flags."""
    if path is None:
        return
    import tomllib  # most runs have no such file

    try:
        with open(path, "rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None
    except ValueError as error:  # TOML, or the bytes under it
        raise click.BadParameter(f"{path} is not TOML: {error}") from None
    known = {option.name for option in ctx.command.params} - {"config", "env_file"}
    defaults = {
        ("target" if name == "app" else name.replace("-", "_")): value for name, value in values.items()
    }
    if unknown := sorted(defaults.keys() - known):
        raise click.BadParameter(f"{path}: there is no flag --{unknown[0].replace('_', '-')}")
    ctx.default_map = defaults


def read_env_file(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    """Add the ``NAME=value`` lines of a file to the environment; what is set already stays."""
    if path is None:
        return
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                name, equals, value = line.strip().removeprefix("export ").partition("=")
                if not name or name.startswith("#"):
                    continue
                if not equals:
                    raise click.BadParameter(f"{path}, line {number}: expected NAME=value")
                os.environ.setdefault(name.strip(), _unquoted(value.strip()))
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"') and value[:1] == value[-1:] and len(value) > 1:
        return value[1:-1]
    return value.partition(" #")[0].rstrip()
