"""StripPrefix.  nethttp.md 10.4: TestStripPrefix, TestStripPrefixNotModifyRequest."""

from __future__ import annotations

import pytest

from holdfast.server.prefix import StripPrefix
from holdfast.testing import recorder


def asked(prefix, target):
    """What the handler behind a prefix is asked for; None for 404."""
    seen = []

    async def handler(w, r):
        seen.append((r.url.raw_path, r.path, r.url.raw_query))

    async def main():
        w, r = recorder("GET", target)
        await StripPrefix(prefix, handler).serve_http(w, r)
        assert r.target == target
        assert str(r.url) == target  # the original is left alone
        return seen[0] if seen else (await w.result()).status

    return main()


@pytest.mark.parametrize(
    ("prefix", "target", "want"),
    [
        ("/foo/bar", "/foo/bar/qux", ("/qux", "/qux", None)),
        ("/foo/bar", "/foo/bar%2Fqux?a=1", ("%2Fqux", "/qux", "a=1")),
        ("/foo/bar", "/foo%2Fbar/qux", 404),
        ("/foo/bar", "/bar", 404),
        ("/foo", "/%66oo/x", 404),
        ("/foo", "/foo", ("", "", None)),
        ("", "/foo", ("/foo", "/foo", None)),
        ("/a b", "/a%20b/c", ("/c", "/c", None)),
        ("/föö", "/f%C3%B6%C3%B6/c", ("/c", "/c", None)),
        ("/a|b", "/a|b/c", ("/c", "/c", None)),
        ("/a%2Fb", "/a%2Fb/c", 404),
        ("/a%2Fb", "/a%252Fb/c", ("/c", "/c", None)),
    ],
)
async def test_what_is_left_of_the_path(prefix, target, want):
    assert await asked(prefix, target) == want


def test_what_is_no_handler_is_refused():
    with pytest.raises(TypeError):
        StripPrefix("/x", None)
