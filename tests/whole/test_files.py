"""Serving files: what a client of a whole server sees (nethttp.md 10.6)."""

from __future__ import annotations

import io
import os
import re

import pytest

from holdfast.dates import format_http_date
from holdfast.handlers import FileServer, StripPrefix
from holdfast.server import folder
from holdfast.server.content import serve_content
from holdfast.server.files import serve_file
from holdfast.testing import serving
from tests.whole.modes import every_mode

DIGITS = b"0123456789\n"  # of testdata/file in Go's tests, 11 bytes as here
WHEN = 1_000_000_000


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "file").write_bytes(DIGITS)
    (site / "index.html").write_text("index.html says hello\n")
    (site / "style.css").write_text("body {}\n")
    (site / "sub" / "b").touch()
    (site / "sub" / "a").touch()
    for path in (*site.rglob("*"), site):
        os.utime(path, (WHEN, WHEN))
    return site


def file_handler(path):
    async def handler(w, r):
        await serve_file(w, r, path)

    return handler


RANGES = [
    ("", 200, [(0, 11)]),
    ("bytes=0-4", 206, [(0, 5)]),
    ("bytes=2-", 206, [(2, 11)]),
    ("bytes=-5", 206, [(6, 11)]),
    ("bytes=3-7", 206, [(3, 8)]),
    ("bytes=0-0,-2", 206, [(0, 1), (9, 11)]),
    ("bytes=0-1,5-8", 206, [(0, 2), (5, 9)]),
    ("bytes=0-1,5-", 206, [(0, 2), (5, 11)]),
    ("bytes=5-1000", 206, [(5, 11)]),
    ("bytes=0-,1-,2-,3-,4-", 200, [(0, 11)]),  # more than the whole
    ("bytes=0-9", 206, [(0, 10)]),
    ("bytes=0-10", 206, [(0, 11)]),
    ("bytes=0-11", 206, [(0, 11)]),
    ("bytes=10-11", 206, [(10, 11)]),
    ("bytes=10-", 206, [(10, 11)]),
    ("bytes=11-", 416, []),
    ("bytes=11-12", 416, []),
    ("bytes=12-12", 416, []),
    ("bytes=11-100", 416, []),
    ("bytes=12-100", 416, []),
    ("bytes=100-", 416, []),
    ("bytes=100-1000", 416, []),
]


# TestServeFile
@every_mode
@pytest.mark.parametrize(("wanted", "status", "spans"), RANGES, ids=[row[0] or "whole" for row in RANGES])
@pytest.mark.rfc("9110", "15.3.7", "the server is successfully fulfilling a range request")
async def test_the_ranges_of_a_file(mode, site, wanted, status, spans):
    async with serving(file_handler(site / "file"), mode) as (client, _):
        response = await client.get("/", headers={"Range": wanted} if wanted else {})
        assert response.status == status
        if status == 416:
            assert response.header("Content-Range") == "bytes */11"
        elif len(spans) == 1:
            (start, end), *_ = spans
            assert response.body == DIGITS[start:end]
            assert response.header("Content-Length") == str(end - start)
            assert response.header("Content-Range") == (
                f"bytes {start}-{end - 1}/11" if status == 206 else None
            )
        else:
            boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", response.header("Content-Type"))[
                1
            ]
            parts = response.body.split(b"--" + boundary.encode())[1:-1]
            assert len(parts) == len(spans)
            for part, (start, end) in zip(parts, spans, strict=True):
                head, _, body = part.partition(b"\r\n\r\n")
                assert f"Content-Range: bytes {start}-{end - 1}/11".encode() in head
                assert body == DIGITS[start:end] + b"\r\n"


