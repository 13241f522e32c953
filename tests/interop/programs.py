"""Other programs: found or skipped, started on a free port, waited for, and ended."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent

URL_OF = {
    "https": r"Holdfast running on https://127\.0\.0\.1:(\d+)",
    "unix": r"Holdfast running on http\+unix://",
}

# What one program may take, in seconds, before the test fails.
PATIENCE = 20


class Served(NamedTuple):
    """A server of ours: where it is, and what its kind has beside."""

    url: str
    port: int
    ca: Path | None = None
    root: Path | None = None


def find(name):
    """The path of a program; the test is skipped where there is none."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(name, *arguments, stdin="", cwd=None, fails=None):
    """Run a program to its end and return what it says on standard output.

    Args:
        fails: the exit code that is expected instead of 0; then its standard error is returned.
    """
    done = subprocess.run(
        [find(name), *map(str, arguments)],
        input=stdin.encode(),
        capture_output=True,
        cwd=cwd,
        timeout=PATIENCE,
    )
    errors = done.stderr.decode()
    assert done.returncode == (fails or 0), f"{name} ended with {done.returncode}: {errors}"
    return errors if fails else done.stdout.decode()


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@contextmanager
def running(command, *ports, cwd):
    """Run a proxy until the block ends, which begins when it listens on all ``ports``."""
    log = cwd / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
    try:
        end = time.monotonic() + PATIENCE
        for port in ports:
            while not _listens(port):
                alive = process.poll() is None and time.monotonic() < end
                assert alive, log.read_text()
                time.sleep(0.01)
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE / 4)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
