"""Recover."""

from __future__ import annotations

import logging

import pytest

from holdfast.errors import AbortHandler
from holdfast.server.maxbytes import MaxBytes
from holdfast.server.recover import Recover
from holdfast.testing import BrokenResponse, recorder, serving


async def test_a_handler_that_raises_costs_its_answer_and_not_its_connection(caplog):
    async def handler(w, r):
        w.headers["Set-Cookie"] = "half=done"
        raise KeyError("secret")

    with caplog.at_level(logging.ERROR, "holdfast.error"):
        async with serving(Recover(handler)) as (client, server):
            for _ in range(2):
                response = await client.get("/")
                assert (response.status, response.body) == (500, b"Internal Server Error\n")
                assert response.header("Set-Cookie") is None
            assert server.stats().connections_accepted == 1
    assert "KeyError: 'secret'" in caplog.text


async def test_the_answer_can_be_chosen_and_what_was_set_outside_stays(caplog):
    async def handler(w, r):
        w.headers["X-Inner"] = "1"
        raise ValueError("that")

    async def answer(w, r, exception):
        w.write_header(418)
        await w.write(f"{r.path}: {exception}")

    w, r = recorder("GET", "/p")
    w.headers["X-Outer"] = "1"
    w.headers.suppress("Date")
    await Recover(handler, answer).serve_http(w, r)
    response = await w.result()
    assert (response.status, response.body) == (418, b"/p: that")
    assert (response.header("X-Inner"), response.header("X-Outer")) == (None, "1")
    assert response.header("Date") is None


async def test_a_response_that_was_begun_is_broken_off(caplog):
    async def handler(w, r):
        await w.write("some")
        await w.flush()
        raise KeyError

    async with serving(Recover(handler)) as (client, _):
        with pytest.raises(BrokenResponse):
            await client.get("/")


async def test_an_abort_is_passed_on_and_not_logged(caplog):
    async def handler(w, r):
        raise AbortHandler

    w, r = recorder()
    with pytest.raises(AbortHandler):
        await Recover(handler).serve_http(w, r)
    assert caplog.text == ""


async def test_the_peers_own_failures_are_answered_by_the_server():
    async def handler(w, r):
        await r.read()

    async with serving(Recover(MaxBytes(handler, 3))) as (client, _):
        assert (await client.post("/", body=b"1234")).status == 413
