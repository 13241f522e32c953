"""The page that shows a folder.  nethttp.md 10.6: TestFileServerEscapesNames, TestFileServerSortsNames."""

from __future__ import annotations

import os

import pytest

from holdfast.server.listing import link_to, page, read_folder

BEGIN = b'<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("simple_name", '<a href="simple_name">simple_name</a>'),
        ("\"'<>&", '<a href="%22&#x27;%3C%3E&amp;">&quot;&#x27;&lt;&gt;&amp;</a>'),
        ("?foo=bar#baz", '<a href="%3Ffoo=bar%23baz">?foo=bar#baz</a>'),
        ("<combo>?foo", '<a href="%3Ccombo%3E%3Ffoo">&lt;combo&gt;?foo</a>'),
        ("foo:bar", '<a href="./foo:bar">foo:bar</a>'),
        ("javascript:alert(1)", '<a href="./javascript:alert(1)">javascript:alert(1)</a>'),
        ("a b%20", '<a href="a%20b%2520">a b%20</a>'),
        ("ü/", '<a href="%C3%BC/">ü/</a>'),
        ("back\\slash", '<a href="back%5Cslash">back\\slash</a>'),
        ("line\r\nbreak", '<a href="line%0D%0Abreak">line\r\nbreak</a>'),
        ("no\udcfftext", '<a href="no%FFtext">no?text</a>'),
    ],
)
def test_names_are_escaped(name, line):
    assert page([name]) == BEGIN + line.encode() + b"\n</pre>\n"


def test_a_link_stays_a_sibling():
    assert link_to("http://x/") == "./http://x/"


def test_a_folder_is_read_in_order_with_a_slash_behind_folders(tmp_path):
    for name in ("b", "a", "B", ".c", "ä"):
        (tmp_path / name).touch()
    (tmp_path / "aa").mkdir()
    (tmp_path / "link").symlink_to("aa")
    (tmp_path / "broken").symlink_to("not there")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(2):
            assert read_folder(descriptor) == [".c", "B", "a", "aa/", "b", "broken", "link/", "ä"]
    finally:
        os.close(descriptor)
