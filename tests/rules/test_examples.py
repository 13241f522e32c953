"""What the docs show works: every Python snippet compiles, those marked ``run`` run, the examples answer."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from pathlib import Path

import pytest

import holdfast

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```python( run)?\n(.*?)^```", re.DOTALL | re.MULTILINE)


def snippets():
    for page in PAGES:
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1):
            yield pytest.param(match[2], bool(match[1]), id=f"{page.relative_to(ROOT)}-{number}")


def run(source: str) -> dict[str, object]:
    """Run a snippet as if it were imported."""
    names: dict[str, object] = {"__name__": "snippet"}
    exec(compile(source, "snippet", "exec", dont_inherit=True), names)
    return names


def answer(handler: object, path: str, body: bytes | None = None) -> str:
    """What a server with this handler answers."""

    def ask(url: str) -> str:
        with urllib.request.urlopen(url, data=body, timeout=10) as response:
            return response.read().decode()

    async def serve() -> str:
        async with holdfast.Server(handler, addr="127.0.0.1:0") as server:
            return await asyncio.to_thread(ask, server.url + path)

    return asyncio.run(serve())


@pytest.mark.parametrize(("source", "marked"), list(snippets()))
def test_a_snippet_compiles_and_runs_where_it_is_marked(source, marked):
    if marked:
        run(source)
    else:
        compile(source, "snippet", "exec", dont_inherit=True)


def test_the_three_examples_of_the_readme_answer():
    asgi, wsgi, native = (run(match[2]) for match in FENCE.finditer((ROOT / "README.md").read_text()))
    assert answer(holdfast.ASGI(asgi["app"], lifespan="off"), "/") == "Hello from ASGI\n"
    assert answer(holdfast.WSGI(wsgi["app"]), "/") == "Hello from WSGI\n"
    assert answer(native["mux"], "/hello/you") == "Hello, you!\n"


def test_the_tutorial_answers():
    first, blocking, _ = (
        run(match[2]) for match in FENCE.finditer((ROOT / "docs/tutorial/first-server.md").read_text())
    )
    assert answer(first["mux"], "/") == "Hello.\n"
    assert json.loads(answer(first["mux"], "/greet/you")) == {"hello": "you"}
    assert answer(blocking["mux"], "/length", b"12345") == "5\n"


def test_the_demo_shows_the_connection():
    from examples.demo import mux

    page = answer(mux, "/")
    assert "<title>Holdfast</title>" in page
    assert "request number 1 on it" in page
    assert "$host" not in page
    assert json.loads(answer(mux, "/facts"))["Protocol"] == "HTTP/1.1, no TLS"
    assert answer(mux, "/hello/you") == "Hello, you!\n"
    assert answer(mux, "/echo", b"held fast") == "held fast"
