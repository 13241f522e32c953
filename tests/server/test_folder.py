"""What a path means in a folder, and that nothing outside of it is reached (field.md D3)."""

from __future__ import annotations

import os
import socket

import pytest

from holdfast.server import folder as folder_module
from holdfast.server.folder import Folder, open_path


@pytest.fixture
def site(tmp_path):
    """A folder with files in it, and a secret beside it."""
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "a.txt").write_text("a")
    (site / "sub" / "b.txt").write_text("b")
    (site / ".hidden").write_text("h")
    (site / "back\\slash").write_text("w")
    (site / "C:").write_text("w")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "site-secret").write_text("secret")
    (site / "out").symlink_to("../secret")
    (site / "out-absolute").symlink_to(tmp_path / "secret")
    (site / "out-folder").symlink_to("..")
    (site / "beside").symlink_to("../site-secret")
    (site / "in").symlink_to("sub/b.txt")
    (site / "in-folder").symlink_to("sub")
    (site / "circle").symlink_to("circle")
    (site / "nowhere").symlink_to("not there")
    return site


def content(folder, path):
    """The bytes of a file; "folder", or the error, for what is none."""
    try:
        opened = folder.open(path)
    except OSError as error:
        return type(error)
    try:
        return "folder" if opened.is_folder else os.pread(opened.descriptor, opened.size, 0)
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", "folder"),
        ("/a.txt", b"a"),
        ("a.txt", b"a"),
        ("//a.txt", b"a"),
        ("/a.txt/", b"a"),
        ("/./sub/../a.txt", b"a"),
        ("/../a.txt", b"a"),
        ("/../../../../a.txt", b"a"),
        ("/sub", "folder"),
        ("/sub/", "folder"),
        ("/sub/b.txt", b"b"),
        ("/.hidden", b"h"),
        ("/in", b"b"),
        ("/in-folder/b.txt", b"b"),
        ("/back\\slash", b"w"),
        ("/C:", b"w"),
    ],
)
def test_what_is_there(site, path, found):
    assert content(Folder(site), path) == found


@pytest.mark.parametrize(
    "path",
    [
        "/not there",
        "/a.txt/below",
        "/a.txt/../../secret",
        "/../secret",
        "/../site/a.txt",
        "/..\\secret",
        "/..\\..\\secret",
        "\\..\\secret",
        "/C:\\secret",
        "//server/share/secret",
        "\\\\server\\share",
        "/sub/..\\..\\secret",
        "/con",
        "/a.txt::$DATA",
        "/a.txt.",
        "/a.txt\0",
        "/\0",
        "/a\udcff.txt",
        "/" + "x" * 300,
        "/" + "x/" * 3000,
        "/circle",
        "/nowhere",
        "/out",
        "/out-absolute",
        "/out-folder/",
        "/out-folder/secret",
        "/out-folder/site/../secret",
        "/beside",
    ],
)
def test_what_is_not(site, path):
    assert content(Folder(site), path) is FileNotFoundError


@pytest.mark.parametrize("path", ["/out", "/out-absolute", "/out-folder/secret", "/beside"])
def test_links_are_followed_out_when_that_is_wanted(site, path):
    assert content(Folder(site, follow_symlinks=True), path) == b"secret"


@pytest.mark.parametrize("path", ["/../secret", "/circle", "/nowhere", "/sub/../../secret"])
def test_only_links_lead_out(site, path):
    assert content(Folder(site, follow_symlinks=True), path) is FileNotFoundError


def test_without_proc_a_link_is_judged_by_its_name(site, monkeypatch):
    def no_proc(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(folder_module.os, "readlink", no_proc)
    assert content(Folder(site), "/a.txt") == b"a"
    monkeypatch.undo()
    monkeypatch.setattr(
        folder_module, "_real_path", lambda descriptor, path: folder_module.os.path.realpath(path)
    )
    assert content(Folder(site), "/out") is FileNotFoundError
    assert content(Folder(site), "/in") == b"b"


def test_the_root_may_be_a_link_that_is_changed(site, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("new")
    current = tmp_path / "current"
    current.symlink_to(site)
    folder = Folder(current)
    assert content(folder, "/a.txt") == b"a"
    current.unlink()
    current.symlink_to(other)
    assert content(folder, "/a.txt") == b"new"


def test_the_root_may_come_later(tmp_path):
    folder = Folder(tmp_path / "later")
    assert content(folder, "/") is FileNotFoundError
    (tmp_path / "later").mkdir()
    assert content(folder, "/") == "folder"


@pytest.mark.parametrize("root", ["", "."])
def test_an_empty_root_is_the_current_folder(site, monkeypatch, root):
    monkeypatch.chdir(site)
    assert content(Folder(root), "/a.txt") == b"a"


def test_the_root_of_the_machine_can_be_a_root(site):
    assert content(Folder("/"), str(site / "a.txt")) == b"a"
    assert content(Folder("/"), "/") == "folder"


def test_a_root_that_is_a_file(site):
    assert content(Folder(site / "a.txt"), "/") == b"a"
    assert content(Folder(site / "a.txt"), "/x") is FileNotFoundError


def test_what_is_neither_file_nor_folder_is_not_there_and_nobody_waits_for_it(site):
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(site / "socket"))
    (site / "null").symlink_to("/dev/null")
    for path in ("/pipe", "/socket"):
        assert content(Folder(site), path) is FileNotFoundError
    assert content(Folder(site, follow_symlinks=True), "/null") is FileNotFoundError


def test_a_file_that_may_not_be_read(site, monkeypatch):
    def refused(path, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folder_module.os, "open", refused)
    assert content(Folder(site), "/a.txt") is PermissionError


def test_what_an_open_file_tells(site):
    opened = open_path(str(site / "a.txt"))
    try:
        found = (site / "a.txt").stat()
        assert (opened.size, opened.modified, opened.is_folder) == (1, found.st_mtime_ns, False)
        assert not os.get_inheritable(opened.descriptor)
    finally:
        opened.close()
