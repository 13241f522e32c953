"""What a user gets wrong: each mistake ends with its exit code and one line, before anything serves."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from faults.client import Connection
from faults.process import ROOT, free_port
from holdfast.net.tls import HTTP_ANSWER

if TYPE_CHECKING:
    from faults.stage import Stage

__all__ = ["mistakes"]


async def mistakes(stage: Stage) -> None:
    """No such module or attribute, port taken, bad certificate; and cleartext to a port with TLS."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name, socket.socket() as taken:
        folder = Path(name)
        certificate, key = _certificate(folder)
        (folder / "broken.pem").write_text("not a certificate\n")
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port, tls = taken.getsockname()[1], ("--ssl-certfile", certificate, "--ssl-keyfile")
        good = "faults.apps:app"
        cases = {
            "no such module": ("faults.nowhere:app",),
            "no such attribute": ("faults.apps:nothing",),
            "no application": ("faults.apps:LARGE",),
            "port taken": (good, f"--port={port}"),
            "no certificate file": (good, "--ssl-certfile", str(folder / "none.pem")),
            "broken certificate": (good, "--ssl-certfile", str(folder / "broken.pem")),
            "no key file": (good, *tls, str(folder / "none.pem")),
        }
        for workers in (1, 2):
            for what, arguments in cases.items():
                stage.say(f"{what}, {workers} workers")
                end = await _end(*arguments, f"--workers={workers}")
                stage.check(f"{what}, {workers} workers: exit code", end.code, least=1, most=125)
                if end.lines != 1:
                    stage.check(f"{what}, {workers} workers: lines", end.lines, least=1, most=1)
            await _cleartext(stage, workers, certificate, key)


class _End(NamedTuple):
    code: int  # 126 when it did not end
    lines: int  # beside those that tell of the start


async def _end(*arguments: str) -> _End:
    if not any(argument.startswith("--port") for argument in arguments):
        arguments = (*arguments, f"--port={free_port()}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "holdfast", "serve", *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said = (await asyncio.wait_for(process.communicate(), 15))[0].decode()
        code = process.returncode if process.returncode is not None else 126
    except TimeoutError:
        said, code = "", 126
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
            await process.wait()
    lines = [line for line in said.splitlines() if line and not line.startswith("INFO:")]
    return _End(code, len(lines))


async def _cleartext(stage: Stage, workers: int, certificate: str, key: str) -> None:
    """A plain request to a port with TLS: nothing is served; at most one fixed line says why."""
    flags = ("--ssl-certfile", certificate, "--ssl-keyfile", key, f"--workers={workers}")
    server = stage.serve(*flags)
    with server:
        for _ in range(100):
            try:
                connection = await Connection.open(server.port)
                break
            except OSError:
                await asyncio.sleep(0.1)
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        ended = await connection.wait_over(15)
        connection.close()
    refused = bytes(connection.received) in (b"", HTTP_ANSWER)
    stage.check(
        f"cleartext to TLS, {workers} workers: refused and closed", refused and ended is not None, least=1
    )


def _certificate(folder: Path) -> tuple[str, str]:
    import trustme

    made = trustme.CA().issue_cert("localhost")
    key = folder / "key.pem"
    made.private_key_pem.write_to_path(str(key))
    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return str(chain), str(key)