# TestParseRangeLimit
@every_mode
@pytest.mark.parametrize(("count", "status"), [(5, 206), (201, 200)])
async def test_too_many_ranges_are_none(mode, tmp_path, count, status):
    (tmp_path / "big").write_bytes(b"x" * 1000)
    wanted = "bytes=" + ",".join(f"{at}-{at}" for at in range(count))
    async with serving(FileServer(tmp_path), mode) as (client, _):
        assert (await client.get("/big", headers={"Range": wanted})).status == status


# TestServeFile_DotDot
@every_mode
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/testdata/file", 200),
        ("/../file", 400),
        ("/..", 400),
        ("/../", 400),
        ("/a/..", 400),
        ("/file/a..", 200),
    ],
)
async def test_a_path_with_two_dots_is_refused_for_a_single_file(mode, site, target, status):
    async with serving(file_handler(site / "file"), mode) as (client, _):
        assert (await client.get(target)).status == status


# TestServeContent
@every_mode
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 200),
        ({"If-None-Match": '"tag"'}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": format_http_date(WHEN)}, 304),
        ({"If-Modified-Since": format_http_date(WHEN - 1)}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": format_http_date(WHEN - 1)}, 412),
        ({"Range": "bytes=0-1", "If-Range": '"tag"'}, 206),
        ({"Range": "bytes=0-1", "If-Range": '"other"'}, 200),
    ],
)
async def test_conditions_are_honoured(mode, asked, status):
    async def handler(w, r):
        w.headers["ETag"] = '"tag"'
        await serve_content(w, r, "x.css", WHEN, io.BytesIO(DIGITS))

    async with serving(handler, mode) as (client, _):
        for _ in range(2):
            response = await client.get("/", headers=asked)
            assert response.status == status
            assert response.body == {200: DIGITS, 206: DIGITS[:2]}.get(status, b"")


# TestScanETag
@every_mode
@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('"other", W/"tag"', 304),
        ('W/"other",,"tag"', 304),
        ("*", 304),
        ("tag", 200),
        ('w/"tag"', 200),
        ('"tag', 200),
        ('"o ther", "tag"', 200),  # nothing behind a tag that is none counts
    ],
)
async def test_tags_are_compared_by_their_grammar(mode, tags, status):
    async def handler(w, r):
        w.headers["ETag"] = '"tag"'
        await serve_content(w, r, "x.css", None, io.BytesIO(DIGITS))

    async with serving(handler, mode) as (client, _):
        assert (await client.get("/", headers={"If-None-Match": tags})).status == status


# TestServeContentWithEmptyContentIgnoreRanges
@every_mode
async def test_a_range_of_an_empty_file_is_the_whole(mode, tmp_path):
    (tmp_path / "empty").touch()
    async with serving(FileServer(tmp_path), mode) as (client, _):
        response = await client.get("/empty", headers={"Range": "bytes=1-"})
        assert (response.status, response.header("Content-Length")) == (200, "0")


# TestServeContentHeadersWithError, TestFileServerErrorMessages, TestServerFileStatError
@every_mode
@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/404", 404, b"404 page not found\n"),
        ("/403", 403, b"403 Forbidden\n"),
        ("/500", 500, b"500 Internal Server Error\n"),
        ("/file", 416, b"invalid range\n"),
    ],
)
async def test_errors_are_generic_and_lose_what_was_set_for_the_content(
    mode, site, monkeypatch, target, status, body
):
    os_open = os.open

    def failing(path, flags, *args, **kwargs):
        if path.endswith("/403"):
            raise PermissionError(13, "no", path)
        if path.endswith("/500"):
            raise OSError(5, "broken", path)
        return os_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(folder.os, "open", failing)
    files = FileServer(site)

    async def handler(w, r):
        for name in ("ETag", "Last-Modified", "Cache-Control", "Content-Encoding", "Content-Type"):
            w.headers[name] = "set"
        await files.serve_http(w, r)

    async with serving(handler, mode) as (client, _):
        response = await client.get(target, headers={"Range": "nonsense"})
        assert (response.status, response.body) == (status, body)
        for name in ("ETag", "Last-Modified", "Cache-Control", "Content-Encoding"):
            assert response.header(name) is None


