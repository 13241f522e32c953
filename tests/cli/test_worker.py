"""Real workers under their supervisor: what a client notices of it, which should be nothing."""

import os
import re
import signal
import threading
import time

import pytest

from tests.cli.process import serve, wait_for

APP = """
import asyncio, os, time

async def pid(w, r):
    await w.write(str(os.getpid()))

async def block(w, r):
    time.sleep(float(r.url.raw_query))
    await w.write(str(os.getpid()))

async def slow(w, r):
    await asyncio.sleep(0.5)
    await w.write("slow but sure")
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


class Load:
    """Requests one after another on new connections, from a few threads, until it is stopped."""

    def __init__(self, run, threads=3):
        self.answers, self.failures = [], []
        self._run, self._stop = run, threading.Event()
        self._threads = [threading.Thread(target=self._go) for _ in range(threads)]

    def _go(self):
        while not self._stop.is_set():
            try:
                self.answers.append(self._run.get())
            except Exception as error:  # whatever a client can meet is what is counted
                self.failures.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_two_workers_share_the_requests_and_end_together(shop):
    with serve(shop, "shop:pid", "--workers", "2") as run:
        workers = run.workers()
        assert len(workers) == 2
        assert int(run.get()[1]) in workers
        run.send(signal.SIGTERM)
        assert run.ends().count("Finished server process") == 2


def test_a_roll_loses_no_request_and_imports_the_application_anew(shop):
    with serve(shop, "shop:pid", "--workers", "2", "--no-access-log") as run, Load(run) as load:
        before = run.workers()
        (shop / "shop.py").write_text(APP.replace("os.getpid()", "'new'"))
        run.send(signal.SIGHUP)
        run.until("Finished server process(.|\n)*Finished server process")
        wait_for(lambda: load.answers[-1:] == [(200, "new")], "the new application does not answer")
        wait_for(lambda: not set(before) & set(run.workers()), "an old worker stays")
    assert load.failures == []
    assert {status for status, _ in load.answers} == {200}


def test_a_worn_worker_is_replaced_and_loses_no_request(shop):
    with (
        serve(
            shop, "shop:pid", "--workers", "1", "--reload", "--limit-max-requests", "20", "--no-access-log"
        ) as run,
        Load(run) as load,
    ):
        run.until("Finished server process", seconds=20)
        wait_for(lambda: len({text for _, text in load.answers}) > 1, "no other worker answers")
    assert load.failures == []


def test_a_request_in_flight_outlives_its_worker_s_orders(shop):
    with serve(shop, "shop:slow", "--workers", "2") as run:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(run.get())) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: connections(run) == 4, "four requests in flight")
        run.send(signal.SIGTERM)
        for thread in threads:
            thread.join()
        run.ends()
        assert answers == [(200, "slow but sure")] * 4


def connections(run):
    """How many connections the two workers have, by their snapshots."""
    run.send(signal.SIGUSR2)
    match = run.until(r"(\d+) connections; (?:.|\n)*?(\d+) connections; ")
    return int(match[1]) + int(match[2])


def test_a_killed_worker_costs_its_own_connections_only(shop):
    with serve(shop, "shop:pid", "--workers", "2") as run:
        victim, other = run.workers()
        os.kill(victim, signal.SIGKILL)
        run.until(rf"\[{victim}\] was killed by SIGKILL; another one takes its place")
        for _ in range(5):
            assert run.get()[0] == 200
        wait_for(lambda: len(run.workers()) == 2, "no successor")
        assert other in run.workers()


def test_a_blocked_worker_is_not_killed_and_the_other_takes_the_new_clients(shop):
    with serve(shop, "shop:block", "--workers", "2") as run:
        workers, blocked = run.workers(), []
        thread = threading.Thread(target=lambda: blocked.append(run.get("/?2")))
        thread.start()
        time.sleep(0.3)  # until it blocks; nothing could tell us that it does
        answered = {run.get("/?0")[1] for _ in range(10)}
        assert blocked == []
        thread.join()
        assert {blocked[0][1], *answered} == set(map(str, workers))
        assert run.workers() == workers


def test_workers_leave_when_their_supervisor_has_died(shop):
    with serve(shop, "shop:pid", "--workers", "2") as run:
        run.process.kill()
        run.until("Finished server process(.|\n)*Finished server process")


def test_a_changed_file_replaces_the_worker_and_a_broken_one_does_not(shop):
    with serve(shop, "shop:pid", "--reload", "--reload-delay", "0.05") as run:
        (shop / "shop.py").write_text(APP.replace("os.getpid()", "'new'") + "# longer\n")
        run.until(r"shop\.py changed: reloading")
        run.until("Finished server process")
        assert run.get() == (200, "new")
        (shop / "shop.py").write_text("def broken(:")
        run.until("SyntaxError: .*the workers before it go on serving")
        assert run.get() == (200, "new")


def test_a_start_up_that_fails_is_told_once_and_ends_it(shop):
    (shop / "failing.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'the database is away'})\n"
    )
    with serve(shop, "failing:app", "--workers", "2", until="Started parent process") as run:
        text = run.ends(3)
        assert re.findall("^holdfast: .*the database is away$", text, re.MULTILINE)
        assert text.count("the database is away") == 1
