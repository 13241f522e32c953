"""httpbin, the package, called with curl, requests and httpx."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings

import httpx
import pytest
import requests

from holdfast.hosts.wsgi import WSGI
from tests.hosts.serving import PATIENCE, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    from httpbin import app


class Curl:
    """curl, as one asks with a client library."""

    def __init__(self, url):
        self.url = url

    def request(self, method, target, *, headers=None, data=None, follow=False, raw=False):
        command = [
            "curl",
            "-s",
            "-S",
            "--max-time",
            "10",
            "--noproxy",
            "*",
            "-w",
            "\n%{http_code}",
            self.url + target,
        ]
        command += ["-I"] if method == "HEAD" else ["-X", method]
        command += ["-L"] if follow else []
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        if data is not None:
            command += ["--data-binary", "@-"]
        found = subprocess.run(command, input=data, capture_output=True, timeout=20, check=True)
        body, _, status = found.stdout.rpartition(b"\n")
        return int(status), body


class Library:
    """requests' Session or httpx's Client."""

    def __init__(self, url, session, follow):
        self.url, self.session, self.follow = url, session, follow

    def request(self, method, target, *, headers=None, data=None, follow=False):
        content = {"data": data} if isinstance(self.session, requests.Session) else {"content": data}
        found = self.session.request(
            method, self.url + target, headers=headers, timeout=10, **{self.follow: follow}, **content
        )
        return found.status_code, found.content


@pytest.fixture
def at():
    with served(WSGI(app)) as at:
        yield at


@pytest.fixture(params=["curl", "requests", "httpx"])
def client(at, request):
    if request.param == "curl":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        yield Curl(at.url)
    elif request.param == "requests":
        with requests.Session() as session:
            session.trust_env = False
            yield Library(at.url, session, "allow_redirects")
    else:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as session:
            yield Library(at.url, session, "follow_redirects")


def ask(client, method, target, status=200, **more):
    found, body = client.request(method, target, **more)
    assert found == status
    return body


def test_get_with_a_query(client, at):
    found = json.loads(ask(client, "GET", "/get?a=1&a=2&b=%C3%A9", headers={"X-One": "1"}))
    assert found["args"] == {"a": ["1", "2"], "b": "é"}
    assert found["headers"]["X-One"] == "1"
    assert found["headers"]["Host"] == f"127.0.0.1:{at.port}"
    assert found["origin"] == "127.0.0.1"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_of_each_method(client, method):
    headers = {"Content-Type": "application/json"}
    found = json.loads(ask(client, method, f"/{method.lower()}", headers=headers, data=b'{"a": [1]}'))
    assert found["json"] == {"a": [1]}


def test_a_body_larger_than_one_read(client):
    data = b"0123456789" * 50_000
    headers = {"Content-Type": "text/plain", "Expect": "100-continue"}
    assert json.loads(ask(client, "POST", "/post", headers=headers, data=data))["data"] == data.decode()


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 418, 500, 503])
def test_every_kind_of_status(client, status):
    ask(client, "GET", f"/status/{status}", status=status)


def test_head(client):
    ask(client, "HEAD", "/get")


def test_a_length_of_bytes(client):
    assert len(ask(client, "GET", "/bytes/70000?seed=1")) == 70_000


def test_a_stream_of_bytes(client):
    assert len(ask(client, "GET", "/stream-bytes/70000?seed=1&chunk_size=999")) == 70_000


def test_a_stream_of_lines(client):
    lines = ask(client, "GET", "/stream/20").splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(20))


def test_a_drip(client):
    assert ask(client, "GET", "/drip?numbytes=5&duration=0.05&delay=0") == b"*****"


def test_redirects_are_followed(client):
    found = json.loads(ask(client, "GET", "/redirect/3", follow=True))
    assert found["url"].endswith("/get")


def test_cookies_are_set_and_read(client):
    found = json.loads(ask(client, "GET", "/cookies", headers={"Cookie": "a=1; b=2"}))
    assert found["cookies"] == {"a": "1", "b": "2"}
    ask(client, "GET", "/cookies/set?c=3", status=302)


def test_a_range(client):
    assert ask(client, "GET", "/range/100", status=206, headers={"Range": "bytes=10-12"}) == b"klm"


def test_conditions(client):
    ask(client, "GET", "/etag/abc", status=304, headers={"If-None-Match": "abc"})
    ask(client, "GET", "/etag/abc", status=412, headers={"If-Match": "other"})


def test_basic_auth(client):
    ask(client, "GET", "/basic-auth/ada/secret", status=401)
    headers = {"Authorization": "Basic YWRhOnNlY3JldA=="}
    assert json.loads(ask(client, "GET", "/basic-auth/ada/secret", headers=headers))["authenticated"]


def test_unicode_and_images(client):
    assert "∮" in ask(client, "GET", "/encoding/utf8").decode()
    assert ask(client, "GET", "/image/png").startswith(b"\x89PNG")
