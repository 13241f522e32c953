"""What a run is, what it is given, and what it leaves: checks with their figures, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from faults.process import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Check", "Result", "Run", "Skipped", "Stage", "Verdict"]


class Skipped(Exception):
    """This machine has not got what the run needs; the message says what."""


class Verdict(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"


class Check(NamedTuple):
    """A figure held against its demand, or without one (``least`` and ``most`` None) for the reader."""

    what: str
    got: float
    least: float | None = None
    most: float | None = None

    @property
    def ok(self) -> bool:
        return (self.least is None or self.got >= self.least) and (self.most is None or self.got <= self.most)

    @property
    def judged(self) -> bool:
        return self.least is not None or self.most is not None

    def __str__(self) -> str:
        got = f"{self.got:,.2f}".rstrip("0").rstrip(".")
        return f"{self.what} {got}{self._demand() if self.judged else ''}"

    def _demand(self) -> str:
        if self.least == self.most:
            text = f"= {self.least:g}"
        else:
            bounds = [f"≥ {self.least:g}"] if self.least is not None else []
            bounds += [f"≤ {self.most:g}"] if self.most is not None else []
            text = ", ".join(bounds)
        return f" (demand: {text}{'' if self.ok else '; MISSED'})"


@dataclass
class Result:
    """What a run found.

    Attributes:
        series: what was sampled over time.
        reason: why it was skipped, or what went wrong outside its checks.
    """

    run: Run
    server: str
    checks: list[Check] = field(default_factory=list)
    series: list[dict[str, float]] = field(default_factory=list)
    skipped: bool = False
    reason: str = ""
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        if self.skipped:
            return Verdict.SKIP
        judged = [check for check in self.checks if check.judged]
        passed = judged and not self.reason and all(check.ok for check in judged)
        return Verdict.PASS if passed else Verdict.FAIL


class Run(NamedTuple):
    """One run.

    Attributes:
        demand: of the eight demands in one sentence, the one it shows.
        limit: seconds after which it is broken off, and has failed.
        peers: it makes sense for other servers, too.
    """

    name: str
    demand: str
    play: Callable[[Stage], Awaitable[None]]
    limit: float
    peers: bool = True


class Stage:
    """What a run works with: servers, figures, and a line that says what it is doing.

    Attributes:
        kind: the server under test, of ``process.SERVERS``.
        minutes: how long a soak takes.
    """

    def __init__(self, result: Result, say: Callable[[str], None], *, kind: str, minutes: float) -> None:
        self.result = result
        self.kind = kind
        self.minutes = minutes
        self._say = say

    def serve(self, *flags: str, **options: Any) -> Server:
        """The server under test, as an async context manager: up and answering inside."""
        return Server(*flags, kind=self.kind, **options)

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._say(f"{self.result.run.name}: {text}")

    def note(self, what: str, got: float) -> None:
        """A figure for the reader, which decides nothing."""
        self.result.checks.append(Check(what, got))

    def check(self, what: str, got: float, *, least: float | None = None, most: float | None = None) -> None:
        """A figure that decides."""
        self.result.checks.append(Check(what, got, least, most))
