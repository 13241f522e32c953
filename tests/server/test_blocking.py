"""A handler that blocks, on a thread: the same writer and request without ``await``."""

from __future__ import annotations

import inspect
import io
import threading

import pytest

from holdfast.errors import BodyClosed, ContentLengthError, LocalProtocolError, NotSupported
from holdfast.server.blocking import BlockingWriter, run_blocking
from holdfast.server.response import ResponseWriter
from holdfast.testing import memory_client, request, serving
from tests.whole.modes import every_mode


def test_it_has_the_writers_methods_but_those_of_the_loop():
    of_the_loop = {
        "controller",
        "exchange",
        "finish",
        "finish_now",
        "hijack",
        "is_full",
        "keep",
        "room",
        "flush",
    }
    public = {name for name, _ in inspect.getmembers(ResponseWriter) if not name.startswith("_")}
    assert public - of_the_loop <= set(dir(BlockingWriter))
    assert of_the_loop <= set(dir(ResponseWriter)) | {"exchange"}


@every_mode
async def test_it_runs_on_a_thread_and_small_writes_stay_there(mode):
    threads = []

    def handler(w, r):
        threads.append(threading.current_thread())
        w.headers["X-Path"] = r.path
        w.write_header(201)
        assert (w.write("a"), w.write(b"bc")) == (1, 2)
        assert (w.status, w.bytes_written) == (201, 3)

    async with serving(handler, mode) as (client, _):
        response = await client.get("/p")
        assert (response.status, response.body, response.framing) == (201, b"abc", "length")
        assert response.header("X-Path") == "/p"
        assert threads[0] is not threading.current_thread()


@every_mode
async def test_large_writes_flushes_and_trailers(mode):
    def handler(w, r):
        w.trailers["X-Sum"] = "1"
        w.write(b"x" * 3000)
        w.flush()
        w.write(b"y")

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.chunks, response.trailers) == ([3000, 1], [("X-Sum", "1")])


@every_mode
async def test_interim_responses(mode):
    def handler(w, r):
        w.headers["Link"] = "</a>"
        w.write_header(103)
        w.write_informational(102, {"X": "1"})
        w.write("ok")

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert [interim.status for interim in response.interim] == [103, 102]
        assert response.body == b"ok"


@every_mode
@pytest.mark.parametrize("body", [b"some text", [b"some", b" text"], b""], ids=["counted", "chunked", "none"])
async def test_bodies(mode, body):
    def handler(w, r):
        match r.path:
            case "/read":
                w.write(r.read())
            case "/part":
                w.write(r.body.read(4) + b"|" + r.body.read())
            case "/pieces":
                for piece in r.body:
                    w.write(piece)
            case "/text":
                w.write(r.text())
            case "/close":
                r.body.close()
                if r.content_length:
                    with pytest.raises(BodyClosed):
                        r.body.read()

    whole = b"".join(body) if isinstance(body, list) else body
    wanted = {
        "/read": whole,
        "/part": whole[:4] + b"|" + whole[4:],
        "/pieces": whole,
        "/text": whole,
        "/close": b"",
    }
    async with serving(handler, mode) as (client, server):
        for path, text in wanted.items():
            assert (await client.post(path, body=body)).body == text
        assert server.stats().connections_accepted == 1


async def test_json_both_ways():
    def handler(w, r):
        w.write_json({"got": r.json()}, 202)

    async with memory_client(handler) as client:
        response = await client.post("/", json=[1, "ü"])
        assert (response.status_code, response.json()) == (202, {"got": [1, "ü"]})


async def test_a_source_and_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def handler(w, r):
        assert w.read_from(io.BytesIO(b"source ")) == 7
        with path.open("rb") as file:
            w.send_file(file, 2, 3)

    async with serving(handler, memory=False) as (client, _):
        assert (await client.get("/")).body == b"source 234"


@every_mode
async def test_what_it_raises_is_raised_on_the_thread_at_the_place_of_the_mistake(mode):
    raised = []

    def handler(w, r):
        w.headers["Content-Length"] = "3"
        for wrong in (lambda: w.write(b"abcd"), lambda: w.write(1), lambda: w.headers.set("X", "a\nb")):
            try:
                wrong()
            except Exception as error:
                raised.append(type(error))
        w.write_header(200)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.read_until_closed()
        assert raised == [ContentLengthError, TypeError, ValueError]


@every_mode
async def test_a_failure_is_a_500(mode, caplog):
    def handler(w, r):
        raise LookupError("on the thread")

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.header("Connection")) == (500, "close")
        assert "LookupError: on the thread" in caplog.text


async def test_a_coroutine_is_run_on_the_loop_for_it():
    async def on_the_loop(w):
        await w.write(str(threading.current_thread() is threading.main_thread()))

    def handler(w, r):
        w.run(on_the_loop(w.unwrap()))
        with pytest.raises(LocalProtocolError):
            w.run(w.unwrap().write_informational(200))

    async with memory_client(handler) as client:
        assert (await client.get("/")).text == "True"


async def test_a_writer_without_a_server_underneath_is_not_supported():
    with pytest.raises(NotSupported, match="needs the server's threads"):
        await run_blocking(lambda w, r: None, object(), request())
