"""Waiting in tests: bounded in real time, exact on a fake clock."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.testing import FakeClock, advance, settle, waiting
from holdfast.testing.waiting import within


async def test_within_gives_what_came():
    assert await within(asyncio.sleep(0, "it"), "it") == "it"


async def test_within_says_what_did_not_come(monkeypatch):
    monkeypatch.setattr(waiting, "GUARD", 0.01)
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for the rain"):
        await within(asyncio.Event().wait(), "the rain")


async def test_a_timeout_of_what_is_awaited_is_passed_on():
    async def fails():
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await within(fails(), "it")


async def test_settle_waits_for_every_turn_that_is_due():
    seen = []

    def again(left):
        seen.append(left)
        if left:
            asyncio.get_running_loop().call_soon(again, left - 1)

    again(100)
    await settle()
    assert seen[-1] == 0


async def test_settle_does_not_wait_for_ever():
    loop = asyncio.get_running_loop()
    turns = 0
    going = True

    def again():
        nonlocal turns
        turns += 1
        if going:
            loop.call_soon(again)

    again()
    await settle()
    going = False
    assert 100 < turns < 10_000


async def test_two_may_settle_at_once():
    await asyncio.gather(settle(), settle())


async def test_advance_stops_at_every_timer():
    clock = FakeClock(start=100)
    seen = []

    async def work(at):
        await asyncio.sleep(0)
        seen.append((at, clock.time()))
        if at < 103:
            clock.call_at(at + 1, fire, at + 1)

    tasks = []

    def fire(at):
        tasks.append(asyncio.get_running_loop().create_task(work(at)))

    clock.call_at(101, fire, 101)
    await advance(clock, 2.5)
    assert seen == [(101, 101), (102, 102)]  # the second timer is set by what the first began
    assert clock.time() == 102.5
    await advance(clock, 0.5)
    assert seen[-1] == (103, 103)
    await asyncio.gather(*tasks)
