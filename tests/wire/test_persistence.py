"""Every reason a connection ends: an example of each, and a place in the code for each."""

import re
from functools import cache
from pathlib import Path

import pytest

from holdfast.wire.persistence import CloseReason, close_reason

NAMED = re.compile(r"\bCloseReason\.([A-Z_]+)\b")
SRC = Path(__file__).parents[2] / "src" / "holdfast"


# In the order in which they are reported.
NOTED = [
    CloseReason.SHUTDOWN,
    CloseReason.LOCAL_CLOSE,
    CloseReason.WORN_OUT,
    CloseReason.KEEP_ALIVES_OFF,
    CloseReason.PEER_CLOSE,
    CloseReason.PEER_OLD,
    CloseReason.PEER_EOF,
    CloseReason.UNTIL_EOF,
    CloseReason.SHORT_BODY,
    CloseReason.BODY_LEFT,
    CloseReason.BODY_BROKEN,
    CloseReason.EXPECT_LEFT,
    CloseReason.CONNECT,
]

# Decided by an event on the connection, not noted for the end of an exchange: each has a test that brings
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
    assert close_reason(frozenset()) is None


@pytest.mark.parametrize("reason", NOTED, ids=lambda reason: reason.name)
def test_each_reason_alone_closes(reason):
    assert close_reason({reason}) is reason


def test_of_several_reasons_the_first_in_the_order_of_the_enum_is_reported():
    noted = set()
    for reason in reversed(NOTED):
        noted.add(reason)
        assert close_reason(noted) is reason


def test_every_member_is_found_by_an_exchange_or_brought_about_outside_of_one():
    assert list(CloseReason)[: len(NOTED)] == NOTED
    assert set(NOTED) | OUTSIDE == set(CloseReason)
    assert not set(NOTED) & OUTSIDE


@pytest.mark.parametrize("reason", CloseReason, ids=lambda reason: reason.name)
def test_every_member_is_used(reason):
    """``grep CloseReason.X`` finds the line behind what the dashboard shows."""
    assert reason.name in used()


@cache
def used():
    """The members that the code names, somewhere."""
    return {name for path in SRC.rglob("*.py") for name in NAMED.findall(path.read_text())}


def test_the_words_are_fit_for_a_log_line_and_a_metrics_label():
    values = [reason.value for reason in CloseReason]
    assert len(values) == len(set(values))
    assert all(value == value.strip() and value.isascii() and "\n" not in value for value in values)
