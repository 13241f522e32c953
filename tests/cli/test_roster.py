"""The supervisor's decisions, without a process and without a clock."""

import pytest

from holdfast import limits
from holdfast.cli.roster import Do, Roster


def brief(actions):
    """``SPAWN 1`` for each action; a text or code is left to the tests that are about it."""
    return [f"{action.do.name} {action.id}" if action.id else action.do.name for action in actions]


def running(wanted=2, *, now=0.0, drain_timeout=30.0):
    """A roster that has announced itself, with workers 1 to ``wanted``."""
    roster = Roster(wanted, drain_timeout=drain_timeout)
    roster.start(now)
    for id in range(1, wanted + 1):
        roster.ready(id, now)
    return roster


def test_one_worker_goes_first_and_the_rest_follow_when_it_is_ready():
    roster = Roster(3, drain_timeout=30)
    assert brief(roster.start(0)) == ["SPAWN 1"]
    assert brief(roster.ready(1, 1)) == ["SPAWN 2", "SPAWN 3"]
    assert brief(roster.ready(3, 2)) == []
    assert brief(roster.ready(2, 2)) == ["ANNOUNCE"]


def test_an_application_that_cannot_start_ends_the_start_with_its_line():
    roster = Roster(3, drain_timeout=30)
    roster.start(0)
    assert brief(roster.failed(1, "no such module", 3, 1)) == []
    close, exit = roster.exited(1, "process [9] exited with 3", 1)
    assert close.do is Do.CLOSE_LISTENERS
    assert (exit.do, exit.text, exit.code) == (Do.EXIT, "no such module", 3)


def test_a_first_worker_that_dies_without_a_word_ends_the_start():
    roster = Roster(2, drain_timeout=30)
    roster.start(0)
    _, exit = roster.exited(1, "was killed by SIGSEGV", 1)
    assert (exit.text, exit.code) == ("worker 1 was killed by SIGSEGV", 3)


def test_three_young_deaths_before_all_were_ready_end_the_start():
    roster = Roster(2, drain_timeout=30)
    roster.start(0)
    roster.ready(1, 0)
    now = 0.0
    for id in (2, 3):
        actions = roster.exited(id, "died", now)
        if "SPAWN" not in "".join(brief(actions)):
            now = roster.deadline()
            actions = roster.on_deadline(now)
        assert brief(actions)[-1] == f"SPAWN {id + 1}"
    assert brief(roster.exited(4, "died", now)) == ["CLOSE_LISTENERS", "DRAIN 1"]
    (exit,) = roster.exited(1, "exited with 0", now)
    assert (exit.do, exit.code) == (Do.EXIT, 3)


def test_a_dead_worker_is_replaced_at_once():
    roster = running()
    assert brief(roster.exited(2, "was killed by SIGKILL", 100)) == ["SAY", "SPAWN 3"]
    assert brief(roster.ready(3, 101)) == []


def test_a_crash_loop_waits_longer_each_time_but_never_gives_up():
    roster, now, waits = running(1), 0.0, []
    for id in range(1, 12):
        actions = roster.exited(id, "died", now)
        if brief(actions) == ["SAY"]:
            waits.append(roster.deadline() - now)
            now = roster.deadline()
            actions = roster.on_deadline(now)
        assert brief(actions)[-1] == f"SPAWN {id + 1}"
    assert waits == sorted(waits)
    assert waits[0] == limits.RESPAWN_DELAY_MIN
    assert waits[-1] == limits.RESPAWN_DELAY_MAX


def test_an_old_worker_that_dies_makes_the_next_one_start_at_once_again():
    roster = running(1)
    roster.exited(1, "died", 0)
    roster.ready(2, 1)
    assert brief(roster.exited(2, "died", 1 + limits.WORKER_YOUNG)) == ["SAY", "SPAWN 3"]


def test_sigterm_closes_our_listeners_first_and_waits_for_each_worker():
    roster = running(2)
    assert brief(roster.terminate(10)) == ["CLOSE_LISTENERS", "DRAIN 1", "DRAIN 2"]
    assert brief(roster.terminate(11)) == []
    assert brief(roster.exited(1, "exited with 0", 12)) == []
    (exit,) = roster.exited(2, "exited with 0", 13)
    assert (exit.do, exit.text, exit.code) == (Do.EXIT, "", 0)


def test_sigterm_during_the_start_does_not_wait_for_an_import():
    roster = Roster(2, drain_timeout=30)
    roster.start(0)
    assert brief(roster.terminate(1)) == ["CLOSE_LISTENERS", "TERMINATE 1"]
    assert brief(roster.exited(1, "was killed by SIGTERM", 1)) == ["EXIT"]