# TestServeFileNotModified
@every_mode
async def test_not_modified_has_nothing_of_the_content(mode, site):
    async with serving(FileServer(site), mode) as (client, _):
        tag = (await client.get("/style.css")).header("ETag")
        response = await client.get("/style.css", headers={"If-None-Match": tag})
        assert response.status == 304
        for name in ("Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding"):
            assert response.header(name) is None


# TestServeFileContentType, TestServeFileMimeType
@every_mode
async def test_the_type_is_by_extension_and_the_callers_wins(mode, site):
    async def handler(w, r):
        if r.path == "/own":
            w.headers["Content-Type"] = "foo/bar"
        if r.path == "/none":
            w.headers.suppress("Content-Type")
        await serve_file(w, r, site / "style.css")

    async with serving(handler, mode) as (client, _):
        assert (await client.get("/")).header("Content-Type") == "text/css; charset=utf-8"
        assert (await client.get("/own")).header("Content-Type") == "foo/bar"
        assert (await client.get("/none")).header("Content-Type") is None


# TestFSRedirect
@every_mode
@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        ("/test/index.html", 301, "./"),
        ("/test/sub", 301, "sub/"),
        ("/test/sub?x=1", 301, "sub/?x=1"),
        ("/test/file/", 301, "../file"),
        ("/test/sub/a/", 301, "../a"),
        ("/test/sub%2fa/", 404, None),
        ("/test/%2findex.html", 404, None),
        ("/test/x%2f../sub", 404, None),
        ("/test/", 200, None),
        ("/test/sub/", 200, None),
    ],
)
async def test_redirects_are_relative_and_none_depends_on_an_escaped_slash(
    mode, site, target, status, location
):
    async with serving(StripPrefix("/test", FileServer(site)), mode) as (client, _):
        response = await client.get(target)
        assert (response.status, response.header("Location")) == (status, location)


# TestFileServerCleans, TestFileServerImplicitLeadingSlash
@every_mode
@pytest.mark.parametrize("target", ["/file", "//file", "/../file", "/sub/../file", "/./file", "/%2e%2e/file"])
async def test_dot_segments_climb_nowhere(mode, site, target):
    async with serving(FileServer(site), mode) as (client, _):
        assert (await client.get(target)).body == DIGITS
    async with serving(StripPrefix("/bar/", FileServer(site)), mode) as (client, _):
        assert (await client.get("/bar" + target)).body == DIGITS


# TestFileServerEscapesNames, TestFileServerNamesEscape, TestFileServerSortsNames
@every_mode
async def test_a_listing_is_sorted_and_escaped(mode, tmp_path):
    for name in ("b", "a", "<script>", "?q#f"):
        (tmp_path / name).touch()
    async with serving(FileServer(tmp_path), mode) as (client, _):
        response = await client.get("/")
        assert response.header("Content-Type") == "text/html; charset=utf-8"
        links = re.findall(rb'<a href="(.*?)">(.*?)</a>', response.body)
        assert links == [
            (b"%3Cscript%3E", b"&lt;script&gt;"),
            (b"%3Fq%23f", b"?q#f"),
            (b"a", b"a"),
            (b"b", b"b"),
        ]
        for link, _ in links:
            assert (await client.get("/" + link.decode())).status == 200


# TestFileServerZeroByte, TestFileServerNullByte, TestFileServerNotDirError
@every_mode
@pytest.mark.parametrize("target", ["/file%00.html", "/%00", "/file/below", "/file/../../x", "/style.css/x"])
async def test_a_path_that_names_nothing_is_not_found(mode, site, target):
    async with serving(FileServer(site), mode) as (client, _):
        assert (await client.get(target)).status == 404
        assert (await client.get("/file")).status == 200


