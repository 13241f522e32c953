"""Processes of the command, watched from outside by the tests."""

import os
import re
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Run:
    """A process of ours, and what it has said on standard error since it was last asked."""

    def __init__(self, process):
        self.process = process
        self.text = ""

    def until(self, pattern, *, seconds=10):
        """Read on until ``pattern`` was said since the last time; return the match."""
        end = time.monotonic() + seconds
        while (match := re.search(pattern, self.text)) is None:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stderr], [], [], max(left, 0))
            data = os.read(self.process.stderr.fileno(), 65536).decode() if ready else ""
            if not data:
                raise AssertionError(f"{pattern!r} was not said, but:\n{self.text}")
            self.text += data
        self.text = self.text[match.end() :]
        return match

    def send(self, number):
        self.process.send_signal(number)

    def ends(self, code=0, *, seconds=10):
        rest = self.process.communicate(timeout=seconds)[1].decode()
        assert self.process.returncode == code, self.text + rest
        self.text += rest
        return self.text

    def workers(self):
        """The process ids of its workers."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return sorted(map(int, found.stdout.split()))


class Served(Run):
    """``holdfast serve``, up and running.

    Attributes:
        port: of the first address.
    """

    def __init__(self, process, until):
        super().__init__(process)
        match = self.until(until, seconds=20)
        self.port = int(match[1]) if match.groups() else 0

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path="/", **headers):
        """Status and text of one request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(
                "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
            )
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@contextmanager
def serve(
    folder,
    *arguments,
    command=("-m", "holdfast", "serve"),
    until=r"Holdfast running on http://127\.0\.0\.1:(\d+)",
):
    """Run ``holdfast serve`` in ``folder`` until the block ends, which begins when ``until`` was said."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    process = subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=folder,
        env=env | {"PYTHONPATH": str(ROOT / "src"), "HOLDFAST_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Served(process, until)
    finally:
        process.kill()  # workers see the end of their pipes
        process.communicate()


def wait_for(condition, what, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)
