"""AllowQuerySemicolons.  nethttp.md 10.4: TestQuerySemicolon."""

from __future__ import annotations

import pytest

from holdfast.server.semicolons import AllowQuerySemicolons
from holdfast.testing import request


@pytest.mark.parametrize(
    ("query", "without", "within"),
    [
        ("?a=1;x=bad&x=good", {"x": ["good"]}, {"a": ["1"], "x": ["bad", "good"]}),
        ("?a=1;b=bad&x=good", {"x": ["good"]}, {"a": ["1"], "b": ["bad"], "x": ["good"]}),
        ("?a=1%3Bx=bad&x=good%3B", {"a": ["1;x=bad"], "x": ["good;"]}, {"a": ["1;x=bad"], "x": ["good;"]}),
        ("?a=1;x=good;x=bad", {}, {"a": ["1"], "x": ["good", "bad"]}),
        ("", {}, {}),
    ],
)
async def test_a_semicolon_separates_pairs_only_behind_the_handler(query, without, within):
    seen = []

    async def handler(w, r):
        seen.append(r.query)

    r = request("GET", "/" + query)
    await AllowQuerySemicolons(handler).serve_http(None, r)
    assert (r.query, seen) == (without, [within])
