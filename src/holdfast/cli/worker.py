"""A worker process: ``python -m holdfast.cli.worker CONTROL REPORTS``, started by the supervisor.

The two arguments are the pipes of ``channel``.  It serves on sockets it has inherited, says so, and does
what it is told.  When the pipe ends, the supervisor has died: it finishes what it has, and leaves.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from holdfast.cli import channel, garbage
from holdfast.cli.messages import configure_logging, log, reopen_log_files
from holdfast.cli.settings import Settings
from holdfast.errors import CannotStart
from holdfast.net.readable import on_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.cli.running import Running

__all__ = ["main"]


def main() -> None:
    """Be a worker; exits with 0, or with the code of what it reported as its failure."""
    # Ctrl-C reaches us too; it is for the supervisor to act on.  It was blocked until now.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    garbage.pause()
    control, reports = map(int, sys.argv[1:])
    sys.argv[1:] = []
    for descriptor in (control, reports):
        os.set_inheritable(descriptor, False)
    lines = channel.Lines(control)
    first: list[str] = []
    while not first and not lines.closed:
        first = lines.read()
    if not first:
        sys.exit(0)  # the supervisor died before it said anything
    try:
        _work(Settings.from_json(first[0]), lines, reports)
    except CannotStart as error:
        report = channel.Report("failed", str(error), error.details, error.exit_code)
        channel.tell(reports, report.to_line())
        sys.exit(error.exit_code)


def _work(settings: Settings, lines: channel.Lines, reports: int) -> None:
    from holdfast.cli.running import Running
    from holdfast.cli.serve import listen

    configure_logging(settings)
    running = Running(settings, listen(settings))

    def ready() -> None:
        report = channel.Report("ready", running.what, scheme=running.server.scheme)
        channel.tell(reports, report.to_line())

    def worn() -> None:
        channel.tell(reports, channel.Report("worn").to_line())

    def told() -> None:
        for word in lines.read():
            _TOLD[word](running)
        if lines.closed:
            unwatch.pop()()
            if not running.leaving:
                log.error("the supervisor has died")
            running.drain()

    def leave() -> None:
        running.drain(last=False)

    unwatch = []
    running.run(
        ready,
        worn,
        {signal.SIGTERM: leave},
        begin=lambda: unwatch.append(on_readable(lines.fd, told)),
    )


_TOLD: dict[str, Callable[[Running], None]] = {
    channel.DRAIN: lambda running: running.drain(last=False),
    channel.END: lambda running: running.drain(),
    channel.CLOSE: lambda running: running.close(),
    channel.REOPEN: lambda running: reopen_log_files(),
    channel.SNAPSHOT: lambda running: running.snapshot(),
}

if __name__ == "__main__":
    main()
