"""The process above the workers: it does what ``Roster`` decides, and holds the listening sockets.

Workers are fresh processes, never forks of this one.  All accept from the same queue, whose sockets
they inherit, so that a blocked one takes no new clients.  This process imports neither the
application nor an event loop's worth of state; it waits in one place, for signals, for what workers
say and for the next deadline.

Rule 1: a signal only writes its number into a pipe; it is acted upon by the loop that reads it.
Rule 2: every child is reaped, ours or not: this process may be the init of a container.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from holdfast.cli import channel
from holdfast.cli.messages import log, reopen_log_files, running_on
from holdfast.cli.roster import Do, Roster
from holdfast.errors import CannotStart
from holdfast.net.notify import notify
from holdfast.net.readable import wait_readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from holdfast.cli.reload import Watcher
    from holdfast.cli.roster import Action
    from holdfast.cli.settings import Settings
    from holdfast.net.listen import Listener

__all__ = ["WORKER", "Supervisor"]

WORKER: Final = (sys.executable, "-P", "-m", "holdfast.cli.worker")


class Supervisor:
    """Keeps ``settings.workers`` processes serving on ``listeners`` until it is told to end.

    Args:
        listeners: bound, not started; closed at the end, or before the workers are told to drain.
        watcher: for ``--reload``: when it sees a change, the workers are replaced.
        command: what a worker process is; it gets two descriptors as its arguments (see ``channel``).
    """

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[Listener],
        *,
        watcher: Watcher | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._watcher = watcher
        self._command = command
        self._roster = Roster(settings.workers, drain_timeout=settings.timeout_graceful_shutdown)
        self._processes: dict[int, _Process] = {}
        self._what = settings.target
        self._scheme = settings.scheme
        self._listening = True
        self._details = ""
        self._exit: Action | None = None
        self._look_at = time.monotonic()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            CannotStart: the workers cannot start.
        """
        log.info("Started parent process [%d]", os.getpid())
        heard, signalled = os.pipe()
        os.set_blocking(heard, False)
        os.set_blocking(signalled, False)
        before = {number: signal.signal(number, _wake) for number in _SIGNALS}
        woken = signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        try:
            self._reap()  # what we were given before we could hear of it
            self._act(self._roster.start(time.monotonic()))
            while self._exit is None:
                self._wait(heard)
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(heard)
            os.close(signalled)
        if self._exit.text:
            raise CannotStart(self._exit.text, details=self._details, exit_code=self._exit.code)
        log.info("Stopped parent process [%d]", os.getpid())

    # --- what happens ---

    def _wait(self, heard: int) -> None:
        """Wait for the next thing to happen, and have the roster decide about it."""
        until = self._roster.deadline()
        if self._watcher is not None:
            until = min(until, self._look_at)
        timeout = None if until == float("inf") else until - time.monotonic()
        pipes = [process.reports.fd for process in self._processes.values() if not process.reports.closed]
        ready = wait_readable([heard, *pipes], timeout)
        for id, process in list(self._processes.items()):
            if process.reports.fd in ready:
                self._hear(id, process)
        if heard in ready:
            for number in os.read(heard, 1024):
                self._signalled(number)
        now = time.monotonic()
        if now >= self._roster.deadline():
            self._act(self._roster.on_deadline(now))
        if self._watcher is not None and now >= self._look_at:
            self._look_at = now + self._settings.reload_delay
            if changed := self._watcher.changed():
                log.warning("%s changed: reloading", os.path.relpath(changed))
                self._act(self._roster.roll(now))

    def _hear(self, id: int, process: _Process) -> None:
        for line in process.reports.read():
            report, now = channel.Report.from_line(line), time.monotonic()
            if report.kind == "ready":
                self._what, self._scheme = report.text, report.scheme
                self._act(self._roster.ready(id, now))
            elif report.kind == "worn":
                log.info("worker %d has answered its number of requests", id)
                self._act(self._roster.worn(id, now))
            else:
                self._details = report.details
                self._act(self._roster.failed(id, report.text, report.code, now))

    def _signalled(self, number: int) -> None:
        now, roster = time.monotonic(), self._roster
        match signal.Signals(number):
            case signal.SIGCHLD:
                self._reap()
            case signal.SIGTERM:
                self._act(roster.terminate(now))
            case signal.SIGINT:
                self._act(roster.interrupt(now))
            case signal.SIGHUP:
                log.info("SIGHUP: replacing the workers, one by one")
                self._act(roster.roll(now))
            case signal.SIGTTIN | signal.SIGTTOU:
                self._act(roster.resize(+1 if number == signal.SIGTTIN else -1, now))
                log.info("%s: %d workers wanted", signal.Signals(number).name, roster.wanted)
            case signal.SIGUSR1:
                reopen_log_files()
                self._tell_all(channel.REOPEN)
            case signal.SIGUSR2:
                self._tell_all(channel.SNAPSHOT)

    def _reap(self) -> None:
        """Collect every child that has ended; one signal may stand for several."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for id, process in list(self._processes.items()):
                if process.pid == pid:
                    self._gone(id, process, status)

    def _gone(self, id: int, process: _Process, status: int) -> None:
        while wait_readable([process.reports.fd], 0) and not process.reports.closed:
            self._hear(id, process)  # its last words
        del self._processes[id]
        os.close(process.reports.fd)
        os.close(process.control)
        self._act(self._roster.exited(id, f"[{process.pid}] {_how(status)}", time.monotonic()))

    # --- what is done about it ---

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            process = self._processes.get(action.id)
            match action.do:
                case Do.SPAWN:
                    self._spawn(action.id)
                case Do.DRAIN if process:
                    channel.tell(process.control, channel.DRAIN if self._listening else channel.END)
                case Do.CLOSE if process:
                    channel.tell(process.control, channel.CLOSE)
                case Do.TERMINATE if process:
                    os.kill(process.pid, signal.SIGTERM)
                case Do.KILL if process:
                    os.kill(process.pid, signal.SIGKILL)
                case Do.CLOSE_LISTENERS:
                    notify("STOPPING=1", os.environ)
                    self._listening = False
                    for listener in self._listeners:
                        listener.close()
                case Do.ANNOUNCE:
                    self._announce()
                case Do.SAY:
                    log.error(self._details + action.text)
                    self._details = ""
                case Do.EXIT:
                    self._exit = action

    def _spawn(self, id: int) -> None:
        """Start a worker; one that cannot be started counts as one that died."""
        try:
            process, sockets = self._started()
        except OSError as error:
            how = f"cannot be started: {error.strerror}"
            self._act(self._roster.exited(id, how, time.monotonic()))
            return
        self._processes[id] = process
        channel.tell(process.control, self._settings._replace(bind=sockets).to_json())

    def _started(self) -> tuple[_Process, tuple[str, ...]]:
        """A new program with our sockets, and where it finds them.

        SIGINT is blocked in it until it ignores it: Ctrl-C in a terminal reaches every process, and is
        for us to act on.
        """
        with ExitStack() as theirs, ExitStack() as ours:
            told, control = os.pipe()
            theirs.callback(os.close, told)
            ours.callback(os.close, control)
            heard, reports = os.pipe()
            theirs.callback(os.close, reports)
            ours.callback(os.close, heard)
            os.set_blocking(heard, False)
            inherited = [listener.sock.fileno() for listener in self._listeners]
            for descriptor in (told, reports, *inherited):
                os.set_inheritable(descriptor, True)
            arguments = [*self._command, str(told), str(reports)]
            pid = os.posix_spawn(
                arguments[0], arguments, os.environ, setsigmask=[signal.SIGINT], setsigdef=_SIGNALS
            )
            ours.pop_all()
        return _Process(pid, control, channel.Lines(heard)), tuple(f"fd:{fd}" for fd in inherited)

    def _announce(self) -> None:
        for line in running_on([listener.url(self._scheme) for listener in self._listeners], self._what):
            log.info(line)
        notify("READY=1", os.environ)

    def _tell_all(self, word: str) -> None:
        for process in self._processes.values():
            channel.tell(process.control, word)


class _Process:
    """A worker as we see it: its number, what we write to and what it writes to us."""

    __slots__ = ("control", "pid", "reports")

    def __init__(self, pid: int, control: int, reports: channel.Lines) -> None:
        self.pid = pid
        self.control = control
        self.reports = reports


_SIGNALS: Final = (
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def _wake(number: int, frame: FrameType | None) -> None:
    """Nothing: Python has written the number into the wake-up pipe before it calls this."""


def _how(status: int) -> str:
    """How a process ended, from its wait status."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
