"""What is public is said in ``__all__``, is there, and has a docstring."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import holdfast

SRC = Path(__file__).parents[2] / "src"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not isinstance(node, ast.Expr) for node in body) and path.name != "__main__.py"


FILES = [path for path in sorted(SRC.rglob("*.py")) if has_code(path)]
every_module = pytest.mark.parametrize("name", [module_name(path) for path in FILES])


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_a_file_that_says_anything_says_its_purpose_first(path):
    text = path.read_text()
    assert not text or ast.get_docstring(ast.parse(text))


@every_module
def test_what_a_module_exports_is_there(name):
    """Its order is ruff's (RUF022).  ``limits`` needs no list: every name in it is public."""
    module = importlib.import_module(name)
    if name == "holdfast.limits":
        names = {name for name in vars(module) if not name.startswith("_")} - {"Final", "annotations"}
        assert [name for name in names if not name.isupper()] == []
        return
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@every_module
def test_what_a_module_exports_is_its_own_or_its_siblings(name):
    """What lives in another layer is imported from there; only facades pass it on."""
    module = importlib.import_module(name)
    if hasattr(module, "__path__") or name in {"holdfast.handlers", "holdfast.limits"}:
        return
    package = name.rpartition(".")[0]
    homes = {name: getattr(getattr(module, name), "__module__", None) or name for name in module.__all__}
    foreign = [
        name for name, home in homes.items() if home.startswith("holdfast.") and not home.startswith(package)
    ]
    assert foreign == []


@pytest.mark.parametrize("name", holdfast.__all__)
def test_a_public_thing_and_its_public_methods_are_documented(name):
    thing = getattr(holdfast, name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing)):
        return
    assert inspect.getdoc(thing), f"{name} has no docstring"
    if inspect.isclass(thing) and thing.__module__.startswith("holdfast"):
        bare = [
            member
            for member, value in vars(thing).items()
            if not member.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod))
            and not inspect.getdoc(value)
        ]
        assert bare == [], f"{name}: without docstring"
