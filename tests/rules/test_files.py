"""Every source file has its test file, of the same name, in the folder of its layer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "holdfast"

# Files whose test has another name, and where it is.
ELSEWHERE = {
    "net/transport.py": "net/contract.py",  # two Protocols: every transport is put through their contract
    "limits.py": "rules/test_tables.py",  # numbers: rendered there; what each does is tested at its users
}


def has_code(path: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def sources() -> list[Path]:
    """Every file with code; ``__init__`` and ``__main__`` files only re-export and start."""
    return [path for path in sorted(SRC.rglob("*.py")) if not path.name.startswith("__") and has_code(path)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SRC)))
def test_a_source_file_has_its_test_file(path):
    name = str(path.relative_to(SRC))
    if name in ELSEWHERE:
        assert (ROOT / "tests" / ELSEWHERE[name]).exists()
        return
    layer = path.relative_to(SRC).parts[0] if path.parent != SRC else "words"
    names = {f"test_{path.stem}.py", f"test_{path.parent.name}_{path.stem}.py"}
    assert any(found.name in names for found in (ROOT / "tests" / layer).rglob("test_*.py"))


def test_the_exceptions_are_still_needed():
    assert [name for name in ELSEWHERE if not (SRC / name).exists()] == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SRC)))
def test_nothing_hangs_on_an_assert(path):
    """``python -O`` removes asserts: one may tell the type checker what is so, and nothing else."""
    tests = [
        ast.unparse(node.test)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert [test for test in tests if " is " not in test and "isinstance(" not in test] == []
