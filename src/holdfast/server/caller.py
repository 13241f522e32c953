"""Where the application called us from, for messages about what it did."""

from __future__ import annotations

import sys

__all__ = ["caller"]


def caller() -> str:
    """``file:line`` of the innermost frame on this thread that is not our own."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("holdfast."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
