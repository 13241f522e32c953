"""Constants with the comments that give their reasons, read from the source text.

``limits.py`` and the enums keep the reason beside the number; this is how the
reason reaches the docs without being written twice.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

__all__ = ["Constant", "constants"]


class Constant(NamedTuple):
    name: str
    value: str  # as the source has it
    comment: str  # the lines above it, then the one behind it
    section: str  # of the nearest "# --- section ---" line above


def constants(source: str, within: str = "") -> list[Constant]:
    """The upper-case assignments of a module, or of the class named ``within``, in order."""
    tree = ast.parse(source)
    body = tree.body
    if within:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == within)
    lines = source.splitlines()
    found = []
    for node in body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and target.id.isupper():
            text = ast.get_source_segment(source, value) or ""
            comment = " ".join([*_above(lines, node.lineno), _behind(lines, node)]).strip()
            found.append(Constant(target.id, text, comment, _section(lines, node.lineno)))
    return found


def _above(lines: list[str], lineno: int) -> list[str]:
    """The block of comment lines that ends right above a line."""
    first = lineno - 1
    while first > 0 and lines[first - 1].lstrip().startswith("# ") and "# ---" not in lines[first - 1]:
        first -= 1
    return [line.strip().removeprefix("# ") for line in lines[first : lineno - 1]]


def _behind(lines: list[str], node: ast.stmt) -> str:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
    return rest.strip().removeprefix("# ")


def _section(lines: list[str], lineno: int) -> str:
    for line in reversed(lines[: lineno - 1]):
        if line.startswith("# ---"):
            return line.strip("# -")
    return ""
