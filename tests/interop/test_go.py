"""Go's net/http client against ``holdfast serve``: the checks are goclient/main.go's, one test for each."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.interop.programs import HERE, find, run

pytestmark = pytest.mark.interop

CHECKS = {
    "reuse": "five requests use one connection",
    "reuse in parallel": "forty at once use the four that are allowed",
    "1xx": "103 reaches httptrace before the answer",
    "trailers": "announced in the head, there after the body",
    "request trailers": "reach the handler",
    "expect: continued": "100 comes before the body is sent",
    "expect: refused": "the final answer comes, and the body stays",
    "unread body": "costs no connection when it is small",
    "big bodies": "pass both ways",
    "head": "has the length and no body",
    "redirected": "307 repeats the POST",
    "cancelled": "the next request is answered",
    "unix socket": "is dialled",
    "tls": "1.3, on one connection",
}

# The first Go that ranges over a number.
OLDEST = (1, 22)

# Seconds in which Go compiles the program, on a machine that has never done so.
COMPILING = 120


@pytest.fixture(scope="module")
def results(plain, on_unix, on_tls, tmp_path_factory):
    """What the program found: "ok" or an explanation, by name of the check."""
    go = find("go")
    version = re.search(r"go(\d+)\.(\d+)", run("go", "version"))
    if version is None or tuple(map(int, version.groups())) < OLDEST:
        pytest.skip("go is older than 1.22")
    program = tmp_path_factory.mktemp("go") / "goclient"
    env = os.environ | {"GO111MODULE": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    for command, seconds in (
        ([go, "build", "-o", str(program), str(HERE / "goclient" / "main.go")], COMPILING),
        ([str(program), plain.url, str(on_unix), on_tls.url, str(on_tls.ca)], 60),
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=env)
        assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("check", CHECKS, ids=[f"{name}: {says}" for name, says in CHECKS.items()])
def test_go(check, results):
    assert results[check] == "ok"


def test_every_check_of_the_program_is_a_test(results):
    assert results.keys() == CHECKS.keys()
