"""``make rfc``: which test holds which sentence of which RFC, rendered into docs/design/rfc.md.

The tests are read, not run: a sentence is ``@pytest.mark.rfc("9112", "6.1", "sentence")``
above a test, or ``marks=pytest.mark.rfc(...)`` in one of its cases.
"""

from __future__ import annotations

import ast
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.blocks import run, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Held", "held", "rfc_map"]

TESTS = Path(__file__).parents[1] / "tests"


class Held(NamedTuple):
    number: str
    section: str
    sentence: str
    test: str  # "tests/wire/test_framing.py::test_name"


def rfc_map() -> str:
    """One table per RFC, in the order of its sections."""
    found = sorted(set(held(TESTS)), key=lambda row: (int(row.number), _order(row.section), row))
    parts = []
    for number, rows in groupby(found, key=lambda row: row.number):
        parts.append(f"## [RFC {number}](https://www.rfc-editor.org/rfc/rfc{number})\n")
        by_sentence = groupby(rows, key=lambda row: (row.section, row.sentence))
        cells = (
            (_link(number, section), sentence, "<br>".join(f"`{row.test}`" for row in group))
            for (section, sentence), group in by_sentence
        )
        parts.append(table(("section", "sentence", "held by"), cells) + "\n")
    return "\n".join(parts)


def held(folder: Path) -> Iterator[Held]:
    """Every sentence that a test under ``folder`` claims to hold."""
    for path in sorted(folder.rglob("test_*.py")):
        name = f"{folder.name}/{path.relative_to(folder)}"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for sentence in _sentences(node):
                    yield Held(*sentence, f"{name}::{node.name}")


def _sentences(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, str, str]]:
    for decorator in test.decorator_list:
        for call in ast.walk(decorator):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "rfc":
                number, section, sentence = (ast.literal_eval(arg) for arg in call.args)
                yield number, section, sentence


def _order(section: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in section.split(".")]


def _link(number: str, section: str) -> str:
    return f"[{section}](https://www.rfc-editor.org/rfc/rfc{number}#section-{section})"


if __name__ == "__main__":
    run({"rfc": rfc_map}, "Render the map from RFC sentences to the tests that hold them.")
