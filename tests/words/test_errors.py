"""The tree of exceptions: drawn as it is, with the values that a caller can act on."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from pathlib import Path

import pytest

from holdfast import errors
from holdfast.errors import (
    BodyTooLarge,
    CannotStart,
    HTTPError,
    LimitExceeded,
    NetworkError,
    PatternConflict,
    PatternError,
    ProtocolError,
    RangeError,
    RemoteProtocolError,
    Timeout,
    UsageError,
)

SRC = Path(errors.__file__).parent
CLASSES = {name: getattr(errors, name) for name in errors.__all__}

every_class = pytest.mark.parametrize("error", CLASSES.values(), ids=CLASSES)


def drawn(picture: str) -> dict[str, str]:
    """Each exception's parent in the drawing: on a branch of its own, or named in the text of one."""
    parents = {}
    above: list[str] = []  # the branch that each line hangs on, by depth
    for line in picture.splitlines():
        branch, text = LINE.fullmatch(line).groups()
        if not branch or branch.endswith("── "):
            name, text = FIRST.match(text).groups()
            depth = len(branch) // 4
            parents[name] = above[depth - 1] if depth else ""
            above = [*above[:depth], name]
        for chain in text.split(","):
            parent = above[-1]
            for named in WORD.findall(chain):
                if named in CLASSES:
                    parents[named] = parent
                    parent = named
    return parents


LINE = re.compile(r"([│├└─ ]*)(.*)")
FIRST = re.compile(r"(\w+)(.*)")
WORD = re.compile(r"\w+")


def test_the_drawing_is_the_tree():
    lines = [line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    assert drawn("\n".join(lines)) == {
        name: "" if error is HTTPError else error.__bases__[0].__name__ for name, error in CLASSES.items()
    }


def test_every_exception_of_the_module_is_in_its_list():
    own = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert own == set(CLASSES)


@every_class
def test_whatever_is_raised_on_purpose_is_caught_by_the_root(error):
    assert issubclass(error, HTTPError)


@every_class
def test_whose_fault_it_is_has_one_answer(error):
    """Below the root the branches share nothing, so that an ``except`` of one never takes another's."""
    branches = (ProtocolError, NetworkError, Timeout, LimitExceeded, errors.Cancelled, UsageError)
    assert error is HTTPError or sum(issubclass(error, branch) for branch in branches) == 1


@pytest.mark.parametrize(
    ("error", "known"),
    [(NetworkError, OSError), (Timeout, TimeoutError), (PatternError, ValueError)],
    ids=lambda value: value.__name__,
)
def test_who_knows_only_pythons_own_catches_it_too(error, known):
    assert issubclass(error, known)


@every_class
def test_a_name_hides_none_of_pythons(error):
    assert not hasattr(builtins, error.__name__)


@pytest.mark.parametrize(
    ("error", "message", "values"),
    [
        (RemoteProtocolError("no"), "no", {"status": 400, "reason": ""}),
        (RemoteProtocolError("no", status=501, reason="why"), "no", {"status": 501, "reason": "why"}),
        (RangeError("no"), "no", {"status": 416, "unsatisfiable": False, "reason": ""}),
        (RangeError("no", unsatisfiable=True), "no", {"status": 416, "unsatisfiable": True}),
        (Timeout("idle_timeout"), "idle_timeout ran out", {"timer": "idle_timeout"}),
        (Timeout("idle_timeout", "after 5 s"), "after 5 s", {"timer": "idle_timeout"}),
        (LimitExceeded("max_header_count", "501"), "501", {"limit": "max_header_count", "status": 431}),
        (LimitExceeded("max_form_bytes", "11", status=413), "11", {"limit": "max_form_bytes", "status": 413}),
        (
            BodyTooLarge(5),
            "request body too large: the limit is 5 bytes",
            {"max_bytes": 5, "limit": "max_bytes", "status": 413},
        ),
        (CannotStart("no such module"), "no such module", {"details": "", "exit_code": 3}),
        (CannotStart("no", details="Traceback", exit_code=2), "no", {"details": "Traceback", "exit_code": 2}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_to_do_about_it_is_in_the_value(error, message, values):
    assert str(error) == message
    assert {name: getattr(error, name) for name in values} == values


def test_a_conflict_of_patterns_is_a_wrong_pattern():
    with pytest.raises(PatternError, match="more specific"):
        raise PatternConflict("neither is more specific")


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_exceptions_are_made_here_only(path):
    """Failed assertions aside: they say that the code, or a test, is wrong."""
    if path.name == "errors.py":
        return
    bases = {
        (node.name, ast.unparse(base).rpartition(".")[2])
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    made = {name for name, base in bases if base in CLASSES or base.endswith(("Exception", "Error"))}
    asserted = {name for name, base in bases if base == "AssertionError"}
    assert made - asserted == set()
