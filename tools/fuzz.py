"""``make fuzz T=60``: every fuzz target, each for T seconds.

A hypothesis target (tests/fuzz/test_*.py) runs again and again, each time with a new
seed, which is printed: ``--hypothesis-seed`` brings a finding back.  An atheris target
(tests/fuzz/atheris_*.py) runs where atheris is installed.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["fuzz"]

FUZZ = Path(__file__).parents[1] / "tests" / "fuzz"


def fuzz(seconds: float) -> int:
    """Run every target for so long; return the first exit code that is not 0, else 0."""
    for target in sorted(FUZZ.glob("test_*.py")):
        if code := _hypothesis(target, seconds):
            return code
    for target in sorted(FUZZ.glob("atheris_*.py")):
        if importlib.util.find_spec("atheris") is None:
            print(f"{target.name}: skipped, atheris is not installed")
        elif code := subprocess.call([sys.executable, str(target), f"-max_total_time={seconds:.0f}"]):
            return code
    return 0


def _hypothesis(target: Path, seconds: float) -> int:
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        seed = random.SystemRandom().randrange(2**32)
        command = [sys.executable, "-m", "pytest", "-q", str(target), f"--hypothesis-seed={seed}"]
        done = subprocess.run(
            command, env={**os.environ, "HOLDFAST_FUZZ": "1"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{done.stdout}{target.name}: failed with --hypothesis-seed={seed}")
            return done.returncode
        rounds += 1
    print(f"{target.name}: {rounds} rounds, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(fuzz(float(sys.argv[1])))