# field.md D3: CVE-2024-23334, CVE-2026-34515
@every_mode
@pytest.mark.parametrize(
    "target",
    [
        "/../secret",
        "/..%2fsecret",
        "/..%2Fsite%2F..%2Fsecret",
        "/%2e%2e/%2e%2e/secret",
        "/..%5csecret",
        "/..%c0%afsecret",
        "/sub/..;/..;/secret",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/C:%5cWindows%5cwin.ini",
        "/%5c%5cserver%5cshare",
        "/link",
        "/link-to-folder/secret",
    ],
)
async def test_nothing_outside_of_the_folder_is_served(mode, site, target):
    (site.parent / "secret").write_text("secret")
    (site / "link").symlink_to("../secret")
    (site / "link-to-folder").symlink_to("..")
    async with serving(FileServer(site), mode) as (client, _):
        response = await client.get(target)
        assert response.status == 404
        assert b"secret" not in response.body


# TestFileServerMethods
@every_mode
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_every_method_is_answered_with_the_content(mode, site, method):
    async with serving(FileServer(site), mode) as (client, _):
        response = await client.request(method, "/file")
        assert response.body == (b"" if method == "HEAD" else DIGITS)
        assert response.header("Content-Length") == "11"


# TestDirectoryIfNotModified
@every_mode
async def test_a_listing_is_not_modified_either(mode, site):
    async with serving(FileServer(site, index=""), mode) as (client, _):
        since = (await client.get("/")).header("Last-Modified")
        assert since == format_http_date(WHEN)
        asked = {"If-Modified-Since": since}
        assert (await client.get("/", headers=asked)).status == 304
        os.utime(site, (WHEN + 1, WHEN + 1))
        assert (await client.get("/", headers=asked)).status == 200


# TestServeDirWithoutTrailingSlash
@every_mode
async def test_a_folder_without_a_final_slash_is_redirected(mode, site):
    async with serving(file_handler(site), mode) as (client, _):
        response = await client.get("/testdata")
        assert (response.status, response.header("Location")) == (301, "testdata/")


# TestServeIndexHtml
@every_mode
async def test_the_index_is_served_for_its_folder(mode, site):
    for handler in (FileServer(site), file_handler(site)):
        async with serving(handler, mode) as (client, _):
            assert (await client.get("/")).body == b"index.html says hello\n"
            assert (await client.get("/index.html")).header("Location") == "./"


# TestFileServerDirWithRootFile
@every_mode
async def test_a_root_that_is_a_file_is_an_error_and_no_crash(mode, site):
    async with serving(FileServer(site / "file"), mode) as (client, _):
        assert (await client.get("/")).status == 500


@every_mode
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "loopback"])
@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 65_536, 65_537, 3_000_000])
async def test_a_file_of_any_size_arrives_whole_and_the_connection_goes_on(mode, memory, size, tmp_path, rng):
    content = rng.randbytes(size)
    (tmp_path / "x.bin").write_bytes(content)
    async with serving(FileServer(tmp_path), mode, memory=memory) as (client, server):
        for _ in range(2):
            response = await client.get("/x.bin")
            assert (response.body == content, response.framing) == (True, "length")
        part = await client.get("/x.bin", headers={"Range": "bytes=-70000"})
        assert part.body == content[-70000:]
        assert server.stats().connections_accepted == 1


# TestLinuxSendfile
@pytest.mark.skipif(not hasattr(os, "sendfile"), reason="this system has no sendfile")
async def test_the_kernel_sends_what_is_big(tmp_path, monkeypatch):
    (tmp_path / "x.bin").write_bytes(b"x" * 3_000_000)
    sent, sendfile = [], os.sendfile

    def noted(*args):
        sent.append(sendfile(*args))
        return sent[-1]

    monkeypatch.setattr(os, "sendfile", noted)
    async with serving(FileServer(tmp_path), memory=False) as (client, _):
        assert len((await client.get("/x.bin")).body) == 3_000_000
    assert sum(sent) == 3_000_000
