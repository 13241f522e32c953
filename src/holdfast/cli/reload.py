"""Which file has changed: looked for by time stamps, a few times a second, for development."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Watcher"]


class Watcher:
    """The files below some folders, as they were at the last look.

    Args:
        folders: where to look.
        include: globs of files to watch beside ``*.py``.
        exclude: globs of files and folders not to watch, beside hidden ones, caches and virtual environments.
            A glob is compared with the name, and with the path as it is found.
    """

    def __init__(
        self, folders: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        self._folders = folders
        self._include = include
        self._exclude = exclude
        self._seen = dict(self._look())

    def changed(self) -> str | None:
        """A file that was changed, made or removed since the last look; None when none was."""
        now = dict(self._look())
        before, self._seen = self._seen, now
        different = now.items() ^ before.items()
        return min((path for path, _ in different), default=None)

    def _look(self) -> Iterator[tuple[str, int]]:
        waiting = list(self._folders)
        while waiting:
            try:
                entries = list(os.scandir(waiting.pop()))
            except OSError:
                continue  # removed in between
            for entry in entries:
                if _named(entry, _EXCLUDED) or _matches(entry, self._exclude):
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                            waiting.append(entry.path)
                    elif entry.name.endswith(".py") or _matches(entry, self._include):
                        yield entry.path, entry.stat().st_mtime_ns
                except OSError:
                    continue


def _named(entry: os.DirEntry[str], globs: Sequence[str]) -> bool:
    return any(fnmatch(entry.name, glob) for glob in globs)


def _matches(entry: os.DirEntry[str], globs: Sequence[str]) -> bool:
    if not globs:
        return False
    path = os.path.normpath(entry.path)
    return _named(entry, globs) or any(fnmatch(path, glob) for glob in globs)


_EXCLUDED: Final = (".*", "__pycache__", "node_modules", "*.py[cod]", "*~", "~*")
