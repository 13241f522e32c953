from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import CannotStart
from holdfast.hosts.lifespan import Lifespan

COMPLETE = {"type": "lifespan.startup.complete"}


def run(app, mode="auto"):
    """Start and stop ``app``; give back its scope's state."""
    scope = {"type": "lifespan", "state": {}}

    async def main():
        lifespan = Lifespan(app, scope, mode)
        await lifespan.startup()
        await lifespan.shutdown()
        await lifespan.shutdown()

    asyncio.run(main())
    return scope["state"]


def test_start_and_shutdown_in_one_call():
    async def app(scope, receive, send):
        assert await receive() == {"type": "lifespan.startup"}
        scope["state"]["a"] = 1
        await send(COMPLETE)
        assert await receive() == {"type": "lifespan.shutdown"}
        scope["state"]["b"] = 2
        await send({"type": "lifespan.shutdown.complete"})

    assert run(app) == {"a": 1, "b": 2}


def test_off_never_calls():
    async def app(scope, receive, send):
        raise AssertionError

    run(app, "off")


async def raises(scope, receive, send):
    raise KeyError("unknown scope")


async def returns(scope, receive, send):
    pass


@pytest.mark.parametrize("app", [raises, returns])
def test_auto_goes_on_without_an_application_that_takes_no_part(app):
    run(app, "auto")


@pytest.mark.parametrize(("app", "text"), [(raises, "unknown scope"), (returns, "without an answer")])
def test_on_does_not(app, text):
    with pytest.raises(CannotStart, match=text):
        run(app, "on")


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_failed_start_says_why(mode):
    async def app(scope, receive, send):
        await receive()
        trace = "Traceback\n  File x\nOSError: no database\n"
        await send({"type": "lifespan.startup.failed", "message": trace})
        await receive()

    with pytest.raises(CannotStart, match="failed to start: OSError: no database") as caught:
        run(app, mode)
    assert caught.value.details.startswith("Traceback\n")


@pytest.mark.parametrize("how", ["message", "exception"])
def test_a_failed_shutdown_is_logged(how, caplog):
    async def app(scope, receive, send):
        await receive()
        await send(COMPLETE)
        await receive()
        if how == "exception":
            raise OSError("disk full")
        await send({"type": "lifespan.shutdown.failed", "message": "disk full"})

    run(app)
    assert "failed to shut down" in caplog.text
    assert "disk full" in caplog.text


def test_an_application_that_ends_while_serving_is_logged_and_serving_goes_on(caplog):
    async def app(scope, receive, send):
        await receive()
        await send(COMPLETE)
        raise OSError("lost")

    run(app)
    assert "lost" in caplog.text


@pytest.mark.parametrize(
    "message",
    [{"type": "lifespan.shutdown.complete"}, {"type": "http.response.start"}],
    ids=lambda m: m["type"],
)
def test_an_answer_to_another_question_raises(message):
    raised = []

    async def app(scope, receive, send):
        await receive()
        try:
            await send(message)
        except Exception as error:
            raised.append(str(error))
        await send(COMPLETE)
        with pytest.raises(Exception, match="does not answer"):
            await send(COMPLETE)

    run(app)
    assert "does not answer lifespan.startup" in raised[0]


def test_asking_again_after_the_shutdown_waits_and_is_ended():
    async def app(scope, receive, send):
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})

    run(app)
