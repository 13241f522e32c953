from types import SimpleNamespace

import pytest

from holdfast.net.tasks import Event, cancel, spawn
from holdfast.server.snapshot import ConnectionInfo, snapshot
from holdfast.testing import settle
from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason


def conn(**changes):
    """A connection as far as a snapshot looks at it."""
    given = {
        "current": None,
        "peer": "192.0.2.1:50000",
        "opened": True,
        "life": SimpleNamespace(state=State.IDLE),
        "opened_at": 100.0,
        "clocks": SimpleNamespace(since=130.0),
        "requests": 2,
        "bytes_received": 60,
        "reason": None,
        "task": None,
    }
    given |= changes
    current, task = given.pop("current"), given.pop("task")
    return SimpleNamespace(
        in_flight=lambda: [] if current is None else [current],
        tasks=lambda: [] if task is None else [task],
        **given,
    )


def exchange(over=False):
    return SimpleNamespace(over=over, head=SimpleNamespace(method="GET", target="/a?b"))


def test_an_idle_connection():
    assert snapshot(conn(), 160.0) == ConnectionInfo(
        peer="192.0.2.1:50000",
        protocol="HTTP/1.1",
        state="idle",
        age=60.0,
        state_age=30.0,
        requests=2,
        bytes_received=60,
        request="",
        close_reason="",
        stack=(),
    )


@pytest.mark.parametrize(("over", "request_"), [(False, "GET /a?b"), (True, "")], ids=["running", "returned"])
def test_the_request_that_is_being_answered(over, request_):
    info = snapshot(conn(life=SimpleNamespace(state=State.EXCHANGE), current=exchange(over)), 160.0)
    assert (info.state, info.request) == ("exchange", request_)


def test_why_it_ends():
    assert snapshot(conn(reason=CloseReason.IDLE_TIMEOUT), 160.0).close_reason == "idle_timeout"


async def test_the_stack_leads_through_everything_that_is_awaited():
    async def handler():
        await helper()

    async def helper():
        await Event().wait()

    task = spawn(handler())
    await settle()
    stack = snapshot(conn(current=exchange(), task=task), 160.0).stack
    assert [line.rpartition(".")[2] for line in stack] == ["handler", "helper", "wait"]
    assert stack[0].startswith(f"{__file__}:{handler.__code__.co_firstlineno + 1} ")
    await cancel(task)


async def test_there_is_no_stack_when_no_handler_runs():
    task = spawn(Event().wait())
    await settle()
    assert snapshot(conn(task=task), 160.0).stack == ()
    assert snapshot(conn(task=task, current=exchange(over=True)), 160.0).stack == ()
    await cancel(task)
