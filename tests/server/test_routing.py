"""The decision tree: what it finds, which methods it allows, and whom a new pattern may meet.

nethttp.md 10.5: TestRoutingNodeMatch, TestMatchingMethods, TestIndex, TestExactMatch.
"""

from __future__ import annotations

import itertools

import pytest

from holdfast.server.pattern import (
    Pattern,
    Relation,
    compare_methods,
    compare_paths,
    conflict,
    matches,
    split_path,
)
from holdfast.server.routing import Route, Tree, is_exact


async def handler(w, r):
    raise AssertionError("routing calls nobody")


def tree_of(*patterns):
    tree = Tree()
    for text in patterns:
        tree.add(Route(Pattern.parse(text), handler))
    return tree


EXAMPLES = tree_of(
    *("/item/", "POST /item/{user}", "GET /item/{user}", "/item/{user}", "/item/{user}/{id}"),
    *("/item/{user}/new", "/item/{$}", "POST alt.com/item/{user}", "GET /headwins", "HEAD /headwins"),
    *("/path/{p...}", "GET /static/{a}/x", "/static/b/y", "/deep/{a}/{b}/c", "/deep/1/{b}/d", "/deep/1/2/e"),
)


# nethttp.md 3.3.
@pytest.mark.parametrize(
    ("host", "method", "path", "pattern", "values"),
    [
        ("", "GET", "/item/jba", "GET /item/{user}", {"user": "jba"}),
        ("", "HEAD", "/item/jba", "GET /item/{user}", {"user": "jba"}),
        ("", "get", "/item/jba", "/item/{user}", {"user": "jba"}),
        ("", "POST", "/item/jba", "POST /item/{user}", {"user": "jba"}),
        ("", "POST", "/item/jba/17", "/item/{user}/{id}", {"user": "jba", "id": "17"}),
        ("", "GET", "/item/jba/new", "/item/{user}/new", {"user": "jba"}),
        ("", "GET", "/item/", "/item/{$}", {}),
        ("", "GET", "/item/jba/17/line2", "/item/", {}),
        ("", "GET", "/item/jba/", "/item/", {}),
        ("alt.com", "POST", "/item/jba", "POST alt.com/item/{user}", {"user": "jba"}),
        ("alt.com", "GET", "/item/jba", "GET /item/{user}", {"user": "jba"}),
        ("ALT.com", "POST", "/item/jba", "POST /item/{user}", {"user": "jba"}),
        ("", "GET", "/item", None, None),
        ("", "GET", "/headwins", "GET /headwins", {}),
        ("", "HEAD", "/headwins", "HEAD /headwins", {}),
        ("", "PUT", "/headwins", None, None),
        ("", "GET", "/path/to/file", "/path/{p...}", {"p": "to/file"}),
        ("", "GET", "/path/*", "/path/{p...}", {"p": "*"}),
        ("", "GET", "/path/", "/path/{p...}", {"p": ""}),
        ("", "GET", "/path/a/", "/path/{p...}", {"p": "a/"}),
        ("", "GET", "/path", None, None),
        ("", "GET", "/path/a%2Fb/c%20d", "/path/{p...}", {"p": "a/b/c d"}),
        ("", "GET", "/item/a%2Fb", "GET /item/{user}", {"user": "a/b"}),
        ("", "GET", "/item/%6eew", "GET /item/{user}", {"user": "new"}),
        ("", "GET", "/item/x/n%65w", "/item/{user}/new", {"user": "x"}),
        ("", "GET", "/it%65m/", "/item/{$}", {}),
        ("", "GET", "/item/%ff", "GET /item/{user}", {"user": "\udcff"}),
        ("", "GET", "/item/\xc3\xa9", "GET /item/{user}", {"user": "é"}),
        ("", "GET", "/static/b/x", "GET /static/{a}/x", {"a": "b"}),
        ("", "GET", "/static/b/y", "/static/b/y", {}),
        ("", "GET", "/deep/1/2/e", "/deep/1/2/e", {}),
        ("", "GET", "/deep/1/2/d", "/deep/1/{b}/d", {"b": "2"}),
        ("", "GET", "/deep/1/2/c", "/deep/{a}/{b}/c", {"a": "1", "b": "2"}),
        ("", "GET", "/deep/1/2/x", None, None),
        ("", "GET", "/none", None, None),
    ],
)
def test_match(host, method, path, pattern, values):
    match = EXAMPLES.match(host, method, path)
    if pattern is None:
        assert match is None
    else:
        assert (match.route.pattern.text, match.values) == (pattern, values)


@pytest.mark.parametrize(
    ("patterns", "host", "path", "methods"),
    [
        ([], "", "/", set()),
        (["GET /"], "", "/x", {"GET", "HEAD"}),
        (["HEAD /x"], "", "/x", {"HEAD"}),
        (["GET /x", "POST /x", "PUT /y", "DELETE /{z}"], "", "/x", {"GET", "HEAD", "POST", "DELETE"}),
        (["GET a.com/x", "POST /x"], "a.com", "/x", {"GET", "HEAD", "POST"}),
        (["GET a.com/x", "POST /x"], "b.com", "/x", {"POST"}),
        (["GET /x/{y}"], "", "/x/", set()),
    ],
)
def test_methods(patterns, host, path, methods):
    assert tree_of(*patterns).methods(host, path) == methods


