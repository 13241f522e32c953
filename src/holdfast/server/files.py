"""FileServer and serve_file: a folder, or one file of it, as a site.

Redirects are relative, so that they hold wherever the folder is mounted.  Where the path has an
escaped slash there is none: what the last segment is depends on who reads it.

Go's net/http ``FileServer`` and ``ServeFile``; beyond them an ETag, made of time and size, and
symbolic links that stay inside the folder.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from holdfast.conditional import unmodified_since
from holdfast.net.disk import on_a_thread
from holdfast.server.blocking import also_blocking
from holdfast.server.content import not_modified, send_content, serve_error, set_last_modified
from holdfast.server.folder import Folder, open_path
from holdfast.server.listing import link_to, page, read_folder
from holdfast.url import clean_path

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.message import Request
    from holdfast.server.folder import OpenFile

__all__ = ["FileServer", "serve_file"]


class FileServer:
    """A handler that serves the files below ``root`` by their paths, in answer to every method.

    A folder is answered by the file ``index`` in it, else by a list of what it has.  Files whose names begin
    with a dot are files like any other.

    Args:
        root: a folder.
        index: a file's name; "" for none.
        listing: False answers 404 for a folder without ``index``.
        follow_symlinks: also to where they lead out of ``root``; otherwise such a path is answered by 404.
    """

    __slots__ = ("_folder", "_index", "_listing")

    def __init__(
        self,
        root: str | Path,
        *,
        index: str = "index.html",
        listing: bool = True,
        follow_symlinks: bool = False,
    ) -> None:
        self._folder = Folder(root, follow_symlinks=follow_symlinks)
        self._index = index
        self._listing = listing

    async def serve_http(self, w: Any, r: Request) -> None:
        """Answer with the file at the request's path."""
        path = r.url.path
        if path[:1] != "/":
            path = "/" + path
        if self._index and path.endswith("/" + self._index):
            await _redirect(w, r, "./")
            return
        try:
            opened = self._folder.open(path)
        except OSError as error:
            await _refuse(w, r, error)
            return
        try:
            await self._serve(w, r, path, opened)
        finally:
            opened.close()

    async def _serve(self, w: Any, r: Request, path: str, opened: OpenFile) -> None:
        if not opened.is_folder:
            name = clean_path(path).rstrip("/").rpartition("/")[2]
            if path[-1] != "/":
                await _send(w, r, name, opened)
            elif not name:
                await serve_error(w, "500 Internal Server Error", 500)  # the root is a file
            else:
                await _redirect(w, r, f"../{link_to(name).removeprefix('./')}")
            return
        if path[-1] != "/":
            await _redirect(w, r, link_to(path.rpartition("/")[2] + "/"))
            return
        if (index := self._open_index(path)) is not None:
            try:
                await _send(w, r, self._index, index)
            finally:
                index.close()
        elif self._listing:
            await _list(w, r, opened)
        else:
            await serve_error(w, "404 page not found", 404)

    def _open_index(self, path: str) -> OpenFile | None:
        if not self._index:
            return None
        try:
            index = self._folder.open(path + self._index)
        except OSError:
            return None
        if index.is_folder:
            index.close()
            return None
        return index


@also_blocking
async def serve_file(w: Any, r: Request, path: str | Path) -> None:
    """Answer with the file or the folder at ``path``, wherever that is: the application has chosen it.

    A request whose own path has a ``..`` is answered by 400, since many a ``path`` was made of it.  A folder
    is served as by ``FileServer``.
    """
    if ".." in r.url.path.replace("\\", "/").split("/"):
        await serve_error(w, "invalid URL path", 400)
        return
    if r.url.path.endswith("/index.html"):
        await _redirect(w, r, "./")
        return
    try:
        opened = open_path(str(path))
    except OSError as error:
        await _refuse(w, r, error)
        return
    try:
        if opened.is_folder:
            await _serve_folder(w, r, path)
        else:
            await _send(w, r, str(path), opened)
    finally:
        opened.close()


async def _serve_folder(w: Any, r: Request, path: str | Path) -> None:
    """The folder itself is asked for, whatever the request's path is."""
    if r.url.path[-1:] != "/":
        await _redirect(w, r, link_to((r.url.path.rpartition("/")[2] or ".") + "/"))
        return
    await FileServer(path, follow_symlinks=True).serve_http(w, r.with_url(r.url._replace(raw_path="/")))


async def _send(w: Any, r: Request, name: str, file: OpenFile) -> None:
    if "ETag" not in w.headers:
        w.headers["ETag"] = _etag(file)
    await send_content(w, r, name, file.modified / 1e9, file.descriptor, file.size)


def _etag(file: OpenFile) -> str:
    """A tag that changes when the file does; weak while it may still change within the tick of its clock."""
    tag = f'"{file.modified:x}-{file.size:x}"'
    return tag if time.time_ns() - file.modified > _SETTLED else f"W/{tag}"


async def _list(w: Any, r: Request, folder: OpenFile) -> None:
    modified = folder.modified / 1e9
    since = r.headers.get("If-Modified-Since")
    if r.method in ("GET", "HEAD") and unmodified_since(since, modified):
        not_modified(w)
        return
    try:
        names = await on_a_thread(read_folder, folder.descriptor)
    except OSError as error:
        _log.error("%r: reading the folder: %s", r, error)
        await serve_error(w, "Error reading directory", 500)
        return
    set_last_modified(w, modified)
    w.headers["Content-Type"] = "text/html; charset=utf-8"
    await w.write(page(names))


async def _redirect(w: Any, r: Request, location: str) -> None:
    """Answer 301 to a relative reference, which keeps the query."""
    url = r.url
    if "%2f" in url.raw_path.lower():
        await serve_error(w, "404 page not found", 404)
        return
    w.headers["Location"] = location if not url.raw_query else f"{location}?{url.raw_query}"
    w.write_header(301)


async def _refuse(w: Any, r: Request, error: OSError) -> None:
    """Answer for a file that could not be opened, without a word about why: the path is nobody's business."""
    if isinstance(error, FileNotFoundError):
        await serve_error(w, "404 page not found", 404)
    elif isinstance(error, PermissionError):
        await serve_error(w, "403 Forbidden", 403)
    else:
        _log.error("%r: opening the file: %s", r, error)
        await serve_error(w, "500 Internal Server Error", 500)


_SETTLED: Final = 2_000_000_000  # nanoseconds: the coarsest clock of a filesystem (FAT)
_log: Final = logging.getLogger("holdfast.error")
