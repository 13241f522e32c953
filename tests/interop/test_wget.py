"""wget against ``holdfast serve`` of a folder."""

from __future__ import annotations

import pytest

from tests.interop.programs import run

pytestmark = pytest.mark.interop


def wget(*arguments, **options):
    return run("wget", "--no-verbose", "--tries=1", "--timeout=15", *arguments, **options)


def test_two_files_come_over_one_connection(folder, tmp_path):
    run(
        "wget",
        "-o",
        "log",
        "--tries=1",
        f"{folder.url}/digits.txt",
        f"{folder.url}/sub/page.html",
        cwd=tmp_path,
    )
    log = (tmp_path / "log").read_text()
    assert (log.count("Connecting to"), log.count("Reusing existing connection")) == (1, 1)
    assert (tmp_path / "digits.txt").read_text() == "0123456789"


def test_a_download_is_continued(folder, tmp_path):
    (tmp_path / "digits.txt").write_text("0123")
    wget("-c", f"{folder.url}/digits.txt", cwd=tmp_path)
    assert (tmp_path / "digits.txt").read_text() == "0123456789"


def test_a_complete_download_is_left_alone(folder, tmp_path):
    (tmp_path / "digits.txt").write_text("0123456789")
    wget("-c", f"{folder.url}/digits.txt", cwd=tmp_path)
    assert (tmp_path / "digits.txt").read_text() == "0123456789"


def test_only_what_is_newer_is_fetched(folder, tmp_path):
    wget("-N", f"{folder.url}/digits.txt", cwd=tmp_path)
    (tmp_path / "digits.txt").write_text("changed by us")
    wget("-N", f"{folder.url}/digits.txt", cwd=tmp_path)
    assert (tmp_path / "digits.txt").read_text() == "changed by us"


def test_a_spider_asks_with_head(folder):
    wget("--spider", f"{folder.url}/digits.txt")
    assert "does not exist" in wget("--spider", f"{folder.url}/nothing", fails=8)


def test_a_folder_is_mirrored_through_its_listing(folder, tmp_path):
    wget("-r", "-l", "3", "-nH", "--reject=index.html*", folder.url + "/", cwd=tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert found == {"digits.txt", "sub/page.html"}


def test_chunks_are_put_together(plain, tmp_path):
    wget("-O", "chunks", f"{plain.url}/chunks", cwd=tmp_path)
    assert (tmp_path / "chunks").read_text() == "chunk 0\nchunk 1\nchunk 2\n"
