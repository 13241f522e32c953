from __future__ import annotations

import asyncio
import time
from math import inf

import pytest

from holdfast.net.clock import FakeClock, LoopClock


def test_a_fake_clock_stands_still_until_it_is_moved():
    clock = FakeClock(5.0)
    assert clock.time() == 5.0
    clock.advance(0.25)
    assert clock.time() == 5.25


def test_calls_come_in_order_each_at_its_own_moment():
    clock, calls = FakeClock(), []
    for when, name in [(3, "c"), (1, "a"), (2, "b"), (1, "a2"), (4, "d")]:
        clock.call_at(when, lambda name=name: calls.append((name, clock.time())))
    clock.advance(3)
    assert calls == [("a", 1), ("a2", 1), ("b", 2), ("c", 3)]
    assert clock.pending() == 1


def test_a_call_in_the_past_comes_with_the_next_advance_and_does_not_turn_the_clock_back():
    clock, calls = FakeClock(10.0), []
    clock.call_at(1, lambda: calls.append(clock.time()))
    assert calls == []
    clock.advance(0)
    assert calls == [10.0]


def test_a_call_made_by_a_call_comes_in_the_same_advance_if_due():
    clock, calls = FakeClock(), []
    clock.call_at(1, lambda: clock.call_at(2, calls.append, "second"))
    clock.advance(2)
    assert calls == ["second"]


def test_a_cancelled_call_never_comes():
    clock, calls = FakeClock(), []
    clock.call_at(1, calls.append, 1).cancel()
    assert clock.pending() == 0
    clock.advance(2)
    assert calls == []


def test_an_exception_comes_out_where_the_clock_stands():
    clock = FakeClock()
    clock.call_at(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        clock.advance(5)
    assert clock.time() == 1


def test_when_the_next_call_is_due():
    clock = FakeClock(start=10)
    assert clock.next_at() == inf
    first = clock.call_at(12, list)
    clock.call_at(15, list)
    assert clock.next_at() == 12
    first.cancel()
    assert clock.next_at() == 15


def test_a_clock_does_not_go_back():
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, "uvloop"])
def test_the_loops_clock_never_calls_early(factory):
    if factory == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    async def main():
        clock = LoopClock()
        early = []
        for fraction in range(10):
            done = asyncio.get_running_loop().create_future()
            when = clock.time() + 0.001 + fraction / 10_000
            clock.call_at(when, lambda done=done: done.set_result(clock.time()))
            early.append(await done < when)
        assert not any(early)
        assert abs(clock.time() - asyncio.get_running_loop().time()) < 1

    started = time.monotonic()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    assert time.monotonic() - started < 5


def test_the_loops_clock_needs_a_running_loop():
    with pytest.raises(RuntimeError):
        LoopClock()
