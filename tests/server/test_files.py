"""FileServer and serve_file: paths, redirects, folders, errors; what a whole server makes of them is in
tests/whole/test_files.py."""

from __future__ import annotations

import os

import pytest

from holdfast.server import files, folder
from holdfast.server.files import FileServer, serve_file
from holdfast.server.prefix import StripPrefix
from holdfast.testing import recorder


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    (site / "sub" / "deep").mkdir(parents=True)
    (site / "with index").mkdir()
    (site / "with index" / "index.html").write_text("the index")
    (site / "odd" / "index.html").mkdir(parents=True)
    (site / "a:b").mkdir()
    (site / "file.txt").write_text("a file")
    (site / "sub" / "x.css").write_text("x")
    return site


async def get(handler, target, method="GET", **headers):
    w, r = recorder(
        method, target, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    await handler.serve_http(w, r)
    return await w.result()


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/sub", "sub/"),
        ("/sub?a=1&b", "sub/?a=1&b"),
        ("/sub/deep", "deep/"),
        ("/with%20index", "with%20index/"),
        ("/a:b", "./a:b/"),
        ("/sub/.", "./"),
        ("/file.txt/", "../file.txt"),
        ("/sub/x.css/?q", "../x.css?q"),
        ("/file.txt/./", "../file.txt"),
        ("/index.html", "./"),
        ("/with%20index/index.html?q", "./?q"),
        ("/not%20there/index.html", "./"),
    ],
)
async def test_a_path_that_is_not_the_usual_one_is_redirected(site, target, location):
    response = await get(FileServer(site), target)
    assert (response.status, response.header("Location")) == (301, location)


@pytest.mark.parametrize("target", ["/sub%2Fdeep", "/x%2fy/../sub", "/sub%2Fx.css/", "/sub%2Findex.html"])
async def test_no_redirect_for_an_escaped_slash(site, target):
    assert (await get(FileServer(site), target)).status == 404


async def test_an_escaped_slash_is_one_where_nothing_depends_on_it(site):
    assert (await get(FileServer(site), "/sub%2Fx.css")).body == b"x"


async def test_a_folder_has_an_index_or_is_listed(site):
    server = FileServer(site)
    assert (await get(server, "/with%20index/")).body == b"the index"
    listed = await get(server, "/sub/")
    assert b'<a href="deep/">deep/</a>\n<a href="x.css">x.css</a>' in listed.body
    assert (await get(server, "/odd/")).body.count(b"index.html/") == 2  # a folder is no index


async def test_the_index_can_be_another_or_none(site):
    (site / "sub" / "home.htm").write_text("home")
    assert (await get(FileServer(site, index="home.htm"), "/sub/")).body == b"home"
    assert (await get(FileServer(site, index="home.htm"), "/sub/home.htm")).status == 301
    no_index = FileServer(site, index="")
    assert (await get(no_index, "/with%20index/index.html")).body == b"the index"
    assert b"index.html" in (await get(no_index, "/with%20index/")).body


async def test_listing_can_be_switched_off(site):
    server = FileServer(site, listing=False)
    assert (await get(server, "/sub/")).status == 404
    assert (await get(server, "/with%20index/")).body == b"the index"


async def test_below_a_prefix(site):
    assert (await get(StripPrefix("/static", FileServer(site)), "/static/file.txt")).body == b"a file"
    assert (await get(StripPrefix("/static/", FileServer(site)), "/static/file.txt")).body == b"a file"
    assert b"file.txt" in (await get(StripPrefix("/static", FileServer(site)), "/static")).body


async def test_a_link_out_of_the_folder_is_not_there_unless_it_is_wanted(site):
    (site.parent / "secret").write_text("secret")
    (site / "out").symlink_to("../secret")
    assert (await get(FileServer(site), "/out")).status == 404
    assert (await get(FileServer(site, follow_symlinks=True), "/out")).body == b"secret"


