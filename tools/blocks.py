"""Generated blocks: the parts of a Markdown page that code writes.

A block stands between ``<!-- generated: name -->`` and ``<!-- /generated -->``;
a renderer is a function without arguments that returns its Markdown.  Writing
and checking are the same walk, so what ``--check`` accepts is what would be written.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["DOCS", "Renderers", "blocks", "outdated", "rendered", "run", "table"]

DOCS = Path(__file__).parents[1] / "docs"

Renderers = Mapping[str, Callable[[], str]]


def run(renderers: Renderers, description: str) -> None:
    """The command line of a tool: write the blocks, or with ``--check`` show a diff and exit with 1."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when a block is out of date"
    )
    check = parser.parse_args().check
    stale = list(outdated(DOCS.rglob("*.md"), renderers))
    for path, old, new in stale:
        if check:
            names = (f"{path} as it is", f"{path} as the code has it")
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), *names))
        else:
            path.write_text(new)
            print(f"wrote {path.relative_to(DOCS.parent)}")
    sys.exit(1 if check and stale else 0)


def outdated(paths: Iterable[Path], renderers: Renderers) -> Iterator[tuple[Path, str, str]]:
    """The pages whose blocks are not what the renderers give now: path, text as it is, as it should be."""
    for path in sorted(paths):
        old = path.read_text()
        new = rendered(old, renderers)
        if new != old:
            yield path, old, new


def rendered(text: str, renderers: Renderers) -> str:
    """The page with the blocks of these renderers written anew; other blocks stay."""

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in renderers:
            return match[0]
        return f"{match['open']}\n{renderers[name]().strip()}\n{match['close']}"

    return BLOCK.sub(block, text)


def blocks(text: str) -> list[str]:
    """The names of the generated blocks in a page."""
    return [match["name"] for match in BLOCK.finditer(text)]


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


BLOCK = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z-]+) -->)\n.*?(?P<close><!-- /generated -->)", re.DOTALL
)
