"""The supervisor with real processes: what it holds, starts, hears and passes on.

Its decisions are tested in ``test_roster``; here is one run for each thing only a kernel can show.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.process import ROOT, Run, wait_for

FAKE = Path(__file__).with_name("fake_worker.py")

SCRIPT = """
import os, sys
from holdfast.cli.messages import configure_logging
from holdfast.cli.serve import listen
from holdfast.cli.settings import Settings
from holdfast.cli.supervisor import Supervisor
from holdfast.errors import CannotStart

target, workers, timeout = sys.argv[1:4]
settings = Settings(
    target=target, workers=int(workers), bind=("127.0.0.1:0",), timeout_graceful_shutdown=float(timeout)
)
configure_logging(settings)
listeners = listen(settings)
if "orphan" in sys.argv:  # as init gets them
    os.spawnv(os.P_NOWAIT, "/bin/true", ["true"])
if "unstartable" in sys.argv:
    spawn = os.posix_spawn
    spawned = []
    def third_fails(*args, **kwargs):
        spawned.append(1)
        if len(spawned) == 3:
            raise OSError(11, "Resource temporarily unavailable")
        return spawn(*args, **kwargs)
    os.posix_spawn = third_fails
try:
    Supervisor(settings, listeners, command=(sys.executable, "-I", "-S", sys.argv[-1])).run()
except CannotStart as error:
    sys.exit(f"cannot start: {error}")
"""


@contextmanager
def supervised(target="steady", workers=2, timeout=5.0, *more):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, target, str(workers), str(timeout), *more, str(FAKE)],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    try:
        yield Run(process)
    finally:
        process.kill()  # its workers see the end of their pipes
        process.communicate()


def test_it_says_where_it_serves_once_all_workers_are_ready_and_ends_on_sigterm():
    with supervised() as run:
        run.until("Started parent process")
        run.until("Serving fake steady")
        run.until(r"Holdfast running on http://127\.0\.0\.1:\d+ \(Press CTRL\+C to quit\)")
        assert len(run.workers()) == 2
        run.send(signal.SIGTERM)
        text = run.ends()
        assert text.count("told end bind fd:") == 2
        assert "Stopped parent process" in text


@pytest.mark.parametrize(
    ("target", "line"), [("fails", "cannot start: no such module"), ("dies", r"\[\d+\] exited with code 7")]
)
def test_what_cannot_start_ends_at_once_with_a_line(target, line):
    with supervised(target) as run:
        text = run.ends(1)
        assert re.search(line, text)
        assert "running on" not in text
        assert "Traceback" not in text


def test_a_killed_worker_is_replaced_and_orphans_are_reaped():
    with supervised("steady", 2, 5.0, "orphan") as run:
        run.until("running on")
        wait_for(lambda: len(run.workers()) == 2, "the orphan was not reaped")
        first, second = run.workers()
        os.kill(first, signal.SIGKILL)
        run.until(rf"\[{first}\] was killed by SIGKILL")
        wait_for(lambda: len(run.workers()) == 2, "no successor")
        assert second in run.workers()
        run.send(signal.SIGTERM)
        run.ends()


def test_a_worker_that_cannot_be_started_is_tried_again():
    with supervised("steady", 2, 5.0, "unstartable") as run:
        run.until("running on")
        os.kill(run.workers()[0], signal.SIGKILL)
        run.until("worker 3 cannot be started: Resource temporarily unavailable")
        wait_for(lambda: len(run.workers()) == 2, "no successor")
        run.send(signal.SIGTERM)
        run.ends()


def test_sighup_replaces_every_worker():
    with supervised() as run:
        run.until("running on")
        before = run.workers()
        run.send(signal.SIGHUP)
        run.until("told drain(.|\n)*told drain")
        wait_for(lambda: not set(before) & set(run.workers()), "an old worker stays")
        assert len(run.workers()) == 2
        run.send(signal.SIGTERM)
        run.ends()


def test_a_roll_to_what_does_not_start_keeps_what_serves(tmp_path):
    with supervised(f"fails-later:{tmp_path / 'mark'}", 1) as run:
        run.until("running on")
        before = run.workers()
        run.send(signal.SIGHUP)
        run.until("it broke")
        run.until("go on serving")
        assert run.workers() == before
        run.send(signal.SIGTERM)
        run.ends()


def test_a_worn_worker_is_replaced(tmp_path):
    with supervised(f"worn:{tmp_path / 'mark'}", 1) as run:
        run.until("running on")
        run.until("answered its number of requests")
        run.until("told drain")
        run.send(signal.SIGTERM)
        run.ends()


def test_sigttin_and_sigttou_change_the_number():
    with supervised("steady", 1) as run:
        run.until("running on")
        run.send(signal.SIGTTIN)
        wait_for(lambda: len(run.workers()) == 2, "no second worker")
        run.send(signal.SIGTTOU)
        wait_for(lambda: len(run.workers()) == 1, "the second worker stays")
        run.send(signal.SIGTERM)
        run.ends()


def test_sigusr1_and_sigusr2_are_passed_on():
    with supervised("steady", 1) as run:
        run.until("running on")
        run.send(signal.SIGUSR1)
        run.until("told reopen")
        run.send(signal.SIGUSR2)
        run.until("told snapshot")
        run.send(signal.SIGTERM)
        run.ends()


def test_a_worker_that_does_not_drain_is_killed_after_its_time():
    with supervised("stubborn", 1, 0.0) as run:
        run.until("running on")
        run.send(signal.SIGTERM)
        run.until("told end")
        assert "did not leave in time" in run.ends(seconds=5)


def test_the_second_sigint_does_not_wait():
    with supervised("stubborn", 2, 60.0) as run:
        run.until("running on")
        run.send(signal.SIGINT)
        run.until("told end(.|\n)*told end")
        run.send(signal.SIGINT)
        assert run.ends(seconds=3).count("told close") == 2


def test_sigterm_does_not_wait_for_a_start():
    with supervised("slow", 1, 60.0) as run:
        run.until("Started parent process")
        wait_for(run.workers, "no worker")
        run.send(signal.SIGTERM)
        run.ends(seconds=3)


def test_the_death_of_the_parent_is_noticed_by_its_workers():
    with supervised("steady", 1) as run:
        run.until("running on")
        run.process.kill()
        run.until("orphaned")
