"""nginx and HAProxy in front of ``holdfast serve``, configured as docs/howto/behind-nginx-haproxy.md says.

HAProxy runs with two front doors: its defaults, which keep and share connections to the server, and
``option http-server-close``, which ends each after one answer.
"""

from __future__ import annotations

import http.client
import json
from contextlib import closing, contextmanager

import pytest

from tests.interop.programs import find, free_port, running

pytestmark = pytest.mark.interop

NGINX = """\
daemon off;
pid %(folder)s/nginx.pid;
master_process off;
error_log stderr warn;
events { worker_connections 64; }
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    upstream app { server %(app)s max_fails=0; keepalive 4; }
    server {
        listen 127.0.0.1:%(port)d;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        location / { proxy_pass http://app; }
        location /events { proxy_pass http://app; proxy_buffering off; }
        location /received { proxy_pass http://app; proxy_request_buffering off; }
    }
}
"""

HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s

frontend kept
    bind 127.0.0.1:%(port)d
    default_backend kept

backend kept
    server app 127.0.0.1:%(app)d

frontend closing
    bind 127.0.0.1:%(other)d
    default_backend closing

backend closing
    option http-server-close
    server app 127.0.0.1:%(app)d
"""


@contextmanager
def serving_nginx(app, folder):
    """Run nginx in front of ``app``, an address as nginx writes it; gives its port."""
    program = find("nginx")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX % {"folder": folder, "app": app, "port": port})
    with running([program, "-e", "stderr", "-c", str(config)], port, cwd=folder):
        yield port


@pytest.fixture(scope="module")
def nginx(plain, tmp_path_factory):
    with serving_nginx(f"127.0.0.1:{plain.port}", tmp_path_factory.mktemp("nginx")) as port:
        yield port


@pytest.fixture(scope="module")
def haproxy(plain, tmp_path_factory):
    """The ports of the two front doors."""
    program = find("haproxy")
    folder = tmp_path_factory.mktemp("haproxy")
    kept, other = free_port(), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY % {"port": kept, "other": other, "app": plain.port})
    with running([program, "-db", "-f", str(config)], kept, other, cwd=folder):
        yield kept, other


@pytest.fixture(params=["nginx", "haproxy", "haproxy http-server-close"])
def proxy(request):
    """The port of a proxy in front of ``plain``."""
    name, _, option = request.param.partition(" ")
    found = request.getfixturevalue(name)
    return found if name == "nginx" else found[bool(option)]


def connect(port):
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15))


def ask(port, method, path, body=None, **options):
    """One request on a connection of its own: the response, and its body."""
    with connect(port) as connection:
        connection.request(method, path, body, **options)
        response = connection.getresponse()
        return response, response.read()


def peers(port, count=4):
    """Which of our connections the requests of one client connection came over."""
    with connect(port) as connection:
        seen = []
        for _ in range(count):
            connection.request("GET", "/peer")
            seen.append(connection.getresponse().read())
    return seen


# --- which connections they use


def test_nginx_keeps_one_connection_for_all(nginx):
    assert len({*peers(nginx), *peers(nginx)}) == 1


def test_nginx_speaks_to_a_unix_socket(on_unix, tmp_path):
    with serving_nginx(f"unix:{on_unix}", tmp_path) as port:
        assert ask(port, "GET", "/hello")[1] == b"hello\n"
        assert ask(port, "POST", "/echo", b"body")[1] == b"body"


def test_haproxy_keeps_the_connection_of_a_client(haproxy):
    assert len(set(peers(haproxy[0]))) == 1


def test_haproxy_that_closes_after_each_answer_keeps_its_client(haproxy):
    assert len(set(peers(haproxy[1]))) == 4


# --- what passes through them


def test_a_head_request(proxy):
    response, body = ask(proxy, "HEAD", "/hello")
    assert (response.status, response.headers["Content-Length"], body) == (200, "6", b"")
    assert ask(proxy, "GET", "/hello")[1] == b"hello\n"


def test_a_post(proxy):
    response, body = ask(proxy, "POST", "/echo", b"the body")
    assert (response.status, body) == (200, b"the body")


def test_a_chunked_response(proxy):
    assert ask(proxy, "GET", "/chunks")[1] == b"chunk 0\nchunk 1\nchunk 2\n"


def test_a_chunked_request(proxy):
    pieces = [b"piece %d " % number for number in range(50)]
    body = ask(
        proxy,
        "POST",
        "/received",
        iter(pieces),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )[1]
    assert json.loads(body)["size"] == len(b"".join(pieces))


def test_a_big_response(proxy):
    assert ask(proxy, "GET", "/big?mib=8")[1] == bytes(range(256)) * 4096 * 8


def test_a_big_request(proxy):
    body = ask(proxy, "POST", "/received", b"x" * (8 << 20))[1]
    assert json.loads(body)["size"] == 8 << 20


def test_a_body_that_is_refused(proxy):
    """The proxy may be sending the body still when the answer comes; the next request must not suffer."""
    for _ in range(3):
        response, body = ask(proxy, "POST", "/refuse", b"x" * 50_000)
        assert (response.status, body) == (413, b"too much\n")
        assert ask(proxy, "GET", "/hello")[1] == b"hello\n"


def test_expect_100_continue(proxy):
    response, body = ask(proxy, "POST", "/echo", b"the body", headers={"Expect": "100-continue"})
    assert (response.status, body) == (200, b"the body")


def test_events_come_one_by_one(proxy):
    """The second is not sent before the first was seen here."""
    with connect(proxy) as connection:
        connection.request("GET", "/events")
        response = connection.getresponse()
        assert response.readline() == b"data: 1\n"
        assert ask(proxy, "GET", "/release")[1] == b"released\n"
        assert response.read() == b"\ndata: 2\n\n"


def test_a_client_that_leaves_in_the_middle_hurts_nobody(proxy):
    with connect(proxy) as connection:
        connection.request("GET", "/big?mib=64")
        assert connection.getresponse().read(1000)
    assert ask(proxy, "GET", "/hello")[1] == b"hello\n"
