"""The benchmark program on servers of both concurrency models, for ``python -m benchmarks
concurrency-models``.
"""

from __future__ import annotations

from benchmarks.apps.native import handler
from holdfast import Server

__all__ = ["pool", "task"]

task = Server(handler, concurrency="task")
pool = Server(handler, concurrency="pool")
