"""The tables of docs/requirements.md, read and counted: what is done, by which code, shown by which test.

A row is the requirement's name and text, its code (paths below ``src/holdfast``), its tests and its state.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from tools.blocks import DOCS, table

__all__ = ["PAGE", "STATES", "Row", "counts", "rows"]

PAGE = DOCS / "requirements.md"

# In the order of the page's counts.
STATES = ("done", "partly", "comes with HTTP/2", "comes with the client", "comes later")


class Row(NamedTuple):
    name: str  # "S1"
    text: str
    code: str
    tests: str
    state: str


def rows() -> list[Row]:
    """Every requirement, in order."""
    lines = [[cell.strip() for cell in CELL.split(line)[1:-1]] for line in PAGE.read_text().splitlines()]
    return [Row(*cells) for cells in lines if len(cells) == 5 and NAME.fullmatch(cells[0])]


def counts() -> str:
    """How many requirements of each kind are in which state."""
    found = rows()
    kinds = dict.fromkeys(row.name[0] for row in found)
    number = Counter((row.name[0], row.state) for row in found)
    lines = [(kind, *(str(number[kind, state] or "") for state in STATES)) for kind in kinds]
    lines.append(("**all**", *(str(sum(number[kind, state] for kind in kinds) or "") for state in STATES)))
    return table(("", *STATES), lines)


NAME = re.compile(r"[A-Z]\d+")
CELL = re.compile(r"(?<!\\)\|")
