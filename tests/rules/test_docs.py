"""The pages hang together: every relative link and every named test leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(text: str) -> set[str]:
    """The anchors that a forge makes of the headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in HEADING.findall(text)
    }


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^(```+).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)


@every_page
def test_relative_links_lead_somewhere(page):
    dead = []
    for link in LINK.findall(prose(page.read_text())):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    assert dead == []


@every_page
def test_named_tests_exist(page):
    missing = []
    for path, name in TEST.findall(page.read_text()):
        file = ROOT / path
        if not file.exists() or (name and f"def {name}(" not in file.read_text()):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_the_index_reaches_every_page():
    """Whoever starts at docs/index.md finds every page, in two steps at most."""
    index = ROOT / "docs" / "index.md"
    reached = {index}
    for _ in range(2):
        for page in [page for page in reached if page.exists()]:
            links = LINK.findall(prose(page.read_text()))
            reached |= {(page.parent / link.partition("#")[0]).resolve() for link in links if ".md" in link}
    assert sorted(str(page.relative_to(ROOT)) for page in PAGES[2:] if page not in reached) == []
