"""The page of ``make serve``: what Holdfast is, and what it knows of the connection that asked.

holdfast serve examples.demo:mux
"""

from __future__ import annotations

import html
import platform
from pathlib import Path
from string import Template

from holdfast import Request, ResponseWriter, ServeMux

__all__ = ["mux"]

mux = ServeMux()

PAGE = Template(Path(__file__).with_suffix(".html").read_text())


@mux.handle("GET /{$}")
async def page(w: ResponseWriter, r: Request) -> None:
    """The page itself."""
    rows = "".join(f"<tr><th>{name}<td>{html.escape(value)}" for name, value in facts(r))
    w.headers["Content-Type"] = "text/html; charset=utf-8"
    w.headers["Cache-Control"] = "no-store"
    await w.write(PAGE.substitute(facts=rows, host=html.escape(r.host)))


@mux.handle("GET /facts")
async def facts_as_json(w: ResponseWriter, r: Request) -> None:
    """The same facts for programs."""
    await w.write_json(dict(facts(r)))


@mux.handle("GET /hello/{name}")
async def hello(w: ResponseWriter, r: Request) -> None:
    """A wildcard of the pattern, read back."""
    w.headers["Content-Type"] = "text/plain; charset=utf-8"
    await w.write(f"Hello, {r.path_value('name')}!\n")


@mux.handle("POST /echo")
async def echo(w: ResponseWriter, r: Request) -> None:
    """Sends back what comes, while it comes."""
    w.headers["Content-Type"] = r.headers.get("Content-Type") or "application/octet-stream"
    w.controller.enable_full_duplex()  # or the rest of the body is dropped when the head goes out
    async for data in r.body:
        await w.write(data)
        await w.flush()


def facts(r: Request) -> list[tuple[str, str]]:
    """What the server knows of this request and its connection."""
    server = r.context["server"]
    conn = next(conn for conn in server.connections() if conn.peer == r.remote_addr)
    return [
        ("Connection", f"open for {conn.age:.1f} s, request number {conn.requests} on it"),
        ("From, to", f"{r.remote_addr} to {r.context['local_addr']}"),
        ("Protocol", f"{r.proto}, {'over TLS' if r.tls else 'no TLS'}"),
        ("Request", f"{r.method} {r.target} for {r.host}"),
        ("Pattern", r.pattern),
        ("Browser", r.user_agent or "does not say"),
        ("Headers", ", ".join(r.headers)),
        ("All in all", f"connections accepted by this process: {server.stats().connections_accepted}"),
        ("Python", platform.python_version()),
    ]
