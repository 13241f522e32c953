"""The grammar of patterns, the relations between them, and what a conflict says.

nethttp.md 10.5: TestParsePattern, TestParsePatternError, TestCompareMethods, TestComparePaths,
TestConflictsWith, TestDescribeConflict, TestCommonPath, TestDifferencePath.
"""

from __future__ import annotations

import itertools

import pytest

from holdfast.errors import PatternError
from holdfast.server.pattern import (
    Kind,
    Pattern,
    Relation,
    Segment,
    common_path,
    compare_methods,
    compare_paths,
    conflict,
    difference_path,
    matches,
    split_path,
)

EQUIVALENT, MORE_GENERAL, MORE_SPECIFIC, DISJOINT, OVERLAPS = Relation
END, SLASH = Segment(Kind.END), Segment(Kind.MULTI)


def lit(text):
    return Segment(Kind.LITERAL, text)


def one(name):
    return Segment(Kind.SINGLE, name)


def rest(name):
    return Segment(Kind.MULTI, name)


@pytest.mark.parametrize(
    ("text", "method", "host", "segments"),
    [
        ("/", "", "", [SLASH]),
        ("/a", "", "", [lit("a")]),
        ("/a/", "", "", [lit("a"), SLASH]),
        ("/path/to/something", "", "", [lit("path"), lit("to"), lit("something")]),
        ("/{w1}/lit/{w2}", "", "", [one("w1"), lit("lit"), one("w2")]),
        ("/{w1}/lit/{w2}/", "", "", [one("w1"), lit("lit"), one("w2"), SLASH]),
        ("example.com/", "", "example.com", [SLASH]),
        ("GET /", "GET", "", [SLASH]),
        ("POST example.com/foo/{w}", "POST", "example.com", [lit("foo"), one("w")]),
        ("/{$}", "", "", [END]),
        ("DELETE example.com/a/{foo12}/{$}", "DELETE", "example.com", [lit("a"), one("foo12"), END]),
        ("/foo/{$}", "", "", [lit("foo"), END]),
        ("/{a}/foo/{rest...}", "", "", [one("a"), lit("foo"), rest("rest")]),
        ("//", "", "", [lit(""), SLASH]),
        ("/foo///./../bar", "", "", [lit("foo"), lit(""), lit(""), lit("."), lit(".."), lit("bar")]),
        ("a.com/foo//", "", "a.com", [lit("foo"), lit(""), SLASH]),
        ("/%61%62/%7b/%", "", "", [lit("ab"), lit("{"), lit("%")]),
        ("/a%2Fb/%7B/%7D", "", "", [lit("a/b"), lit("{"), lit("}")]),
        ("/caf\u00e9/%C3%A9", "", "", [lit("café"), lit("é")]),
        ("/{é_1}", "", "", [one("é_1")]),
        ("GET\t  /", "GET", "", [SLASH]),
        ("CONNECT //x", "CONNECT", "", [lit(""), lit("x")]),
        ("get /", "get", "", [SLASH]),
        ("[::1]/a", "", "[::1]", [lit("a")]),
    ],
)
def test_parse(text, method, host, segments):
    pattern = Pattern.parse(text, "here")
    assert (pattern.method, pattern.host, list(pattern.segments)) == (method, host, segments)
    assert pattern.names == tuple(s.text for s in segments if s.kind >= Kind.SINGLE and s.text)
    assert pattern.location == "here"
    assert str(pattern) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty pattern"),
        ("A=B /", "at offset 0: invalid method"),
        ("é /", "at offset 0: invalid method"),
        (" ", "at offset 1: host/path missing /"),
        ("GET a", "at offset 4: host/path missing /"),
        ("a", "at offset 0: host/path missing /"),
        ("/{w}x", "at offset 1: bad wildcard segment (must end with '}')"),
        ("/x{w}", "at offset 1: bad wildcard segment (must start with '{')"),
        ("/{wx", "at offset 1: bad wildcard segment (must end with '}')"),
        ("/a/{/}/c", "at offset 3: bad wildcard segment (must end with '}')"),
        ("/a/{%61}/c", "at offset 3: bad wildcard name '%61'"),
        ("/{a$}", "at offset 1: bad wildcard name 'a$'"),
        ("/{1a}", "at offset 1: bad wildcard name '1a'"),
        ("/{a²}", "at offset 1: bad wildcard name 'a²'"),
        ("/{}", "at offset 1: empty wildcard"),
        ("POST a.com/x/{}/y", "at offset 13: empty wildcard"),
        ("/{...}", "at offset 1: empty wildcard"),
        ("/{$...}", "at offset 1: bad wildcard name '$'"),
        ("/{$}/", "at offset 1: {$} not at end"),
        ("/{$}/x", "at offset 1: {$} not at end"),
        ("/abc/{$}/x", "at offset 5: {$} not at end"),
        ("/{a...}/", "at offset 1: {...} wildcard not at end"),
        ("/{a...}/x", "at offset 1: {...} wildcard not at end"),
        ("{a}/b", "at offset 0: host contains '{' (missing initial '/'?)"),
        ("GET x{a}/b", "at offset 5: host contains '{' (missing initial '/'?)"),
        ("/a/{x}/b/{x...}", "at offset 9: duplicate wildcard name 'x'"),
        ("/{x}/{y}/{x}", "at offset 9: duplicate wildcard name 'x'"),
        ("GET //", "at offset 4: non-CONNECT pattern with unclean path can never match"),
        ("GET /a/../b", "at offset 4: non-CONNECT pattern with unclean path can never match"),
        ("GET  h/./", "at offset 6: non-CONNECT pattern with unclean path can never match"),
    ],
)
def test_parse_error(text, error):
    with pytest.raises(PatternError) as refusal:
        Pattern.parse(text)
    assert str(refusal.value) == (error if not text else f'parsing "{text}": {error}')
    assert isinstance(refusal.value, ValueError)


