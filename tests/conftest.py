"""What every test gets: a search for leaks, a seed that is printed, the RFC sentence in the report.

A test that leaves a file descriptor open or a task running fails, by the name
of what it left.  ``@pytest.mark.rfc(number, section, sentence)`` puts the
sentence that a test obeys into its failure report and into docs/design/rfc.md.
An ``async def`` test runs on asyncio's loop, for ``MOST_SECONDS`` at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

SEED = int(os.environ.get("HOLDFAST_SEED") or random.SystemRandom().randrange(2**32))

FAILED = pytest.StashKey[bool]()

# Real seconds after which an ``async def`` test hangs; what it waits for has bounds of its own.
MOST_SECONDS = 30

# Machines that run tests are shared and slow at times: no test asserts a time, hypothesis neither.
settings.register_profile("holdfast", deadline=None, print_blob=True)
settings.load_profile("holdfast")

# libuv opens a pipe for signals with its first loop and keeps it for the life of the process: not a leak.
with contextlib.suppress(ImportError):
    import uvloop

    uvloop.new_event_loop().close()


def pytest_report_header() -> str:
    return f"seed: HOLDFAST_SEED={SEED} (the rng fixture)"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that the printed seed and the test's name bring back."""
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def leaves_nothing_behind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test that left tasks running at the end of ``asyncio.run``, or descriptors open.

    A test that failed by itself is left alone: what it did not tidy up is not the news.
    """
    tasks: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks

    def note_and_cancel_all(loop: asyncio.AbstractEventLoop) -> None:
        tasks.extend(repr(task) for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_and_cancel_all)
    before = _open_descriptors()
    yield
    after = _open_descriptors()
    if not after.keys() <= before.keys():
        gc.collect()
        after = _open_descriptors()
    left = [f"descriptor {fd} ({after[fd]})" for fd in sorted(after.keys() - before.keys())]
    if (tasks or left) and not request.node.stash.get(FAILED, False):
        pytest.fail("the test left behind: " + ", ".join(tasks + left), pytrace=False)


def _open_descriptors() -> dict[int, str]:
    """What is open in this process: descriptor to what the kernel calls it (empty where it does not tell)."""
    found: dict[int, str] = {}
    try:
        names = os.listdir("/proc/self/fd")
    except FileNotFoundError:
        return found
    for name in names:
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            pass  # the descriptor of the listing itself
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(_bounded(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})))
    return True


async def _bounded(test: Awaitable[None]) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        await test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("rfc"):
            if len(mark.args) != 3 or not all(isinstance(arg, str) for arg in mark.args):
                raise pytest.UsageError(f"{item.nodeid}: write rfc(number, section, sentence), three strings")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        for mark in item.iter_markers("rfc"):
            number, section, sentence = mark.args
            report.sections.append((f"RFC {number} {section}", sentence))
    return report
