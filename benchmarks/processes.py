"""Processes of a benchmark: pinned to cores, watched by their clocks, and gone when we are.

Rule: every process is started by ``Process`` as a context manager, in a session of its own, so that
one signal reaches all of its children, and Ctrl-C reaches us alone. A process that survives us (we
were killed) gets SIGTERM from the kernel. Linux only: /proc and sched_setaffinity.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["BUILD", "ROOT", "Cores", "Failed", "Process", "cpu_of", "free_port", "memory_of", "stat_ticks"]

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(__file__).resolve().parent / ".build"

Cores = frozenset[int]


class Failed(Exception):
    """A server or the load generator did not do what the benchmark needs; the message says what it said."""


class Process:
    """A process on ``cores``; its output goes to ``log`` (a file), or to us where ``talk`` is true."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cores: Cores,
        log: Path,
        talk: bool = False,
    ) -> None:
        self.command = list(command)
        self.log = log
        self._cores = cores
        self._env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        # Compiled modules are kept, ours as the peers': else the first start would be every start.
        self._env.pop("PYTHONDONTWRITEBYTECODE", None)
        self._env["PYTHONPYCACHEPREFIX"] = str(BUILD / "pycache")
        self._talk = talk
        self.started = 0.0

    def __enter__(self) -> Process:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.perf_counter()
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.PIPE if self._talk else subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._talk else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._prepare,
            )
        return self

    def _prepare(self) -> None:
        os.sched_setaffinity(0, self._cores)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGTERM)
        try:
            self.popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)  # children that outlived their parent, too
            self.popen.wait()
            for pipe in (self.popen.stdin, self.popen.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        """The end of what it wrote to its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-4:])

    def talk(self) -> tuple[IO[bytes], IO[bytes]]:
        """Its standard input and output (only with ``talk=True``)."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        return self.popen.stdin, self.popen.stdout


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_of(pid: int) -> float:
    """Seconds of processor time, user and system, of a process and its children, ended ones included."""
    ticks = 0
    for member in _family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            ticks += stat_ticks(Path(f"/proc/{member}/stat").read_text())
    return ticks / os.sysconf("SC_CLK_TCK")


def stat_ticks(stat: str) -> int:
    """utime + stime + cutime + cstime of a line of /proc/PID/stat (proc(5))."""
    fields = stat.rpartition(")")[2].split()  # the command's name before it may hold anything
    return sum(int(field) for field in fields[11:15])


def memory_of(pid: int) -> int:
    """Bytes of memory of a process and its children, pages that they share counted once (Pss)."""
    total = 0
    for member in _family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{parent}/task"):
                found += map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split())
    return found


_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 3
