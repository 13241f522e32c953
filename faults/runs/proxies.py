"""Rolling restarts of two servers behind HAProxy and nginx: six SIGTERMs, and not a failed request.

The proxies are configured as docs/howto/behind-nginx-haproxy.md says.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from faults.client import Outcome
from faults.load import Load
from faults.process import Failed, Program, Server, free_port
from faults.stage import Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.stage import Stage

__all__ = ["haproxy", "nginx"]


async def haproxy(stage: Stage) -> None:
    """Behind HAProxy."""
    await _restarts(stage, "haproxy", HAPROXY, "haproxy.cfg", ["-db", "-f"])


async def nginx(stage: Stage) -> None:
    """Behind nginx."""
    await _restarts(stage, "nginx", NGINX, "nginx.conf", ["-g", "daemon off;", "-e", "stderr", "-c"])


async def _restarts(stage: Stage, name: str, config: str, file: str, flags: Sequence[str]) -> None:
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Skipped(f"{name} is not installed")
    ports = [free_port(), free_port()]
    async with AsyncExitStack() as stack:
        servers: list[Server] = [await _start(stage, stack, port) for port in ports]
        proxy = Program([program, *flags], free_port())
        path = proxy.folder / file
        values = {"port": proxy.port, "a": ports[0], "b": ports[1], "folder": proxy.folder}
        path.write_text(config % values)
        proxy.command.append(str(path))
        stack.enter_context(proxy)
        await proxy.ready()
        load = Load(proxy.port, ms=10, posts=True)
        kept, new = load.run(20, kept=True), load.run(10, kept=False, pause=0.01)
        async with load.beside(kept, new):
            for number in range(RESTARTS):
                await asyncio.sleep(1)
                stage.say(f"restart {number + 1} of {RESTARTS}, {load!r}")
                which = number % 2
                servers[which].signal(signal.SIGTERM)
                if await servers[which].exits(15) is None:
                    raise Failed("a server did not leave within 15 s")
                await asyncio.sleep(0.5)
                servers[which] = await _start(stage, stack, ports[which])
            await asyncio.sleep(1)
    stage.check("answered", load.counts[Outcome.ANSWERED], least=2000)
    posts = sum(int(lost.id) % 2 for lost in load.lost)
    stage.check("failed", len(load.lost), most=0)
    stage.note("of them POSTs", posts)
    stage.check("refused by the proxy", load.counts[Outcome.REFUSED], most=0)


async def _start(stage: Stage, stack: AsyncExitStack, port: int) -> Server:
    return await stack.enter_async_context(stage.serve("--workers=2", port=port))


RESTARTS = 6

HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option redispatch 1
    retries 3

frontend front
    bind 127.0.0.1:%(port)d
    default_backend app

backend app
    http-reuse safe
    option httpchk GET /healthz
    server a 127.0.0.1:%(a)d check
    server b 127.0.0.1:%(b)d check
"""

NGINX = """\
pid %(folder)s/nginx.pid;
worker_processes 1;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    upstream app {
        server 127.0.0.1:%(a)d max_fails=0;
        server 127.0.0.1:%(b)d max_fails=0;
        keepalive 32;
    }
    server {
        listen 127.0.0.1:%(port)d backlog=1024;
        location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }
    }
}
"""
