from __future__ import annotations

import gc
import random
import weakref
from math import inf

import pytest

from holdfast.net.clock import FakeClock
from holdfast.net.timers import Deadline, Timers


class CountingClock(FakeClock):
    def __init__(self):
        super().__init__()
        self.armed = 0

    def call_at(self, when, callback, /, *args):
        self.armed += 1
        return super().call_at(when, callback, *args)


@pytest.fixture
def clock():
    return CountingClock()


@pytest.fixture
def timers(clock):
    return Timers(clock)


def logged(timers, log, name="x"):
    return Deadline(timers, lambda: log.append((name, timers.time())))


def test_it_expires_at_its_moment_and_once(clock, timers):
    log = []
    deadline = logged(timers, log)
    deadline.set(5)
    clock.advance(4.9)
    assert log == []
    clock.advance(60)
    assert log == [("x", 5)]
    assert deadline.at == inf
    assert len(timers) == 0


def test_moved_later_it_expires_later_only(clock, timers):
    log = []
    deadline = logged(timers, log)
    deadline.set(5)
    clock.advance(4)
    deadline.set(9)
    assert clock.armed == 1
    clock.advance(10)
    assert log == [("x", 9)]


def test_moved_earlier_it_expires_earlier_only(clock, timers):
    log = []
    deadline = logged(timers, log)
    deadline.set(50)
    deadline.set(5)
    clock.advance(100)
    assert log == [("x", 5)]


def test_moved_earlier_then_back_to_the_old_moment(clock, timers):
    log = []
    deadline = logged(timers, log)
    deadline.set(10)
    deadline.set(5)
    deadline.set(10)
    clock.advance(5)
    assert log == []
    clock.advance(20)
    assert log == [("x", 10)]


def test_a_stale_entry_is_dropped_when_it_is_met(clock, timers):
    log = []
    deadline, other = logged(timers, log), logged(timers, log, "other")
    other.set(40)
    deadline.set(10)
    deadline.set(5)
    deadline.set(30)
    assert len(timers) == 3
    clock.advance(20)
    assert len(timers) == 2
    assert repr(timers) == "<Timers 2 armed, 0 stale>"
    clock.advance(20)
    assert log == [("x", 30), ("other", 40)]


def test_cleared_it_does_not_expire_and_can_be_set_again(clock, timers):
    log = []
    deadline = logged(timers, log)
    deadline.set(5)
    deadline.clear()
    clock.advance(10)
    assert log == []
    assert len(timers) == 0
    deadline.set(12)
    clock.advance(10)
    assert log == [("x", 12)]


def test_closed_it_is_forgotten_at_once(clock, timers):
    class Owner:
        def expire(self):
            raise AssertionError("a closed deadline expired")

    owner = Owner()
    keeper = Deadline(timers, owner.expire)
    others = [logged(timers, []) for _ in range(10)]
    for deadline in (keeper, *others):
        deadline.set(75)
    gone = weakref.ref(owner)
    keeper.close()
    del owner
    gc.disable()
    try:
        assert gone() is None
    finally:
        gc.enable()
    keeper.set(1)
    keeper.close()
    clock.advance(100)


def test_a_moment_in_the_past_expires_as_soon_as_the_clock_calls(clock, timers):
    clock.advance(10)
    log = []
    logged(timers, log).set(3)
    assert log == []
    clock.advance(0)
    assert log == [("x", 10)]


def test_deadlines_expire_in_order(clock, timers):
    log = []
    moments = [5, 1, 3, 1, 4]
    deadlines = [logged(timers, log, number) for number, _ in enumerate(moments)]
    for deadline, at in zip(deadlines, moments, strict=True):
        deadline.set(at)
    clock.advance(10)
    assert log == [(1, 1), (3, 1), (2, 3), (4, 4), (0, 5)]


def test_on_expire_may_set_the_deadline_again(clock, timers):
    log = []

    def again():
        log.append(clock.time())
        deadline.set(clock.time() + 2)

    deadline = Deadline(timers, again)
    deadline.set(1)
    clock.advance(6)
    assert log == [1, 3, 5]


def test_on_expire_may_set_a_moment_in_the_past_without_stopping_the_others():
    calls = []

    class OneCallClock(FakeClock):
        """Makes the calls it has now, and keeps for later those they ask for."""

        def call_at(self, when, callback, /, *args):
            calls.append(callback)
            return super().call_at(when, callback, *args)

    clock = OneCallClock(10)
    timers = Timers(clock)
    count = 0

    def stubborn():
        nonlocal count
        count += 1
        deadline.set(0)

    deadline = Deadline(timers, stubborn)
    deadline.set(0)
    calls[-1]()
    assert count == 1
    calls[-1]()
    assert count == 2


def test_an_exception_reaches_the_clock_and_the_other_deadlines_still_expire(clock, timers):
    log = []
    Deadline(timers, lambda: 1 // 0).set(1)
    logged(timers, log).set(1)
    with pytest.raises(ZeroDivisionError):
        clock.advance(1)
    clock.advance(0)
    assert log == [("x", 1)]


def test_ten_thousand_deadlines_moved_a_hundred_times_arm_the_clock_a_handful_of_times(clock, timers):
    log = []
    deadlines = [logged(timers, log) for _ in range(10_000)]
    for step in range(100):
        for deadline in deadlines:
            deadline.set(step + 75.0)
        clock.advance(1)
    assert log == []
    assert clock.armed <= 10
    assert len(timers) == 10_000
    clock.advance(75)
    assert log == [("x", 174)] * 10_000


def test_stale_entries_stay_fewer_than_live_ones(clock, timers):
    deadlines = [logged(timers, []) for _ in range(100)]
    for step in range(100):
        for deadline in deadlines:
            deadline.set(1000 - step)
            assert len(timers) <= 2 * len(deadlines) + 1
    for number, deadline in enumerate(deadlines):
        deadline.close()
        assert len(timers) <= 2 * (len(deadlines) - number)
    assert len(timers) == 0


def test_connections_that_come_and_go_leave_nothing(clock, timers):
    for _ in range(1000):
        deadline = logged(timers, [])
        deadline.set(clock.time() + 75)
        deadline.close()
        assert len(timers) == 0
    assert clock.armed == 1


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_a_plain_model(seed):
    print(f"seed {seed}")
    rng = random.Random(seed)
    clock = FakeClock()
    timers = Timers(clock)
    log, model, expected = [], {}, []
    deadlines = {name: logged(timers, log, name) for name in range(8)}
    for _ in range(400):
        name, now = rng.randrange(8), clock.time()
        match rng.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                at = now + rng.randrange(1, 40)
                deadlines[name].set(at)
                model[name] = at
            case 5:
                deadlines[name].clear()
                model.pop(name, None)
            case 6:
                deadlines[name].close()
                model.pop(name, None)
                deadlines[name] = logged(timers, log, name)
            case _:
                step = rng.randrange(12)
                due = {key: at for key, at in model.items() if at <= now + step}
                expected += sorted(due.items())
                model = {key: at for key, at in model.items() if key not in due}
                clock.advance(step)
    assert sorted(log) == sorted(expected)
    assert [at for _, at in log] == sorted(at for _, at in log)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda d: None, "<Deadline clear>"),
        (lambda d: d.set(1.5), "<Deadline at 1.500>"),
        (lambda d: d.close(), "<Deadline closed>"),
    ],
    ids=["clear", "set", "closed"],
)
def test_repr(timers, act, text):
    deadline = logged(timers, [])
    act(deadline)
    assert repr(deadline) == text
    assert repr(timers).startswith("<Timers ")