async def test_a_tag_of_time_and_size(site):
    path = site / "file.txt"
    server = FileServer(site)
    young = (await get(server, "/file.txt")).header("ETag")
    assert young.startswith('W/"')  # it may change once more within the clock's tick
    os.utime(path, ns=(0, 1_000_000_000_123_456_789))
    tag = (await get(server, "/file.txt")).header("ETag")
    assert tag == f'"{1_000_000_000_123_456_789:x}-6"'
    assert (await get(server, "/file.txt", If_None_Match=tag)).status == 304
    assert (await get(server, "/file.txt", Range="bytes=0-0", If_Range=tag)).status == 206
    path.write_text("other!")
    assert (await get(server, "/file.txt", If_None_Match=tag)).status == 200


async def test_a_tag_that_was_set_stays(site):
    w, r = recorder("GET", "/file.txt")
    w.headers["ETag"] = '"mine"'
    await FileServer(site).serve_http(w, r)
    assert (await w.result()).header("ETag") == '"mine"'


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (PermissionError(13, "/secret/path"), 403, b"403 Forbidden\n"),
        (FileNotFoundError(2, "/secret/path"), 404, b"404 page not found\n"),
        (OSError(5, "/secret/path"), 500, b"500 Internal Server Error\n"),
    ],
)
async def test_an_error_tells_nothing_of_the_path(site, monkeypatch, error, status, body):
    def broken(path, flags):
        raise error

    monkeypatch.setattr(folder.os, "open", broken)
    w, r = recorder("GET", "/file.txt")
    for name in ("Cache-Control", "ETag", "Last-Modified", "Content-Encoding"):
        w.headers[name] = "x"
    await FileServer(site).serve_http(w, r)
    response = await w.result()
    assert (response.status, response.body) == (status, body)
    for name in ("Cache-Control", "ETag", "Last-Modified", "Content-Encoding"):
        assert response.header(name) is None


async def test_a_folder_that_cannot_be_read(site, monkeypatch):
    def broken(descriptor):
        raise OSError(5, "broken")

    monkeypatch.setattr(files, "read_folder", broken)
    response = await get(FileServer(site), "/sub/")
    assert (response.status, response.body) == (500, b"Error reading directory\n")
    assert response.header("Last-Modified") is None


async def test_a_root_that_is_a_file(site):
    assert (await get(FileServer(site / "file.txt"), "/")).status == 500
    assert (await get(FileServer(site / "file.txt"), "/x")).status == 404


async def serve(path, target):
    w, r = recorder("GET", target)
    await serve_file(w, r, path)
    return await w.result()


async def test_one_file_wherever_it_is(site):
    response = await serve(site / "file.txt", "/any/path")
    assert (response.body, response.header("Content-Type")) == (b"a file", "text/plain; charset=utf-8")
    assert (await serve(str(site / "file.txt"), "/any/path/")).body == b"a file"
    assert (await serve(site / "not there", "/")).status == 404


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/a/../b", 400),
        ("/..", 400),
        ("/a/..", 400),
        ("/%2e%2e/b", 400),
        ("/..%5Cb", 400),
        ("/a..b/..c", 200),
    ],
)
async def test_a_request_that_climbs_is_refused(site, target, status):
    response = await serve(site / "file.txt", target)
    assert response.status == status
    assert status == 200 or response.body == b"invalid URL path\n"


async def test_one_folder_wherever_it_is(site):
    assert (await serve(site / "sub", "/testdata")).header("Location") == "testdata/"
    assert b"x.css" in (await serve(site / "sub", "/testdata/")).body
    assert (await serve(site / "with index", "/a/b/")).body == b"the index"
    assert (await serve(site / "with index", "/a/index.html")).header("Location") == "./"
    w, r = recorder("OPTIONS", "*")
    await serve_file(w, r, site / "sub")
    assert (await w.result()).header("Location") == "*/"
