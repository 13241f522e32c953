"""``holdfast serve`` as one process: from its first line to its last."""

import re
import signal
import socket
import ssl
from http.client import HTTPSConnection

import pytest
import trustme

from tests.cli.process import serve

APP = """
import asyncio, os

async def hello(w, r):
    await w.write(f"hello from {r.remote_addr}")

async def slow(w, r):
    await asyncio.sleep(float(r.url.raw_query))
    await w.write("slow but sure")

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            print(step, flush=True)
            await send({"type": f"lifespan.{step}.complete"})
        return
    text = f"{scope['client'][0]} {scope['scheme']} {scope['root_path']}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})

def make():
    return asgi

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"%s %s" % (environ["REMOTE_ADDR"].encode(), environ["wsgi.url_scheme"].encode())]

from holdfast import ServeMux, Server

mux = ServeMux()
mux.handle("GET /{name}", hello)
server = Server(mux, max_connections=10)

async def waits_for_ever(scope, receive, send):
    await asyncio.sleep(3600)
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


def test_it_says_what_it_serves_and_ends_on_sigterm(shop):
    with serve(shop, "shop:hello") as run:
        assert run.get()[0] == 200
        run.send(signal.SIGTERM)
        out, err = run.process.communicate(timeout=10)
        assert run.process.returncode == 0
        assert re.fullmatch(r'INFO:     127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200 OK\n', out.decode())
        assert "Shutting down" in err.decode()
        assert "Finished server process" in err.decode()


def begin(run, query):
    """Send a request for ``slow`` and return its connection once the handler runs."""
    client = socket.create_connection(("127.0.0.1", run.port), timeout=10)
    client.sendall(b"GET /?%s HTTP/1.0\r\n\r\n" % query)
    for _ in range(200):
        run.send(signal.SIGUSR2)
        if "requests=1" in run.until(r"\d connections; .*\n")[0]:
            run.send(signal.SIGUSR2)
            return client
    raise AssertionError("the handler was not called")


def test_a_request_in_flight_is_answered_before_it_ends(shop):
    with serve(shop, "shop:slow") as run, begin(run, b"0.5") as client:
        run.send(signal.SIGTERM)
        run.ends()
        assert client.recv(1000).endswith(b"slow but sure")


def test_the_time_of_the_end_is_bounded(shop):
    with serve(shop, "shop:slow", "--timeout-graceful-shutdown", "0.2") as run, begin(run, b"60"):
        run.send(signal.SIGTERM)
        assert "1 connections were cut after 0.2 s" in run.ends(seconds=5)


def test_the_second_sigint_does_not_wait(shop):
    with serve(shop, "shop:slow") as run, begin(run, b"60"):
        run.send(signal.SIGINT)
        run.until("Shutting down")
        run.send(signal.SIGINT)
        run.ends(seconds=5)


def test_a_snapshot_shows_where_a_handler_stands(shop):
    with serve(shop, "shop:slow") as run, begin(run, b"60"):
        run.until(r"127\.0\.0\.1:\d+ exchange for \d+\.\d s, .* GET /\?60")
        run.until(r"shop\.py:\d+ slow")


def test_an_asgi_application_is_told_of_start_and_end(shop):
    with serve(shop, "shop:make", "--root-path", "/shop", "--no-access-log") as run:
        assert run.get(X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")[1] == "192.0.2.1 https /shop"
        run.send(signal.SIGTERM)
        out, _ = run.process.communicate(timeout=10)
        assert out.decode() == "startup\nshutdown\n"


@pytest.mark.parametrize("target", ["shop:mux", "shop:server"])
def test_a_mux_and_a_server_are_served(shop, target):
    with serve(shop, target) as run:
        assert run.get("/ada", X_Forwarded_For="192.0.2.1") == (200, "hello from 192.0.2.1:0")
        assert run.get("/a/b")[0] == 404
        run.send(signal.SIGTERM)
        out, _ = run.process.communicate(timeout=10)
        assert out.decode().startswith('INFO:     192.0.2.1:0 - "GET /ada HTTP/1.1" 200 OK\n')


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tls(shop, workers):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(shop / "cert.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    flags = ("--ssl-certfile", "cert.pem", "--workers", workers)
    with serve(shop, "shop:hello", *flags, until=r"running on https://127\.0\.0\.1:(\d+)") as run:
        connection = HTTPSConnection("localhost", run.port, timeout=10, context=context)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        run.send(signal.SIGTERM)
        run.ends()


def test_a_wsgi_application_runs(shop):
    with serve(shop, "shop:wsgi", "--threads", "2") as run:
        assert run.get(X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https") == (200, "192.0.2.1 https")


def test_what_proxies_say_is_not_believed_when_asked_not_to(shop):
    with serve(shop, "shop:asgi", "--no-proxy-headers") as run:
        assert run.get(X_Forwarded_For="192.0.2.1")[1] == "127.0.0.1 http "


def test_a_start_that_hangs_can_be_given_up(shop):
    with serve(shop, "shop:waits_for_ever", until="Waiting for application startup") as run:
        run.send(signal.SIGTERM)
        assert "running on" not in run.ends(seconds=5)


def test_after_its_number_of_requests_it_ends(shop):
    with serve(shop, "shop:hello", "--limit-max-requests", "2") as run:
        assert run.get()[0] == 200
        assert run.get()[0] == 200
        assert "answered its number of requests" in run.ends()


def test_the_service_manager_is_told(shop, monkeypatch):
    path = str(shop / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    for workers in ("1", "2"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(10)
            with serve(shop, "shop:hello", "--workers", workers) as run:
                assert manager.recv(100) == b"READY=1"
                run.send(signal.SIGTERM)
                assert manager.recv(100) == b"STOPPING=1"
                run.ends()
        (shop / "notify").unlink()


def test_a_socket_of_a_service_manager_is_used(shop):
    # As systemd does it: descriptor 3, and LISTEN_PID is the process that exec gives.
    script = (
        "import os, socket, sys\n"
        "sock = socket.create_server(('127.0.0.1', 0))\n"
        "os.dup2(sock.fileno(), 3)\n"
        "os.set_inheritable(3, True)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "os.environ.pop('HOLDFAST_PORT')\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'holdfast', 'serve', 'shop:hello'])\n"
    )
    with serve(shop, command=("-c", script)) as run:
        assert run.get()[0] == 200
        run.send(signal.SIGTERM)
        run.ends()


def test_several_addresses(shop):
    path = shop / "a.sock"
    with serve(shop, "shop:hello", "--bind", "127.0.0.1:0", "--bind", f"unix:{path}") as run:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            assert path.stat().st_mode & 0o777 == 0o666
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b" 200 OK\r\n" in client.recv(100)
        assert run.get()[0] == 200
        run.send(signal.SIGTERM)
        run.ends()
    assert not path.exists()