INVERSE = {
    EQUIVALENT: EQUIVALENT,
    MORE_GENERAL: MORE_SPECIFIC,
    MORE_SPECIFIC: MORE_GENERAL,
    DISJOINT: DISJOINT,
    OVERLAPS: OVERLAPS,
}


@pytest.mark.parametrize(("a", "b"), list(itertools.product(Relation, repeat=2)))
def test_combining_relations(a, b):
    if EQUIVALENT in (a, b):
        want = b if a is EQUIVALENT else a
    elif DISJOINT in (a, b):
        want = DISJOINT
    else:
        want = a if a is b else OVERLAPS
    assert a.and_(b) is want


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        ("/", "/", EQUIVALENT),
        ("GET /", "GET /", EQUIVALENT),
        ("HEAD /", "HEAD /", EQUIVALENT),
        ("/", "GET /", MORE_GENERAL),
        ("GET /", "HEAD /", MORE_GENERAL),
        ("/", "HEAD /", MORE_GENERAL),
        ("GET /", "POST /", DISJOINT),
        ("HEAD /", "POST /", DISJOINT),
        ("GET /", "get /", DISJOINT),
    ],
)
def test_compare_methods(a, b, relation):
    a, b = Pattern.parse(a), Pattern.parse(b)
    assert compare_methods(a, b) is relation
    assert compare_methods(b, a) is INVERSE[relation]


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        ("/a/{$}", "/a", DISJOINT),
        ("/", "/a", MORE_GENERAL),
        ("/", "/a/", MORE_GENERAL),
        ("/a", "/a", EQUIVALENT),
        ("/a", "/b", DISJOINT),
        ("/a", "/a/b", DISJOINT),
        ("/a", "/a/", DISJOINT),
        ("/a/", "/a/b", MORE_GENERAL),
        ("/a/", "/b/", DISJOINT),
        ("/a/", "/a/{$}", MORE_GENERAL),
        ("/{$}", "/{$}", EQUIVALENT),
        ("/{x}", "/a", MORE_GENERAL),
        ("/{x}", "/{y}", EQUIVALENT),
        ("/{x}", "/a/{$}", DISJOINT),
        ("/{x}", "/{$}", DISJOINT),
        ("/{x}", "/a/", DISJOINT),
        ("/{x...}", "/{x}", MORE_GENERAL),
        ("/{x...}", "/", EQUIVALENT),
        ("/{x...}", "/{$}", MORE_GENERAL),
        ("/{x...}", "/a/b/{y}", MORE_GENERAL),
        ("/{x}/{y...}", "/{a}/{b...}", EQUIVALENT),
        ("/{x}/{y}", "/{x}/a/", DISJOINT),
        ("/{x}/{y}", "/{x}/a/{$}", DISJOINT),
        ("/{x}/{y...}", "/a/{z}", MORE_GENERAL),
        ("/a/{x}", "/{x}/b", OVERLAPS),
        ("/a/{x}/", "/{x}/b/", OVERLAPS),
        ("/a/{x...}", "/{x}/b", OVERLAPS),
        ("/a/", "/{x}/b", OVERLAPS),
        ("/a/", "/{x}/{$}", OVERLAPS),
        ("/{x}/b/", "/a/{y}/{$}", OVERLAPS),
        ("/a/{x}/c", "/{x}/b/d", DISJOINT),
        ("/a%2Fb", "/a/b", DISJOINT),
        ("/%61", "/a", EQUIVALENT),
    ],
)
def test_compare_paths(a, b, relation):
    a, b = Pattern.parse(a), Pattern.parse(b)
    assert compare_paths(a, b) is relation
    assert compare_paths(b, a) is INVERSE[relation]