def test_a_worker_that_does_not_leave_in_time_is_killed_and_it_is_said():
    roster = running(1, drain_timeout=30)
    roster.terminate(10)
    assert roster.deadline() == 10 + 30 + limits.KILL_GRACE
    assert brief(roster.on_deadline(roster.deadline() - 0.1)) == []
    assert brief(roster.on_deadline(roster.deadline())) == ["SAY", "KILL 1"]
    assert roster.deadline() == float("inf")


def test_a_busy_worker_is_not_killed_for_being_busy():
    roster = running(2)
    assert roster.deadline() == float("inf")
    assert brief(roster.on_deadline(1e9)) == []


def test_the_second_sigint_does_not_wait():
    roster = running(2)
    assert brief(roster.interrupt(10)) == ["CLOSE_LISTENERS", "DRAIN 1", "DRAIN 2"]
    assert brief(roster.interrupt(11)) == ["CLOSE 1", "CLOSE 2"]
    assert roster.deadline() == 11 + limits.KILL_GRACE


def test_a_roll_replaces_one_by_one_and_each_only_when_its_successor_is_ready():
    roster = running(2)
    assert brief(roster.roll(10)) == ["SPAWN 3"]
    assert brief(roster.ready(3, 11)) == ["DRAIN 1", "SPAWN 4"]
    assert brief(roster.exited(1, "exited with 0", 12)) == []
    assert brief(roster.ready(4, 13)) == ["DRAIN 2"]
    assert brief(roster.exited(2, "exited with 0", 14)) == []


def test_two_rolls_at_once_leave_no_old_worker():
    roster = running(1)
    roster.roll(10)
    assert brief(roster.roll(10)) == []
    assert brief(roster.ready(2, 11)) == ["DRAIN 1", "SPAWN 3"]
    assert brief(roster.ready(3, 12)) == ["DRAIN 2"]


def test_a_roll_to_an_application_that_does_not_start_keeps_the_old_one():
    roster = running(2)
    roster.roll(10)
    roster.failed(3, "SyntaxError", 3, 11)
    (said,) = roster.exited(3, "exited with 3", 11)
    assert said.text == "SyntaxError; the workers before it go on serving"
    assert roster.deadline() == float("inf")
    assert brief(roster.roll(20)) == ["SPAWN 4"]  # mended


def test_a_worn_worker_serves_until_its_successor_is_ready():
    roster = running(2)
    assert brief(roster.worn(1, 10)) == ["SPAWN 3"]
    assert brief(roster.worn(2, 10)) == []
    assert brief(roster.ready(3, 11)) == ["DRAIN 1", "SPAWN 4"]
    assert brief(roster.ready(4, 12)) == ["DRAIN 2"]


def test_one_worker_more_and_one_less():
    roster = running(1)
    assert brief(roster.resize(+1, 10)) == ["SPAWN 2"]
    roster.ready(2, 11)
    assert brief(roster.resize(-1, 12)) == ["DRAIN 2"]
    assert brief(roster.resize(-1, 13)) == []
    assert roster.wanted == 1


@pytest.mark.parametrize("event", ["roll", "resize"])
def test_nothing_starts_any_more_after_the_end_began(event):
    roster = running(1)
    roster.terminate(10)
    assert brief(roster.roll(11) if event == "roll" else roster.resize(1, 11)) == []


def test_a_death_while_ending_is_not_replaced():
    roster = running(2)
    roster.terminate(10)
    roster.exited(1, "was killed by SIGKILL", 11)
    assert brief(roster.exited(2, "exited with 0", 12)) == ["EXIT"]


def random_life(rng):
    """Any events in any order: the number of workers told to serve never falls below what was there."""
    roster, now, alive, ready, leaving = Roster(3, drain_timeout=5), 0.0, set(), set(), set()

    def act(actions):
        for action in actions:
            match action.do:
                case Do.SPAWN:
                    alive.add(action.id)
                case Do.DRAIN:
                    leaving.add(action.id)
                    assert len(ready - leaving) >= roster.wanted

    act(roster.start(now))
    for _ in range(200):
        now += rng.random() * 4
        event = rng.choice(["ready"] * 4 + ["worn", "roll", "gone", "gone", "died", "time"])
        starting = alive - ready
        if event == "ready" and starting:
            ready.add(id := rng.choice(sorted(starting)))
            act(roster.ready(id, now))
        elif event == "worn" and ready - leaving:
            act(roster.worn(rng.choice(sorted(ready - leaving)), now))
        elif event == "roll":
            act(roster.roll(now))
        elif (event == "gone" and leaving) or (event == "died" and ready - leaving and roster._announced):
            id = rng.choice(sorted(leaving if event == "gone" else ready - leaving))
            for group in (alive, ready, leaving):
                group.discard(id)
            act(roster.exited(id, "died", now))
        elif now >= roster.deadline():
            act(roster.on_deadline(now))
        assert len(alive - leaving) <= roster.wanted + 1


def test_any_life_keeps_its_workers_and_never_spawns_more_than_one_beyond(rng):
    for _ in range(50):
        random_life(rng)
