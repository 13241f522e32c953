"""The runs, in the order in which ``python -m faults`` plays them."""

from __future__ import annotations

from faults.runs.blocked import blocked
from faults.runs.crowd import descriptors, idle
from faults.runs.leave import leave
from faults.runs.mistakes import mistakes
from faults.runs.proxies import haproxy, nginx
from faults.runs.race import race
from faults.runs.restarts import kill9, shutdown, sighup, sigterm
from faults.runs.slow import slow
from faults.runs.soak import soak
from faults.stage import Run

__all__ = ["RUNS"]

RUNS = (
    Run("sigterm", "five SIGTERMs under load lose no answer and reset no connection unread", sigterm, 150),
    Run(
        "shutdown", "what is in flight at SIGTERM is finished; the limit bounds what never ends", shutdown, 90
    ),
    Run("sighup", "three rolls of the workers fail no request of 20,000", sighup, 180),
    Run("kill9", "a worker that dies is replaced", kill9, 60),
    Run("blocked", "a busy worker is not killed, and takes no new clients", blocked, 60),
    Run("slow", "the slow are cut by their clock, and cost others nothing", slow, 120),
    Run(
        "descriptors", "without descriptors: no spinning, no flood of lines, and it recovers", descriptors, 60
    ),
    Run("idle", "10,000 idle connections are no burden", idle, 120),
    Run("race", "2,000 requests at the moment of the idle timeout: at most 2 lost", race, 150),
    Run("haproxy", "six restarts behind HAProxy fail no request", haproxy, 150),
    Run("nginx", "six restarts behind nginx fail no request", nginx, 150),
    Run("leave", "clients that leave are noticed, and nothing of them is left", leave, 60),
    Run("mistakes", "a mistake of the user's is one line and an exit code", mistakes, 120, peers=False),
    Run("soak", "minutes of bad manners leave no slope", soak, 60),
)
