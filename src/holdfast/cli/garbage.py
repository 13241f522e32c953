"""The garbage collector rests while our own modules are imported.

Nothing that an import makes is garbage, but the collector looks at all of it again and again: that
was a twentieth of the time until the first answer.

Rule: it works again before any code of the user runs.
"""

from __future__ import annotations

import gc

__all__ = ["pause", "resume"]


def pause() -> None:
    """Stop collecting; for a process that has just begun, and is ours."""
    gc.disable()


def resume() -> None:
    """Collect again, leaving alone for good what was made since ``pause``; without one nothing happens."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
