"""Every reason a connection ends: an example of each, and a place in the code for each."""

import ast
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import pytest

from holdfast.wire.persistence import CloseReason, Facts, close_reason

SRC = Path(__file__).parents[2] / "src" / "holdfast"


@dataclass(frozen=True)
class Told:
    """Facts, by hand."""

    shutting_down: bool = False
    local_close: bool = False
    worn_out: bool = False
    keep_alives_off: bool = False
    peer_wish: CloseReason | None = None
    peer_eof: bool = False
    until_eof: bool = False
    short_body: bool = False
    body_unread: bool = False
    body_broken: bool = False
    expect_left: bool = False
    connect: bool = False


# In the order in which close_reason looks.
EXAMPLES = [
    (CloseReason.SHUTDOWN, {"shutting_down": True}),
    (CloseReason.LOCAL_CLOSE, {"local_close": True}),
    (CloseReason.WORN_OUT, {"worn_out": True}),
    (CloseReason.KEEP_ALIVES_OFF, {"keep_alives_off": True}),
    (CloseReason.PEER_CLOSE, {"peer_wish": CloseReason.PEER_CLOSE}),
    (CloseReason.PEER_OLD, {"peer_wish": CloseReason.PEER_OLD}),
    (CloseReason.PEER_EOF, {"peer_eof": True}),
    (CloseReason.UNTIL_EOF, {"until_eof": True}),
    (CloseReason.SHORT_BODY, {"short_body": True}),
    (CloseReason.BODY_LEFT, {"body_unread": True}),
    (CloseReason.BODY_BROKEN, {"body_broken": True}),
    (CloseReason.EXPECT_LEFT, {"expect_left": True}),
    (CloseReason.CONNECT, {"connect": True}),
]

# Decided by an event on the connection, not by the facts of an exchange: each has a test that brings
# it about on a whole server in tests/whole/test_close_reasons.py.
OUTSIDE = {
    CloseReason.MALFORMED,
    CloseReason.IDLE_TIMEOUT,
    CloseReason.HANDSHAKE_TIMEOUT,
    CloseReason.HANDSHAKE_FAILED,
    CloseReason.READ_HEADER_TIMEOUT,
    CloseReason.WRITE_TIMEOUT,
    CloseReason.WRITE_STALL,
    CloseReason.DRAIN_TIMEOUT,
    CloseReason.HANDLER_FAILED,
    CloseReason.HANDLER_ABORTED,
    CloseReason.PEER_LEFT,
    CloseReason.RESET,
    CloseReason.SHED,
    CloseReason.HIJACKED,
    CloseReason.KILLED,
}


def test_a_connection_is_kept_while_nothing_speaks_against_it():
    assert close_reason(Told()) is None


@pytest.mark.parametrize(("reason", "facts"), EXAMPLES, ids=[reason.name for reason, _ in EXAMPLES])
def test_an_example_of_each_reason(reason, facts):
    assert close_reason(Told(**facts)) is reason


def test_every_fact_counts():
    asked = [name for name in vars(Facts) if not name.startswith("_")]
    assert asked == [field.name for field in fields(Told)]
    assert {name for _, facts in EXAMPLES for name in facts} == set(asked)


def test_of_several_reasons_the_first_in_the_order_of_the_enum_is_reported():
    every = Told()
    for reason, facts in reversed(EXAMPLES):
        every = replace(every, **facts)
        assert close_reason(every) is reason


def test_every_member_is_found_by_an_exchange_or_brought_about_outside_of_one():
    found = [reason for reason, _ in EXAMPLES]
    assert found == list(CloseReason)[: len(found)]
    assert set(found) | OUTSIDE == set(CloseReason)
    assert not set(found) & OUTSIDE


@pytest.mark.parametrize("reason", CloseReason, ids=lambda reason: reason.name)
def test_every_member_is_used(reason):
    """``grep CloseReason.X`` finds the line behind what the dashboard shows."""
    assert reason.name in used()


@cache
def used():
    """The members that the code names, somewhere."""
    return {
        node.attr
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "CloseReason"
    }


def test_the_words_are_fit_for_a_log_line_and_a_metrics_label():
    values = [reason.value for reason in CloseReason]
    assert len(values) == len(set(values))
    assert all(value == value.strip() and value.isascii() and "\n" not in value for value in values)
