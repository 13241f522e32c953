"""The page that shows what is in a folder.

Every name is escaped twice over: as a URL in the link, as text beside it.  There is no style and
no script: a name cannot become either.
"""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

from holdfast.url import escape_path

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["link_to", "page", "read_folder"]


def read_folder(descriptor: int) -> list[str]:
    """Return the names in a folder, sorted, those of folders with a slash behind.  Raises OSError."""
    with os.scandir(descriptor) as entries:
        return sorted(entry.name + "/" if entry.is_dir() else entry.name for entry in entries)


def page(names: Iterable[str]) -> bytes:
    """Return the page with a link for each name."""
    links = "".join(f'<a href="{escape(link_to(name))}">{escape(name)}</a>\n' for name in names)
    # A name may have bytes that are no text; in the link they are escaped, here they become "?".
    return f"{_HEAD}<pre>\n{links}</pre>\n".encode(errors="replace")


def link_to(name: str) -> str:
    """Return a relative reference to ``name``, which is a sibling, with a final slash or without."""
    link = escape_path(name)
    return f"./{link}" if ":" in link else link  # RFC 3986 4.2: it would be taken for a scheme


_HEAD = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n'
