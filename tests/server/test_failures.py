"""What a server answers in the place of its handler."""

import logging
from types import SimpleNamespace

import pytest

from holdfast.errors import LimitExceeded, RemoteProtocolError, Timeout
from holdfast.limits import MAX_TRACEBACK
from holdfast.server.failures import answer_failure, answer_special, log_failure
from holdfast.server.server import Server
from holdfast.testing import recorder


async def hello(w, r):
    await w.write(b"hello")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("secret"), 500),
        (RemoteProtocolError("bad chunk", status=400), 400),
        (Timeout("read_timeout"), 408),
        (LimitExceeded("max_header_bytes", "too much", status=431), 431),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_failure_is_answered_by_its_kind_and_says_nothing_of_its_cause(error, status):
    w, _ = recorder()
    assert answer_failure(w.exchange, error)
    response = await w.result()
    assert (response.status, response.header("Connection")) == (status, "close")
    assert b"secret" not in response.body


def test_a_stack_in_the_log_has_its_bound(caplog):
    caplog.set_level(logging.INFO, "holdfast.error")
    server = Server(hello)
    exchange = SimpleNamespace(remote_addr="peer")
    log_failure(server.log, exchange, RuntimeError("x" * 2 * MAX_TRACEBACK))
    log_failure(server.log, exchange, Timeout("read_timeout"))
    whole, short = caplog.records
    assert MAX_TRACEBACK <= len(whole.getMessage()) < MAX_TRACEBACK + 200
    assert (whole.levelname, short.levelname) == ("ERROR", "INFO")
    assert "\n" not in short.getMessage()


async def test_a_failure_after_the_head_cannot_be_answered():
    w, _ = recorder()
    w.exchange.start(200, [], length=3)
    assert not answer_failure(w.exchange, RuntimeError())


@pytest.mark.parametrize(("fields", "status"), [([("Expect", "tea")], 417), ([], 200)])
async def test_what_no_handler_is_asked_about(fields, status):
    w, _ = recorder("OPTIONS", "*", headers=fields)
    await answer_special(w.exchange)
    assert w.exchange.status == status
    assert w.exchange.ended
