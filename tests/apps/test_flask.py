"""Flask: sessions, streaming both ways, uploads, files, errors, work after the response."""

from __future__ import annotations

import io
import threading

import httpx
import pytest
from flask import Flask, Response, abort, request, send_file, session, stream_with_context

from holdfast.hosts.wsgi import WSGI
from tests.hosts.serving import PATIENCE, served

app = Flask(__name__)
app.secret_key = "for this test only"
closed = threading.Event()


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return {"user": session["user"]}


@app.get("/me")
def me():
    return session.get("user") or abort(401)


@app.get("/stream")
def stream():
    def lines():
        for number in range(int(request.args["count"])):
            yield f"{request.path} {number}\n"

    return Response(stream_with_context(lines()), mimetype="text/plain")


@app.post("/echo")
def echo():
    stream = request.stream
    return Response(iter(lambda: stream.read(4096), b""), mimetype=request.mimetype)


@app.post("/upload")
def upload():
    return {name: len(file.read()) for name, file in request.files.items()}


@app.get("/file")
def file():
    return send_file(__file__, conditional=True)


@app.get("/memory")
def memory():
    return send_file(io.BytesIO(b"in memory"), download_name="m.txt")


@app.get("/closing")
def closing():
    response = Response("answered")
    response.call_on_close(lambda: closed.wait(PATIENCE))
    return response


@app.get("/fail")
def fail():
    raise RuntimeError("not caught")


@app.get("/named/<path:name>")
def named(name):
    return {"name": name, "url": request.url, "ip": request.remote_addr}


@pytest.fixture
def at():
    with served(WSGI(app)) as at:
        yield at


@pytest.fixture
def client(at):
    with httpx.Client(base_url=at.url, trust_env=False, timeout=PATIENCE) as client:
        yield client


def test_a_session_lasts_for_its_client(client):
    assert client.get("/me").status_code == 401
    assert client.post("/login", data={"user": "ada"}).json() == {"user": "ada"}
    assert client.get("/me").text == "ada"


def test_a_response_is_streamed_in_its_request_context(client):
    with client.stream("GET", "/stream?count=200") as found:
        assert found.headers["transfer-encoding"] == "chunked"
        assert list(found.iter_lines()) == [f"/stream {number}" for number in range(200)]


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_a_body_is_streamed_back_while_it_comes(client, chunked):
    data = b"0123456789" * 30_000
    content = (data[at : at + 7000] for at in range(0, len(data), 7000)) if chunked else data
    assert client.post("/echo", content=content).content == data


def test_an_upload_arrives_whole(client):
    files = {"small": b"x", "big": b"y" * (2 << 20)}
    assert client.post("/upload", files=files).json() == {"small": 1, "big": 2 << 20}


def test_files_are_sent_whole_and_in_part(client):
    with open(__file__, "rb") as source:
        data = source.read()
    found = client.get("/file")
    assert found.content == data
    assert client.get("/file", headers={"If-None-Match": found.headers["etag"]}).status_code == 304
    part = client.get("/file", headers={"Range": "bytes=3-8"})
    assert (part.status_code, part.content) == (206, data[3:9])
    assert client.head("/file").headers["content-length"] == str(len(data))
    assert client.get("/memory").content == b"in memory"


def test_work_after_the_response_does_not_hold_the_next_request(client):
    closed.clear()
    assert client.get("/closing").text == "answered"
    assert client.get("/memory").status_code == 200
    closed.set()


def test_urls_come_back_as_they_were(client, at):
    found = client.get("/named/%C3%A9%20/x?q=%26").json()
    assert found == {"name": "é /x", "url": f"{at.url}/named/é%20/x?q=%26", "ip": "127.0.0.1"}


def test_errors_are_flasks(client, caplog):
    assert client.get("/none").status_code == 404
    assert client.get("/login").status_code == 405
    assert client.get("/fail").status_code == 500
    assert "not caught" in caplog.text
