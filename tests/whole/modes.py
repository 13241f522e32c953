"""The modes that every behaviour of the server is tested in."""

from __future__ import annotations

import pytest

__all__ = ["MODES", "every_mode"]

MODES = ("h1", "h1+tls")

every_mode = pytest.mark.parametrize("mode", MODES)
