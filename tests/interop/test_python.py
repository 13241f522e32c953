"""Python's own HTTP clients and its best known ones against ``holdfast serve``."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from contextlib import closing

import pytest

pytestmark = pytest.mark.interop

PIECES = [b"piece %d " % number for number in range(20)]


# --- what all that keep connections have in common


@pytest.fixture(params=["http.client", "requests", "httpx", "urllib3"])
def client(request, plain):
    """``ask(method, path, body=None, headers={})`` on one client: status, headers and body."""
    if request.param == "http.client":
        with closing(http.client.HTTPConnection("127.0.0.1", plain.port, timeout=15)) as connection:
            yield lambda *args, **more: _by_http_client(connection, *args, **more)
    elif request.param == "requests":
        requests = pytest.importorskip("requests")
        with requests.Session() as session:
            session.trust_env = False
            yield lambda *args, **more: _by_requests(session, plain.url, *args, **more)
    elif request.param == "httpx":
        httpx = pytest.importorskip("httpx")
        with httpx.Client(base_url=plain.url, trust_env=False, timeout=15) as session:
            yield lambda *args, **more: _by_httpx(session, *args, **more)
    else:
        urllib3 = pytest.importorskip("urllib3")
        with urllib3.PoolManager(timeout=15, retries=False) as pool:
            yield lambda *args, **more: _by_urllib3(pool, plain.url, *args, **more)


def _by_http_client(connection, method, path, body=None, headers=()):
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def _by_requests(session, url, method, path, body=None, headers=()):
    response = session.request(
        method, url + path, data=body, headers=dict(headers), timeout=15, allow_redirects=False
    )
    return response.status_code, response.headers, response.content


def _by_httpx(session, method, path, body=None, headers=()):
    response = session.request(method, path, content=body, headers=dict(headers))
    return response.status_code, response.headers, response.content


def _by_urllib3(pool, url, method, path, body=None, headers=()):
    response = pool.request(method, url + path, body=body, headers=dict(headers))
    return response.status, response.headers, response.data


def test_one_connection_carries_all(client):
    assert len({client("GET", "/peer")[2] for _ in range(4)}) == 1


def test_a_head_request_leaves_the_connection_in_order(client):
    status, headers, body = client("HEAD", "/hello")
    assert (status, headers["Content-Length"], body) == (200, "6", b"")
    assert client("GET", "/hello")[2] == b"hello\n"


def test_a_body_of_known_length(client):
    _, headers, body = client("POST", "/echo", b"the body")
    assert (headers["Body-Framing"], body) == ("length 8", b"the body")


def test_a_body_in_pieces_is_chunked(client):
    _, headers, body = client("POST", "/echo", iter(PIECES))
    assert (headers["Body-Framing"], body) == ("chunked", b"".join(PIECES))


def test_a_chunked_response(client):
    assert client("GET", "/chunks")[2] == b"chunk 0\nchunk 1\nchunk 2\n"


def test_trailers_leave_the_connection_in_order(client):
    assert client("GET", "/trailers")[2] == b"summed\n"
    assert client("GET", "/hello")[2] == b"hello\n"


def test_a_small_body_that_nobody_reads_costs_no_connection(client):
    first = client("GET", "/peer")[2]
    assert client("POST", "/refuse", b"small")[0] == 413
    assert client("GET", "/peer")[2] == first


def test_a_connection_that_is_closed_is_opened_anew(client):
    first = client("GET", "/peer", headers={"Connection": "close"})
    assert first[1]["Connection"] == "close"
    assert client("GET", "/peer")[2] != first[2]


# --- what one of them does


def test_urllib_asks_and_leaves(plain):
    with urllib.request.urlopen(f"{plain.url}/hello", timeout=15) as response:
        assert response.headers["Connection"] == "close"
        assert response.read() == b"hello\n"


def test_urllib_reads_an_error_to_its_end(plain):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{plain.url}/nothing", timeout=15)
    with caught.value as response:
        assert (response.code, response.read()) == (404, b"404 page not found\n")


def test_requests_sends_a_form_with_a_file_and_follows(plain):
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        files = {"file": ("note.txt", b"a note")}
        said = session.post(f"{plain.url}/form", {"name": "Ada"}, files=files, timeout=15)
        assert said.json() == {"name": "Ada", "files": {"file": "a note"}}
        assert session.post(f"{plain.url}/moved", b"again", timeout=15).content == b"again"


def test_httpx_passes_over_an_interim_response(plain):
    """http.client, and what is built on it, takes a 103 for the answer: no server can help that."""
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=plain.url, trust_env=False, timeout=15) as session:
        assert session.get("/hints").text == "the page\n"
        assert session.get("/hello").text == "hello\n"


def test_httpx_streams_events_as_they_come(plain):
    httpx = pytest.importorskip("httpx")
    with (
        httpx.Client(base_url=plain.url, trust_env=False, timeout=15) as session,
        session.stream("GET", "/events") as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "data: 1"
        session.get("/release")
        assert list(lines) == ["", "data: 2", ""]


async def test_aiohttp(plain):
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession(plain.url) as session:
        peers = set()
        for _ in range(3):
            async with session.get("/peer") as response:
                peers.add(await response.text())
            async with session.post("/received", data=_pieces(), expect100=True) as response:
                assert json.loads(await response.read())["size"] == len(b"".join(PIECES))
    assert len(peers) == 1


async def _pieces():
    for piece in PIECES:
        yield piece