# nethttp.md 3.2.
@pytest.mark.parametrize(
    ("a", "b", "conflicts"),
    [
        ("/a", "/a", True),
        ("/a", "/ab", False),
        ("/a/b/cd", "/a/b/cd", True),
        ("/a/b/cd", "/a/b/c", False),
        ("/{x}", "/{y}", True),
        ("/{x}", "/a", False),
        ("/{x}/{y}", "/{x}/a", False),
        ("/{x}/{y}", "/{x}/a/", False),
        ("/{x}/{y}", "/{x}/a/{$}", False),
        ("/{x}/{y}/{$}", "/{x}/a/{$}", False),
        ("/a/{x}", "/{x}/b", True),
        ("/", "GET /foo", False),
        ("GET /", "/foo", True),
        ("GET /", "GET /foo", False),
        ("GET /foo", "HEAD /", True),
        ("GET /foo", "HEAD /foo", False),
        ("GET /foo", "POST /{x}", False),
        ("a.com/b", "/b", False),
        ("a.com/b", "b.com/b", False),
        ("a.com/b", "a.com/b", True),
        ("a.com/{x}/b", "/a/{y}", False),
    ],
)
def test_conflicts(a, b, conflicts):
    a, b = Pattern.parse(a), Pattern.parse(b)
    assert bool(conflict(a, b)) is conflicts
    assert bool(conflict(b, a)) is conflicts


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ("/a/{x}", "/a/{y}", "/a/{x} matches the same requests as /a/{y}."),
        ("/", "/{m...}", "/ matches the same requests as /{m...}."),
        (
            "/a/{b}",
            "/{c}/d",
            "Both match /a/d, and neither is more specific:\n"
            "only /a/{b} matches /a/b,\n"
            "only /{c}/d matches /c/d.",
        ),
        (
            "/a",
            "GET /{x}",
            "Both match /a, and neither is more specific:\n"
            "/a matches more methods, GET /{x} matches more paths, such as /x.",
        ),
        (
            "HEAD /",
            "GET /foo",
            "Both match /foo, and neither is more specific:\n"
            "GET /foo matches more methods, HEAD / matches more paths, such as /.",
        ),
    ],
)
def test_a_conflict_is_explained(a, b, text):
    assert conflict(Pattern.parse(a), Pattern.parse(b)) == text


# TestCommonPath and TestDifferencePath: checked by what they promise, on every pair that overlaps.
OVERLAPPING = [
    ("/a/{x}", "/{x}/a"),
    ("/a/{z}/", "/{z}/a/"),
    ("/a/{z}/{m...}", "/{z}/a/"),
    ("/{z}/{$}", "/a/"),
    ("/a/{z}/{x...}", "/{z}/b/{$}"),
    ("/a/b/{x...}", "/{x}/{y}/c/d/{$}"),
    ("/a/{x}/b/{y...}", "/{x}/c/{y}/{z}"),
    ("/b/{x}", "/{b}/x"),
    ("/a/{m...}", "/{m}/b/{n...}"),
    ("/%2F/{x}", "/{y}/x"),
    ("/{x}/", "/{y}/{x}"),
    ("/", "/{x}"),
    ("/x/", "/{y}/{$}"),
]


@pytest.mark.parametrize(("a", "b"), OVERLAPPING)
def test_the_example_paths_are_examples(a, b):
    a, b = Pattern.parse(a), Pattern.parse(b)
    common = split_path(common_path(a, b))
    assert matches(a, common)
    assert matches(b, common)
    for x, y in ((a, b), (b, a)):
        if compare_paths(x, y) in (OVERLAPS, MORE_GENERAL):
            difference = split_path(difference_path(x, y))
            assert matches(x, difference)
            assert not matches(y, difference)


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("/a/{x}", "/a/b", True),
        ("/a/{x}", "/a/", False),
        ("/a/{x}", "/a/b/", False),
        ("/a/{x...}", "/a", False),
        ("/a/{x...}", "/a/", True),
        ("/a/{x...}", "/a/b/c", True),
        ("/a/{$}", "/a/", True),
        ("/a/{$}", "/a", False),
        ("/a/{$}", "/a/b", False),
        ("/a%2Fb", "/a%2fb", True),
        ("/a%2Fb", "/a/b", False),
        ("/é", "/%C3%A9", True),
        ("/%2F", "/", False),
        ("/{$}", "/%2F", False),
    ],
)
def test_matches(pattern, path, wanted):
    assert matches(Pattern.parse(pattern), split_path(path)) is wanted


SOME = [
    *("/", "/{$}", "/a", "/a/", "/a/{$}", "/{x}", "/{x}/", "/a/b", "/a/{x}", "/{x}/b", "/{x}/{y}", "/a/{x}/"),
    *("/{x}/b/", "/{x}/{y}/{$}", "/a/b/{m...}", "/{x}/{$}", "//", "/a//"),
]
PATHS = ["/" + "/".join(p) for n in (1, 2, 3, 4) for p in itertools.product(["", "a", "b", "c"], repeat=n)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SOME, repeat=2)))
def test_relations_are_those_of_the_sets_of_paths(a, b):
    a, b = Pattern.parse(a), Pattern.parse(b)
    matched = [{path for path in PATHS if matches(p, split_path(path))} for p in (a, b)]
    want = {
        (True, True): EQUIVALENT,
        (True, False): MORE_SPECIFIC,
        (False, True): MORE_GENERAL,
        (False, False): OVERLAPS if matched[0] & matched[1] else DISJOINT,
    }[matched[0] <= matched[1], matched[1] <= matched[0]]
    assert compare_paths(a, b) is want
