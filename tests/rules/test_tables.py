"""Every generated block of the docs says what the code says now."""

from __future__ import annotations

import pytest

from tools.blocks import DOCS, blocks, rendered
from tools.comments import constants
from tools.rfc import held, rfc_map
from tools.tables import TABLES

RENDERERS = {**TABLES, "rfc": rfc_map}
BLOCKS = [(path, name) for path in sorted(DOCS.rglob("*.md")) for name in blocks(path.read_text())]


@pytest.mark.parametrize("path", sorted({path for path, _ in BLOCKS}), ids=lambda path: path.name)
def test_the_page_is_what_the_code_renders(path):
    text = path.read_text()
    assert text == rendered(text, RENDERERS), "run `make tables rfc`"


def test_every_block_has_its_renderer_and_every_renderer_its_block():
    assert {name for _, name in BLOCKS} == set(RENDERERS)


def test_a_stale_block_is_written_anew_and_the_rest_kept():
    page = "a\n<!-- generated: x -->\nold\n<!-- /generated -->\nb\n"
    page += "<!-- generated: y -->\nkept\n<!-- /generated -->\n"
    new = rendered(page, {"x": lambda: "new\n"})
    assert new == page.replace("old", "new")


def test_a_constant_takes_its_comment_with_it():
    source = """
# --- clocks ---

# Why this one
# is so.
ONE: Final = 1 << 3
TWO = 2.0  # seconds
_private = 3
class C:
    A = "x"  # RFC 9112 9.3
"""
    one, two = constants(source)
    assert one == ("ONE", "1 << 3", "Why this one is so.", "clocks")
    assert two == ("TWO", "2.0", "seconds", "clocks")
    assert [(a.name, a.comment) for a in constants(source, "C")] == [("A", "RFC 9112 9.3")]


def test_a_sentence_is_found_above_a_test_and_in_its_cases(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "@rfc('9112', '6.1', 'one')\n"
        "@pytest.mark.rfc('9110', '10.1', 'two')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.rfc('9112', '7', 'three'))])\n"
        "async def test_x(x): ...\n"
    )
    found = [(row.number, row.section, row.sentence, row.test.rpartition("/")[2]) for row in held(tmp_path)]
    assert found == [
        ("9112", "6.1", "one", "test_a.py::test_x"),
        ("9110", "10.1", "two", "test_a.py::test_x"),
        ("9112", "7", "three", "test_a.py::test_x"),
    ]
