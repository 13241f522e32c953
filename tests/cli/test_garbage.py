"""The collector's rest at the start, in a process of its own."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("garbage.pause(); print(gc.isenabled())", "False"),
        ("garbage.pause(); garbage.resume(); print(gc.isenabled(), gc.get_freeze_count() > 0)", "True True"),
        ("garbage.resume(); print(gc.isenabled(), gc.get_freeze_count() > 0)", "True False"),
    ],
    ids=["paused", "resumed", "never paused: nothing is frozen"],
)
def test_the_collector(code, printed):
    done = subprocess.run(
        [sys.executable, "-c", f"import gc; from holdfast.cli import garbage; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == printed
