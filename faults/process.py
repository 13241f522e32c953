"""The server under test: started with its flags, asked, signalled, watched, and gone at the end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import ROOT, Failed, Process, cpu_of, free_port, memory_of
from faults.client import Connection, Outcome, Reply, request

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["ROOT", "SERVERS", "Failed", "Program", "Server", "command_of", "free_port", "wait_for"]

SERVERS = ("holdfast", "uvicorn")


class Program(Process):
    """A process that may use every core, with a folder of its own for its log and its files.

    Attributes:
        port: where it listens on 127.0.0.1.
        folder: removed at the end.
    """

    def __init__(self, command: Sequence[str], port: int, *, descriptors: int | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="faults-")
        self.folder = Path(self._folder.name)
        self.port = port
        self.begun = self.folder / "begun"
        if descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
        command = ["env", f"FAULTS_BEGUN={self.begun}", *command]
        super().__init__(command, cores=frozenset(os.sched_getaffinity(0)), log=self.folder / "log")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._folder.cleanup()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself, not its children."""
        os.kill(self.pid, number)

    def children(self) -> list[int]:
        """The process ids of its workers."""
        with suppress(FileNotFoundError, ProcessLookupError):
            return sorted(map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()))
        return []

    def lines(self) -> list[str]:
        """What it wrote to its log so far."""
        return self.log.read_text(errors="replace").splitlines()

    def memory(self) -> float:
        """MiB of it and its workers."""
        return memory_of(self.pid) / (1 << 20)

    def cpu(self) -> float:
        """Seconds of processor time it and its workers have used."""
        return cpu_of(self.pid)

    async def ready(self, seconds: float = 20.0) -> None:
        """Wait until it answers.  Raises Failed with its last words."""

        async def answers() -> bool:
            if not self.alive:
                raise Failed(f"{self.command[-1]} did not start: {self.said()}")
            return (await self.get("/?id=ready", timeout=5.0)).status in (200, 404)

        if not await wait_for(answers, seconds):
            raise Failed(f"no answer on port {self.port} after {seconds:g} s: {self.said()}")

    async def get(self, target: str = "/", *, timeout: float = 10.0) -> Reply:
        """One request on a connection of its own."""
        try:
            connection = await Connection.open(self.port, timeout=timeout)
        except OSError:
            return Reply(Outcome.REFUSED)
        try:
            return await connection.ask(request(target, close=True), timeout=timeout)
        finally:
            connection.close()

    async def counters(self) -> dict[str, int]:
        """What the process that answers counts about itself.  Raises Failed when none does."""
        reply = await self.get("/counters")
        if reply.status != 200:
            raise Failed(f"no counters: {reply.outcome}, status {reply.status}")
        return dict(json.loads(reply.body))

    async def exits(self, seconds: float) -> float | None:
        """Wait for its end; the seconds it took, or None when it goes on."""
        began = time.monotonic()
        if not await wait_for(lambda: not self.alive, seconds):
            return None
        return time.monotonic() - began

    def begun_ids(self) -> frozenset[str]:
        """The ids of the requests whose handlers have started."""
        return frozenset(self.begun.read_text().split() if self.begun.exists() else ())


class Server(Program):
    """A web server with ``faults.apps`` on a free port."""

    def __init__(
        self,
        *flags: str,
        app: str = "app",
        kind: str = "holdfast",
        port: int | None = None,
        descriptors: int | None = None,
    ) -> None:
        port = free_port() if port is None else port
        super().__init__(command_of(kind, app, port, flags), port, descriptors=descriptors)
        self._workers = next((int(flag[10:]) for flag in flags if flag.startswith("--workers=")), 1)

    async def __aenter__(self) -> Server:
        self.__enter__()
        try:
            await self.ready()
            await self._all_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    async def _all_ready(self) -> None:
        """Wait until every worker has answered.  Raises Failed."""
        pids: set[int] = set()

        async def all_answered() -> bool:
            for counters in await asyncio.gather(*(self.counters() for _ in range(4))):
                pids.add(counters["pid"])
            return len(pids) >= self._workers

        if not await wait_for(all_answered, 20):
            raise Failed(f"{len(pids)} of {self._workers} workers answer: {self.said()}")

    async def __aexit__(self, *error: Any) -> None:
        # In a thread: the clients of a run go on meanwhile.
        await asyncio.shield(asyncio.to_thread(self.__exit__, None, None, None))


def command_of(kind: str, app: str, port: int, flags: Sequence[str]) -> list[str]:
    """The command line of a server; of ``flags`` (as ``--name=value``) those that it knows."""
    common = [f"faults.apps:{app}", "--host=127.0.0.1", f"--port={port}", "--no-access-log", *flags]
    if kind == "holdfast":
        return [sys.executable, "-m", "holdfast", "serve", *common]
    known = [flag for flag in common if flag.partition("=")[0] not in _OURS]
    return [sys.executable, "-m", "uvicorn", *known]


_OURS = {
    "--body-read-timeout",
    "--read-header-timeout",
    "--read-timeout",
    "--write-stall-timeout",
    "--write-timeout",
}


async def wait_for(condition: Any, seconds: float, *, pause: float = 0.02) -> bool:
    """Ask ``condition()`` (plain or async) again and again; False when it never held."""
    end = time.monotonic() + seconds
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return True
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(pause)
