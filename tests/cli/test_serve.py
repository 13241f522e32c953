"""Every mistake a user can make at the start: one line, no traceback of ours, the right exit code.

Each is a whole run of the command; where it could differ, with one process and with two workers.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).parents[2]

APP = """
async def app(w, r):
    await w.write("hello")

number = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an application, broken ones, and certificates."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(APP)
    (folder / "broken.py").write_text("def f():\n    return 1 / 0\nf()\n")
    (folder / "needs.py").write_text("import not_installed_here\n")
    (folder / "log.json").write_text('{"version": 7}')
    (folder / "log.ini").write_text("[nothing]\n")
    (folder / "log.yaml").write_text("version: 1\n")
    authority = trustme.CA()
    one, two = (authority.issue_cert("localhost") for _ in range(2))
    one.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    one.private_key_pem.write_to_path(str(folder / "key.pem"))
    two.private_key_pem.write_to_path(str(folder / "other.pem"))
    (folder / "garbage.pem").write_text("garbage")
    return folder


def holdfast(folder, *arguments):
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *arguments],
        cwd=folder,
        env=env | {"PYTHONPATH": str(ROOT / "src"), "HOLDFAST_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def said(done):
    """Standard error without the log lines that come before a failure."""
    return [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]


CHECKED_BEFORE = [
    (["shop:app", "--ssl-certfile", "garbage.pem"], "garbage.pem"),
    (["shop:app", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "other.pem"], "does not belong"),
    (["shop:app", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "garbage.pem"], "no private key"),
    (
        ["shop:app", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem", "--ssl-ciphers", "none"],
        "cipher",
    ),
    (
        ["shop:app", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem", "--ssl-cert-reqs", "2"],
        "client_ca",
    ),
    (["shop:app", "--log-config", "log.json"], "log.json"),
    (["shop:app", "--log-config", "log.ini"], "log.ini"),
    (["shop:app", "--host", "256.1.1.1"], "256.1.1.1"),
    (["shop:app", "--bind", "nonsense"], "nonsense"),
    (["shop:app", "--fd", "99"], "fd:99"),
    (["shop:app", "--uds", "/nowhere/at/all.sock"], "/nowhere/at/all.sock"),
    (["shop:app", "--pid", "/nowhere/pid"], "/nowhere/pid"),
    (["shop:app", "--forwarded-allow-ips", "10.0.0.0/99"], "10.0.0.0/99"),
    (["./nowhere"], "./nowhere"),
]


@pytest.mark.parametrize(
    ("arguments", "text"), CHECKED_BEFORE, ids=lambda value: " ".join(value[1:]) or value
)
def test_what_is_checked_before_anything_starts(folder, arguments, text):
    done = holdfast(folder, "serve", *arguments)
    assert done.returncode == 3
    (line,) = said(done)
    assert line.startswith("holdfast: ")
    assert text in line
    assert "process" not in done.stderr


def test_a_port_that_is_taken(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            done = holdfast(folder, "serve", "shop:app", "--port", str(port), "--workers", workers)
            assert done.returncode == 3
            assert said(done) == [f"holdfast: cannot listen on 127.0.0.1:{port}: address already in use"]
            assert "process" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("shpo:app", 'did you mean "shop"?'),
        ("shop:ap", 'did you mean "app"?'),
        ("shop:number", "of type int"),
        ("shop", "write shop:app"),
    ],
)
def test_what_only_the_application_can_tell(folder, target, text, workers):
    done = holdfast(folder, "serve", target, "--workers", workers)
    assert done.returncode == 3
    (line,) = said(done)
    assert line.startswith("holdfast: ")
    assert text in line


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("target", "text"), [("broken:app", "ZeroDivisionError"), ("needs:app", "not_installed_here")]
)
def test_a_failure_of_the_users_code_shows_where_in_it(folder, target, text, workers):
    done = holdfast(folder, "serve", target, "--workers", workers)
    assert done.returncode == 3
    *details, line = said(done)
    assert line.startswith(f"holdfast: importing {target.partition(':')[0]} failed: ")
    assert text in line
    assert details[0] == "Traceback (most recent call last):"
    assert f"{target.partition(':')[0]}.py" in "".join(details)
    assert "holdfast/cli" not in done.stderr
    assert "importlib" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["serve", "shop:app", "--prot", "1"], "--port"),
        (["serve", "shop:app", "--port", "x"], "--port"),
        (["serve", "shop:app", "--ssl-certfile", "nowhere.pem"], "nowhere.pem"),
        (["serve", "shop:app", "--h2c"], "--h2c"),
        (["serve"], "MODULE:ATTRIBUTE"),
        (["sreve"], "sreve"),
    ],
    ids=lambda value: " ".join(value) if type(value) is list else "",
)
def test_a_wrong_command_line(folder, arguments, text):
    done = holdfast(folder, *arguments)
    assert done.returncode == 2
    (line,) = said(done)
    assert line.startswith("holdfast: ")
    assert text in line
