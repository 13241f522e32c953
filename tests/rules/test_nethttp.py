"""The tables of nethttp.md and requirements.md are whole, and every test they name exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tools import requirements
from tools.nethttp import PAGE, Row, counts, later, rows

ROOT = Path(__file__).parents[2]
ROWS = rows(PAGE.read_text())
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section} {row.names.split(' ')[0]}")


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of the test functions of a file."""
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text())
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("page", [PAGE, requirements.PAGE], ids=lambda page: page.stem)
def test_every_test_that_is_named_exists(page):
    named = NAMED.findall(page.read_text())
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and name not in functions(ROOT / path))
    ]
    assert missing == []


# --- nethttp.md ---


@every_row
def test_a_row_has_a_verdict_and_a_test_or_says_why_not(row):
    assert row.verdict, f"no verdict: {row.ours}"
    if row.verdict in ("different", "absent"):
        assert re.match(r"(different|absent): \S", row.ours), f"does not say why: {row.ours}"
    if row.verdict != "absent":
        assert TEST.search(row.tests), "no test"


@every_row
def test_a_row_of_the_core_is_shown_by_a_whole_server_or_by_the_words_it_is_about(row):
    """★ rows of the server have a test in tests/whole; what a pure function decides, its own test shows."""
    if not row.core or row.verdict == "absent":
        return
    files = {path for path, _ in TEST.findall(row.tests)}
    places = ("tests/whole/", "tests/words/") if row.section in PURE else ("tests/whole/",)
    assert any(file.startswith(places) for file in files)


PURE = {"10.7"}


def test_no_row_is_lost():
    """Go's list has 551 rows, 289 of them ★; those of the server and of files are all here, one by one."""
    by_section = {
        section: len([row for row in ROWS if row.section == section]) for section in dict.fromkeys(SECTIONS)
    }
    assert by_section == SECTIONS
    coming = later(PAGE.read_text())
    assert len(ROWS) + sum(each.rows for each in coming) == 551
    assert sum(row.core for row in ROWS) + sum(each.core for each in coming) == 289
    names = [row.names for row in ROWS]
    assert len(set(names)) == len(names)


SECTIONS = {"10.1": 44, "10.2": 56, "10.3": 22, "10.4": 40, "10.5": 22, "10.6": 28, "10.7": 22}


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ("same", "same"),
        ("same: in another way", "same"),
        ("same, from 64 KiB on; smaller ones leave at once", "same"),
        ("same; but: the limit is another", "same, but"),
        ("same: nearly; but: for HTTP/1.1 only", "same, but"),
        ("different: it is not looked for", "different"),
        ("absent: comes with the client", "absent"),
        ("sameness", ""),
        ("not the same; but: close", ""),
        ("", ""),
    ],
)
def test_a_verdict_is_how_the_cell_begins(ours, verdict):
    assert Row("10.1", "TestX", "", ours, "").verdict == verdict


def test_the_counts_add_up():
    lines = [[cell.strip() for cell in line.split("|")[2:-1]] for line in counts().splitlines()[2:]]
    *parts, some, whole = [[int(re.match(r"\d*", cell)[0] or 0) for cell in line] for line in lines]
    for line in (*parts, some, whole):
        assert line[0] == sum(line[1:])
    assert [sum(column) for column in zip(*parts, strict=True)] == whole
    assert some[0] == len(ROWS)


def test_every_want_of_gos_users_is_built_or_refused_or_comes_later():
    _, _, rest = PAGE.read_text().partition("\n## What Go's own users ask for\n")
    section = rest.partition("\n## ")[0]
    lines = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")][2:]
    wants = {want: (ours.strip(), tests) for want, _, ours, tests in lines}
    assert len(wants) == 35
    for ours, tests in wants.values():
        assert ours.startswith(("built", "refused: ", "refused for now: ", "comes with ", "comes later"))
        assert not ours.startswith("built") or TEST.search(tests), f"no test: {ours}"


# --- requirements.md ---


@pytest.mark.parametrize("row", requirements.rows(), ids=lambda row: row.name)
def test_a_requirement_that_is_done_names_its_code_and_its_test(row):
    assert row.state in requirements.STATES
    if row.state in ("done", "partly"):
        assert TEST.search(row.tests), "no test"
        files = re.findall(r"`([\w/]+\.py)`", row.code)
        assert files, "no code"
        assert [file for file in files if not (ROOT / "src/holdfast" / file).exists()] == []


def test_every_requirement_is_there_once():
    names = [row.name for row in requirements.rows()]
    assert names == [f"{kind}{n}" for kind, most in REQUIREMENTS for n in range(1, most + 1)]


REQUIREMENTS = [("S", 22), ("C", 9), ("H", 3), ("P", 6), ("X", 3), ("B", 9)]


def test_what_this_version_is_for_is_shown_by_tests():
    """The HTTP/1.1 server: S1 to S22, H1, H3, B1, B2, B4, B5; what is *partly* done says what is missing."""
    wanted = {f"S{n}" for n in range(1, 23)} | {"H1", "H3", "B1", "B2", "B4", "B5"}
    assert [
        row.name for row in requirements.rows() if row.name in wanted and not TEST.search(row.tests)
    ] == []
