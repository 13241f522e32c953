"""Which worker processes there are, and which there should be: the supervisor's decisions.

What happens comes in as method calls, each told the time; what is to be done goes out as a list of
``Action``.  Nothing here starts, stops or waits: ``supervisor`` does.

After every event ``_settle`` compares what is with what is wanted, and knows four moves only:
spawn when too few serve, spawn one more when one is stale, drain when too many are ready, give up.
A roll (SIGHUP), a change of the files, a worker that has answered enough, SIGTTIN and a crash are
all just changes of what is wanted or of what is.

Rule 1: a worker leaves only when another is ready in its place.
Rule 2: a worker is judged by whether its process lives, never by how promptly it answers.
Rule 3: until every worker was ready once, a failure ends the start; from then on the roster never
gives up, it only waits longer (at most ``RESPAWN_DELAY_MAX``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from holdfast import limits

__all__ = ["Action", "Do", "Phase", "Roster"]


class Do(Enum):
    """What the supervisor is told to do."""

    SPAWN = auto()  # start worker .id
    DRAIN = auto()  # tell worker .id to finish what it has and leave
    TERMINATE = auto()  # tell worker .id, which is not ready yet, to leave: SIGTERM
    CLOSE = auto()  # tell worker .id to leave what it has and go
    KILL = auto()  # SIGKILL for worker .id
    CLOSE_LISTENERS = auto()  # our own copies
    ANNOUNCE = auto()  # all workers are ready for the first time
    SAY = auto()  # log .text
    EXIT = auto()  # with .code; .text is the line, or ""


class Action(NamedTuple):
    do: Do
    id: int = 0
    text: str = ""
    code: int = 0


class Phase(Enum):
    """Where one worker stands."""

    STARTING = auto()
    READY = auto()
    LEAVING = auto()  # it was told to; .kill_at is when it must be gone


@dataclass(slots=True)
class _Worker:
    id: int
    generation: int
    phase: Phase = Phase.STARTING
    ready_at: float = 0.0
    worn: bool = False  # it has answered as many requests as it may
    failure: tuple[str, int] | None = None  # its line and exit code
    kill_at: float = float("inf")


class Roster:
    """The workers of one supervisor.

    Args:
        wanted: how many should serve, at least 1.
        drain_timeout: seconds a worker may take to finish what it has.
    """

    def __init__(self, wanted: int, *, drain_timeout: float) -> None:
        self.wanted = wanted
        self._kill_after = drain_timeout + limits.KILL_GRACE
        self._workers: dict[int, _Worker] = {}
        self._spawned = 0
        self._generation = 0
        self._proved = False  # one worker was ready once
        self._announced = False  # all were
        self._ending: Action | None = None  # the EXIT to come when the last worker is gone
        self._deaths = 0  # young ones in a row
        self._not_before = float("-inf")  # the next worker is not spawned sooner
        self._todo: list[Action] = []

    def __repr__(self) -> str:
        workers = ", ".join(f"{worker.id} {worker.phase.name}" for worker in self._workers.values())
        return f"<Roster wants {self.wanted}: {workers or 'none'}{', ending' if self._ending else ''}>"

    def start(self, now: float) -> list[Action]:
        """Begin.  One worker goes first, so that what is wrong with the application is heard once."""
        return self._settle(now)

    def ready(self, id: int, now: float) -> list[Action]:
        """Worker ``id`` serves."""
        worker = self._workers[id]
        if worker.phase is Phase.STARTING:
            worker.phase, worker.ready_at = Phase.READY, now
            self._proved = True
        return self._settle(now)

    def worn(self, id: int, now: float) -> list[Action]:
        """Worker ``id`` goes on serving, but has answered as many requests as it may."""
        self._workers[id].worn = True
        return self._settle(now)

    def failed(self, id: int, line: str, code: int, now: float) -> list[Action]:
        """Worker ``id`` cannot start, says why in one line, and is about to exit."""
        self._workers[id].failure = line, code
        self._workers[id].kill_at = now + limits.KILL_GRACE
        return self._settle(now)

    def exited(self, id: int, how: str, now: float) -> list[Action]:
        """The process of worker ``id`` is gone; ``how`` it went is for the log."""
        worker = self._workers.pop(id)
        if worker.phase is not Phase.LEAVING and self._ending is None:
            self._died(worker, how, now)
        return self._settle(now)

    def terminate(self, now: float) -> list[Action]:
        """SIGTERM: finish what is in flight, then end."""
        if self._ending is None:
            self._end(Action(Do.EXIT), now)
        return self._settle(now)

    def interrupt(self, now: float) -> list[Action]:
        """SIGINT: the first is a SIGTERM, the second does not wait for what is in flight."""
        if self._ending is None:
            return self.terminate(now)
        for worker in self._workers.values():
            self._do(Do.CLOSE, worker.id)
            worker.kill_at = min(worker.kill_at, now + limits.KILL_GRACE)
        return self._settle(now)

    def roll(self, now: float) -> list[Action]:
        """SIGHUP, or a file changed: replace every worker, one by one."""
        self._generation += 1
        self._deaths, self._not_before = 0, now
        return self._settle(now)

    def resize(self, change: int, now: float) -> list[Action]:
        """SIGTTIN and SIGTTOU: one worker more, or less; one stays."""
        self.wanted = max(1, self.wanted + change)
        return self._settle(now)

    def deadline(self) -> float:
        """When ``on_deadline`` is to be called; infinity for not at all."""
        kill = min((worker.kill_at for worker in self._workers.values()), default=float("inf"))
        return min(kill, self._not_before) if self._missing() else kill

    def on_deadline(self, now: float) -> list[Action]:
        """Time has passed."""
        for worker in self._workers.values():
            if worker.kill_at <= now:
                self._say(f"worker {worker.id} did not leave in time: it is killed")
                self._do(Do.KILL, worker.id)
                worker.kill_at = float("inf")
        return self._settle(now)

    def _settle(self, now: float) -> list[Action]:
        """Compare what is with what is wanted, and hand out what is to be done."""
        if self._ending is None:
            self._drain_surplus(now)
            while self._missing() and now >= self._not_before:
                self._spawn()
            if not self._announced and len(self._in(Phase.READY)) >= self.wanted:
                self._announced = True
                self._do(Do.ANNOUNCE)
        elif not self._workers:
            self._todo.append(self._ending)
        todo, self._todo = self._todo, []
        return todo

    def _missing(self) -> bool:
        """Whether one more worker should be started."""
        if self._ending is not None:
            return False
        ready = self._in(Phase.READY)
        target = self.wanted + any(map(self._stale, ready)) if self._proved else 1
        return len(ready) + len(self._in(Phase.STARTING)) < target

    def _drain_surplus(self, now: float) -> None:
        ready = self._in(Phase.READY)
        # Stale ones go first, the oldest of them first; with none, the youngest.
        ready.sort(key=lambda worker: (0, worker.id) if self._stale(worker) else (1, -worker.id))
        for worker in ready[: max(0, len(ready) - self.wanted)]:
            self._leave(worker, Do.DRAIN, now)

    def _stale(self, worker: _Worker) -> bool:
        return worker.worn or worker.generation < self._generation

    def _in(self, phase: Phase) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.phase is phase]

    def _spawn(self) -> None:
        self._spawned += 1
        self._workers[self._spawned] = _Worker(self._spawned, self._generation)
        self._do(Do.SPAWN, self._spawned)

    def _leave(self, worker: _Worker, do: Do, now: float) -> None:
        worker.phase = Phase.LEAVING
        worker.kill_at = min(worker.kill_at, now + self._kill_after)
        self._do(do, worker.id)

    def _died(self, worker: _Worker, how: str, now: float) -> None:
        """A worker is gone that was not told to go."""
        line, code = worker.failure or (f"worker {worker.id} {how}", 3)
        young = worker.phase is Phase.STARTING or now - worker.ready_at < limits.WORKER_YOUNG
        self._deaths = self._deaths + 1 if young else 0
        if not self._proved or (not self._announced and self._deaths >= limits.START_DEATHS):
            self._end(Action(Do.EXIT, text=line, code=code), now)
            return
        outdated = [other for other in self._in(Phase.READY) if other.generation < self._generation]
        if worker.phase is Phase.STARTING and outdated:
            # They were to be replaced, and cannot be.
            self._say(f"{line}; the workers before it go on serving")
            for other in outdated:
                other.generation = self._generation
            return
        wait = limits.RESPAWN_DELAY_MIN * 2.0 ** min(self._deaths - 2, 10) if self._deaths > 1 else 0.0
        wait = min(wait, limits.RESPAWN_DELAY_MAX)
        self._not_before = now + wait
        self._say(f"{line}; {f'another one starts in {wait:g} s' if wait else 'another one takes its place'}")

    def _end(self, exit: Action, now: float) -> None:
        self._ending = exit
        self._do(Do.CLOSE_LISTENERS)
        for worker in self._in(Phase.READY):
            self._leave(worker, Do.DRAIN, now)
        for worker in self._in(Phase.STARTING):
            self._leave(worker, Do.TERMINATE, now)

    def _do(self, do: Do, id: int = 0) -> None:
        self._todo.append(Action(do, id))

    def _say(self, text: str) -> None:
        self._todo.append(Action(Do.SAY, text=text))
