"""The tables of docs/design/nethttp.md, read and counted: what we have of Go's tests.

A row is one of Go's tests, or a few that belong together, in four cells: the names (★ marks the core), the
behaviour, ours, and our tests.  Ours begins with its verdict: ``same``, with what differs behind
``; but: ``, or ``different: `` or ``absent: `` with the reason.  A section that comes later says how many
rows Go's list has of it, and all of them are absent.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tools.blocks import DOCS, table

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PAGE", "Later", "Row", "counts", "later", "rows"]

PAGE = DOCS / "design" / "nethttp.md"


class Row(NamedTuple):
    section: str  # "10.1"
    names: str
    behaviour: str
    ours: str
    tests: str

    @property
    def core(self) -> bool:
        return "★" in self.names

    @property
    def verdict(self) -> str:
        """``same``, ``same, but``, ``different``, ``absent``, or "" for a cell that does not say."""
        match = VERDICT.fullmatch(self.ours)
        if match is None:
            return ""
        return "same, but" if match["but"] else match["word"]


class Later(NamedTuple):
    section: str
    rows: int
    core: int


def rows(text: str) -> list[Row]:
    """The rows of every table of Go's tests, in order."""
    found = []
    for section, _, body in _sections(text):
        for line in body.splitlines():
            cells = [cell.strip() for cell in CELL.split(line)[1:-1]]
            if len(cells) == 4 and cells[0].startswith("Test"):
                found.append(Row(section, *cells))
    return found


def later(text: str) -> list[Later]:
    """The sections that say how many rows they will have."""
    return [
        Later(section, int(match[1]), int(match[2]))
        for section, _, body in _sections(text)
        if (match := LATER.search(body))
    ]


def counts() -> str:
    """How many rows each section has, and what we have of them; in brackets those of the core."""
    text = PAGE.read_text()
    found, coming = rows(text), {each.section: each for each in later(text)}
    lines = {}
    for section, title, _ in _sections(text):
        if section in coming:
            absent = Counter({ALL: coming[section].rows, CORE: coming[section].core})
            lines[f"{section} {title}"] = {"absent": absent}
        else:
            lines[f"{section} {title}"] = _by_verdict(row for row in found if row.section == section)
    lines["**of the server**"] = _by_verdict(found)
    lines["**all**"] = {**_by_verdict(found), "absent": Counter()}
    for title in list(lines)[:-2]:
        lines["**all**"]["absent"] += lines[title]["absent"]
    return table(
        ("section", "rows", *VERDICTS),
        (
            (title, *map(_cell, (sum(numbers.values(), Counter()), *(numbers.get(v) for v in VERDICTS))))
            for title, numbers in lines.items()
        ),
    )


def _by_verdict(found: Iterable[Row]) -> dict[str, Counter[str]]:
    numbers: dict[str, Counter[str]] = {verdict: Counter() for verdict in VERDICTS}
    for row in found:
        numbers[row.verdict].update([ALL, CORE] if row.core else [ALL])
    return numbers


def _cell(number: Counter[str] | None) -> str:
    return f"{number[ALL]} ({number[CORE]} ★)" if number else ""


def _sections(text: str) -> Iterable[tuple[str, str, str]]:
    """Each ``## 10.x title`` with its body."""
    parts = SECTION.split(text)
    return zip(parts[1::3], parts[2::3], (part.split("\n## ")[0] for part in parts[3::3]), strict=True)


ALL, CORE = "all", "core"
VERDICTS = ("same", "same, but", "different", "absent")
SECTION = re.compile(r"^## (10\.\d+) (.+)$", re.MULTILINE)
CELL = re.compile(r"(?<!\\)\|")
LATER = re.compile(r"^(\d+) rows, (\d+) of them ★", re.MULTILINE)
VERDICT = re.compile(r"(?P<word>same|different|absent)\b.*?(?P<but>(?<=.); but: .+)?")
