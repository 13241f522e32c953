"""FastAPI: validation, a streaming response, background work, an upload, middleware, a client that leaves."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, HTTPException, Query, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from holdfast.hosts.asgi import ASGI
from tests.hosts.serving import PATIENCE, served

done: dict[str, threading.Event] = {}
go_on: dict[str, threading.Event] = {}


class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float = Field(gt=0)


@asynccontextmanager
async def lifespan(app):
    yield {"store": {}}


app = FastAPI(lifespan=lifespan)


@app.middleware("http")
async def adds_a_header(request, call_next):
    response = await call_next(request)
    response.headers["X-Middleware"] = request.method
    return response


def limit_of(limit: int = Query(10, le=100)):
    return limit


@app.post("/items", status_code=201)
async def create(item: Item, request: Request) -> Item:
    request.state.store[item.name] = item
    return item


@app.get("/items")
def listed(request: Request, limit: Annotated[int, Depends(limit_of)]) -> list[Item]:
    return list(request.state.store.values())[:limit]  # a plain def: on FastAPI's own threads


@app.get("/stream")
async def stream(count: int):
    async def pieces():
        for number in range(count):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/endless/{name}")
async def endless(name: str):
    async def pieces():
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            done[name].set()

    return StreamingResponse(pieces())


async def finish(name):
    await asyncio.to_thread(go_on[name].wait, PATIENCE)
    done[name].set()


@app.post("/later/{name}", status_code=202)
async def later(name: str, background: BackgroundTasks):
    background.add_task(finish, name)
    return {"accepted": name}


@app.post("/upload")
async def upload(file: Annotated[UploadFile, File()], note: Annotated[str, Form()]):
    digest = hashlib.sha256()
    while piece := await file.read(65536):
        digest.update(piece)
    return {"name": file.filename, "size": file.size, "sha256": digest.hexdigest(), "note": note}


@app.get("/file")
async def file():
    return FileResponse(__file__)


@app.get("/fail")
async def fail(how: str):
    if how == "http":
        raise HTTPException(418, "short and stout")
    raise RuntimeError("not caught")


@pytest.fixture
def at():
    with served(ASGI(app)) as at:
        yield at


@pytest.fixture
def client(at):
    with httpx.Client(base_url=at.url, trust_env=False, timeout=PATIENCE) as client:
        yield client


def events(name):
    done[name], go_on[name] = threading.Event(), threading.Event()
    return done[name], go_on[name]


def test_what_is_valid_is_kept_in_lifespan_state(client):
    made = client.post("/items", json={"name": "rope", "price": 3.5})
    assert (made.status_code, made.json()) == (201, {"name": "rope", "price": 3.5})
    assert made.headers["x-middleware"] == "POST"
    assert client.get("/items").json() == [{"name": "rope", "price": 3.5}]


@pytest.mark.parametrize(
    ("method", "target", "json", "where"),
    [
        ("POST", "/items", {"name": "x", "price": 1}, ["body", "name"]),
        ("POST", "/items", {"name": "rope"}, ["body", "price"]),
        ("GET", "/items?limit=101", None, ["query", "limit"]),
        ("GET", "/stream?count=many", None, ["query", "count"]),
    ],
)
def test_what_is_not_valid_is_422(client, method, target, json, where):
    found = client.request(method, target, json=json)
    assert found.status_code == 422
    assert found.json()["detail"][0]["loc"] == where


def test_a_stream_arrives_in_pieces(client):
    with client.stream("GET", "/stream", params={"count": 500}) as found:
        assert found.headers["transfer-encoding"] == "chunked"
        assert list(found.iter_lines()) == [str(number) for number in range(500)]


def test_a_stream_ends_when_its_client_leaves(client, caplog):
    ended, _ = events("leaver")
    with client.stream("GET", "/endless/leaver") as found:
        next(found.iter_raw())
    assert ended.wait(PATIENCE)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_background_work_does_not_hold_the_next_request(client):
    ended, proceed = events("work")
    assert client.post("/later/work").json() == {"accepted": "work"}
    assert client.get("/items").status_code == 200
    assert not ended.is_set()
    proceed.set()
    assert ended.wait(PATIENCE)


@pytest.mark.parametrize("size", [0, 100, 3 << 20])
def test_an_upload_arrives_whole(client, size):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    found = client.post("/upload", files={"file": ("data.bin", data)}, data={"note": "fragile"})
    assert found.json() == {
        "name": "data.bin",
        "size": size,
        "sha256": hashlib.sha256(data).hexdigest(),
        "note": "fragile",
    }


def test_an_upload_in_chunks_arrives_whole(client):
    def pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nslow\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(20):
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    found = client.post("/upload", content=pieces(), headers=headers)
    assert (found.json()["size"], found.json()["note"]) == (200_000, "slow")


def test_a_file_is_sent(client):
    with open(__file__, "rb") as source:
        assert client.get("/file").content == source.read()
    part = client.get("/file", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b'""F')


def test_documentation_is_served(client):
    assert "swagger" in client.get("/docs").text
    assert "/items" in client.get("/openapi.json").json()["paths"]


def test_errors_are_answered_and_logged(client, caplog):
    assert client.get("/fail?how=http").status_code == 418
    failed = client.get("/fail?how=other")
    assert (failed.status_code, failed.text) == (500, "Internal Server Error")
    deadline = time.monotonic() + PATIENCE
    while "not caught" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "not caught" in caplog.text
    assert client.get("/items").status_code == 200
