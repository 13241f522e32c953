"""A hostile peer and a clumsy application, on a whole server in memory: nothing is left of either.

A program (``programs``) is what peers, the passing of time and the server's owner do, in order; what its
handlers do is in its requests.  Afterwards (``running``, ``answers``)

* no life-cycle event was impossible, and nothing of ours failed,
* each answer that came whole is strictly HTTP, in its place, and has what its handler wrote,
* the clocks alone have ended every connection, and its task, timer and memory with it,
* the hooks and ``stats`` add up.
"""

from __future__ import annotations

import asyncio
import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.programs import PROGRAMS, Asked, Program
from tests.fuzz.running import Run
from tests.whole.modes import every_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.testing.serving import Mode

MODELS = [(c, p) for c in ("task", "pool") for p in ("serial", "concurrent")]
every_model = pytest.mark.parametrize("model", MODELS, ids=["-".join(model) for model in MODELS])


@pytest.fixture(scope="module", autouse=True)
def rest_of_the_process_is_not_searched() -> Iterator[None]:
    """Each program ends with a search for garbage."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@every_mode
@every_model
# The same programs at every run: `make fuzz` is for new ones.
@settings(
    max_examples=60, derandomize="HOLDFAST_FUZZ" not in os.environ, suppress_health_check=list(HealthCheck)
)
@given(program=PROGRAMS)
def test_nothing_is_left_of_anybody(mode: Mode, model: tuple[str, str], program: Program) -> None:
    asyncio.run(Run(mode, model, program).run())


# What was found once.
FOUND = {
    "a handler that cancels its own task is told of as done": Program(
        (("ask", 0, Asked(script=(("cancel me",),)), 1.0),), traced=True
    ),
    "a handler that cancels its own task does not cost a worker": Program(
        (("ask", 0, Asked(script=(("cancel me",),)), 1.0), ("settle",), ("ask", 1, Asked(), 1.0)),
        settings=(("pool_size", 1),),
    ),
    "a detached handler that is cancelled is told of as done once": Program(
        (("ask", 0, Asked(script=(("detach",), ("pass", 40.0))), 1.0), ("shut down",)), traced=True
    ),
    "a peer that ends behind an empty line is not waited for": Program(
        (
            ("ask", 0, Asked("POST", body="small", script=(("pass", 0.4),)), 1.0),
            ("garbage", 0, b"\r\n"),
            ("eof", 0),
            ("pass", 1.0),
        )
    ),
    "a broken answer without a length does not end like a whole one": Program(
        (("ask", 0, Asked(version="1.0", script=(("write", 1), ("flush",), ("raise",))), 1.0),)
    ),
    "a complete answer behind one that failed is told of as done": Program(
        (
            ("ask", 0, Asked(script=(("turn",), ("raise",))), 1.0),
            ("ask", 0, Asked(), 1.0),
        ),
        traced=True,
    ),
}


@every_mode
@every_model
@pytest.mark.parametrize("program", FOUND.values(), ids=FOUND.keys())
def test_found(mode: Mode, model: tuple[str, str], program: Program) -> None:
    asyncio.run(Run(mode, model, program).run())