@pytest.mark.parametrize(
    ("pattern", "path", "exact"),
    [
        ("", "/a", False),
        ("/", "/", True),
        ("/", "/a", False),
        ("/a", "/a", True),
        ("/a/{x...}", "/a/b", False),
        ("/a/{x}", "/a/b", True),
        ("/a/b/", "/a/b/", True),
        ("/a/b/{$}", "/a/b/", True),
        ("/a/", "/a/b/", False),
        ("/a/{x}/", "/a/b/", True),
        ("/a/{x...}", "/a/", True),
        ("/a/{x...}", "/a/b/", False),
    ],
)
def test_is_exact(pattern, path, exact):
    tree = tree_of(*[pattern] if pattern else [])
    match = tree.match("", "GET", path)
    assert (match is not None) is (pattern != "")
    assert is_exact(match, path) is exact


PARTS = ["a", "b", "{x}"]
ALL = [
    f"{method}{host}/{'/'.join(parts)}{end}"
    for n in (1, 2, 3)
    for parts in itertools.product(PARTS, repeat=n)
    if parts.count("{x}") < 2
    for end in ("", "/", "/{$}", "/{m...}")
    for method, host in (("", ""), ("GET ", ""), ("HEAD ", ""), ("POST ", ""), ("", "h"), ("GET ", "h"))
] + ["/", "/{$}", "GET /", "GET /{$}", "GET h/", "/{m...}"]


def random_tree(rng, size):
    """Return a tree of patterns that do not conflict, registered in a random order."""
    tree = Tree()
    for text in rng.sample(ALL, size):
        pattern = Pattern.parse(text)
        if not any(conflict(pattern, other.pattern) for other in tree.routes):
            tree.add(Route(pattern, handler))
    return tree


def specific(a, b):
    """Say whether a is to be preferred to b, both matching one request."""
    if a.host != b.host:
        return bool(a.host)
    return compare_methods(a, b).and_(compare_paths(a, b)) is Relation.MORE_SPECIFIC


@pytest.mark.parametrize("size", [2, 5, 20, 100, 300])
def test_the_tree_finds_the_most_specific_of_all_that_match(rng, size):
    tree = random_tree(rng, size)
    paths = ["/" + "/".join(p) for n in (1, 2, 3, 4) for p in itertools.product(["", "a", "c"], repeat=n)]
    for host, method, path in itertools.product(["", "h"], ["GET", "HEAD", "POST", "PUT"], paths):
        best = None
        for route in tree.routes:
            pattern = route.pattern
            if (
                pattern.host in ("", host)
                and (pattern.method in ("", method) or (pattern.method, method) == ("GET", "HEAD"))
                and matches(pattern, split_path(path))
                and (best is None or specific(pattern, best))
            ):
                best = pattern
        found = tree.match(host, method, path)
        assert (found and found.route.pattern) == best, f"{method} {host}{path}"
        plain = tree.plain(host, method, path)
        assert plain is None or plain.pattern == best, f"{method} {host}{path}"


# TestIndex: the tree offers for comparison exactly the patterns that share a path with a new one.
@pytest.mark.parametrize("size", [1, 10, 100])
def test_a_new_pattern_meets_whoever_shares_a_path(rng, size):
    tree = random_tree(rng, size)
    for text in rng.sample(ALL, 100):
        pattern = Pattern.parse(text)
        met = [route.pattern.text for route in tree.meeting(pattern)]
        want = [
            route.pattern.text
            for route in tree.routes
            if route.pattern.host == pattern.host
            and compare_paths(route.pattern, pattern) is not Relation.DISJOINT
        ]
        assert sorted(met) == sorted(want), text


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("/a/b", "/a/b", True),
        ("/", "/", True),
        ("/a/", "/a/", True),
        ("/a/{$}", "/a/", True),
        ("/a/", "/a/b", False),
        ("/{x}", "/a", False),
        ("/a/{m...}", "/a/", True),
        ("/a/{m...}", "/a/b", False),
        ("/a%2Fb", "/a/b", False),
        ("/a%20b", "/a%20b", False),
        ("//", "//", False),
        ("/a/../b", "/a/../b", False),
        ("POST /a", "/a", False),
        ("h/a", "/a", False),
    ],
)
def test_a_literal_path_needs_no_tree(pattern, path, found):
    assert (tree_of(pattern).plain("", "GET", path) is not None) is found


def test_end_wins_over_a_final_slash_in_either_order():
    for patterns in (["/a/", "/a/{$}"], ["/a/{$}", "/a/"]):
        assert tree_of(*patterns).plain("", "GET", "/a/").pattern.text == "/a/{$}"


def test_a_literal_path_on_a_host_with_patterns_of_its_own_goes_through_the_tree():
    tree = tree_of("/a", "h/{x}")
    assert tree.plain("h", "GET", "/a") is None
    assert tree.match("h", "GET", "/a").route.pattern.text == "h/{x}"
    assert tree.plain("other", "GET", "/a").pattern.text == "/a"
    assert tree.has_hosts
    assert not tree_of("/a").has_hosts
    assert tree_of("h/a").has_hosts
