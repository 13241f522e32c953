"""The command ``holdfast``, also as ``python -m holdfast``."""

from __future__ import annotations

from holdfast.cli import garbage

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with its code."""
    garbage.pause()
    from holdfast.cli.main import main  # after the pause, which is for the sake of this import

    main()


if __name__ == "__main__":
    main()
