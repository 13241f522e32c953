"""Who may import whom: the layers as data, held by reading the imports of every file.

docs/design/architecture.md shows the same rows (``make tables``).  An import under
``if TYPE_CHECKING`` never runs: it names a type, and is free.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SRC = Path(__file__).parents[2] / "src" / "holdfast"

NETWORK = frozenset({"asyncio", "socket", "ssl", "selectors", "select", "uvloop"})
IO = NETWORK | {"time", "logging", "threading", "os", "subprocess", "signal"}


class Rule(NamedTuple):
    may: tuple[str, ...]  # layers, by the start of their modules' names
    never: frozenset[str]  # of the standard library and of the dependencies
    because: str


RULES = {
    "words": Rule(("words",), IO, "does no I/O"),
    "wire": Rule(("words", "wire"), IO, "does no I/O"),
    "net": Rule(("words.errors", "words.limits", "net"), frozenset(), "has never heard of HTTP"),
    "trace.hooks": Rule(("words",), IO, "only names moments"),
    "trace": Rule(("words", "trace"), NETWORK, "only listens"),
    "server": Rule(
        ("words", "wire", "net", "trace.hooks", "server"), NETWORK, "reaches the loop through net"
    ),
    "hosts": Rule(
        ("words", "server.exchange", "net.tasks", "hosts"), NETWORK, "is a front door to the exchange"
    ),
    "cli": Rule(("words", "wire", "net", "trace", "server", "hosts", "cli"), NETWORK, "starts servers"),
    "public": Rule(("words", "wire", "net", "trace", "server", "hosts"), IO, "only names what is public"),
    "testing": Rule(("",), frozenset(), "may import everything"),
}

PUBLIC = {"", "handlers"}  # `holdfast` and its facades: re-exports, no logic


def layer(module: str) -> str:
    """The layer of ``wire.h1.decoder`` is wire; of ``url``, words; of ``trace.hooks``, itself."""
    if module in PUBLIC:
        return "public"
    if module in RULES:
        return module
    head, dot, _ = module.partition(".")
    if head == "__main__":
        return "cli"
    return head if dot or (SRC / head).is_dir() else "words"


def imports(module: str, source: str) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether only for its types."""
    package = ["holdfast", *module.split(".")[:-1]]
    tree = ast.parse(source)
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for child in ast.walk(statement)
    }
    packages = {"holdfast", *(f"holdfast.{name}" for name in RULES)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, node.module] if node.module else base)
            names = [f"{name}.{alias.name}" for alias in node.names] if name in packages else [name]
        else:
            continue
        yield from ((name, id(node) in typing_only) for name in names)


def broken(module: str, source: str) -> Iterator[str]:
    """What a module's source breaks of the rules; ``pkg.__init__`` names a package."""
    name = layer(module.removesuffix("__init__").rstrip("."))
    rule = RULES[name]
    for imported, typing_only in imports(module, source):
        head, _, target = imported.partition(".")
        if head == "holdfast" and target:
            full = target if layer(target) != "words" else f"words.{target}"
            allowed = any(f"{full}.".startswith(f"{may}." if may else "") for may in rule.may)
        else:
            allowed = head not in rule.never
        if not (allowed or typing_only):
            yield f"{name} {rule.because}, but imports {imported}"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_a_file_imports_what_its_layer_may(path: Path) -> None:
    found = list(broken(".".join(path.relative_to(SRC).with_suffix("").parts), path.read_text()))
    assert not found, f"{path.relative_to(SRC)}: {'; '.join(found)}"


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("wire.h1.decoder", "import asyncio", "wire does no I/O, but imports asyncio"),
        ("wire.h1.decoder", "from ...net import clock", "wire does no I/O, but imports holdfast.net.clock"),
        ("wire.h1.decoder", "from ...limits import MAX_HEADER_BYTES", None),
        ("message", "if TYPE_CHECKING:\n    from .wire.events import RequestHead", None),
        (
            "message",
            "from .wire.events import RequestHead",
            "words does no I/O, but imports holdfast.wire.events",
        ),
        ("url", "from os import path", "words does no I/O, but imports os"),
        ("url", "from .server import mux", "words does no I/O, but imports holdfast.server.mux"),
        ("net.tls", "from .. import headers", "net has never heard of HTTP, but imports holdfast.headers"),
        ("net.tls", "import ssl\nfrom .. import errors", None),
        ("server.conn", "from ..trace.hooks import ServerTrace", None),
        ("server.conn", "import asyncio", "server reaches the loop through net, but imports asyncio"),
        ("server.conn", "if TYPE_CHECKING:\n    import ssl", None),
        ("hosts.asgi", "from ..server.exchange import Exchange", None),
        (
            "hosts.asgi",
            "from ..server import conn",
            "hosts is a front door to the exchange, but imports holdfast.server.conn",
        ),
        ("trace.__init__", "from .hooks import ServerTrace", None),
        (
            "trace.hooks",
            "from . import accesslog",
            "trace.hooks only names moments, but imports holdfast.trace.accesslog",
        ),
        ("__init__", "from .server.server import Server", None),
        (
            "cli.main",
            "from ..testing import recorder",
            "cli starts servers, but imports holdfast.testing.recorder",
        ),
    ],
)
def test_the_rules_see_what_they_should(module: str, source: str, message: str | None) -> None:
    assert list(broken(module, source)) == ([message] if message else [])
