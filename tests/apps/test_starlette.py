"""Starlette: lifespan with state, mounts, static files, sessions, gzip, a body read as a stream."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from holdfast.errors import CannotStart
from holdfast.hosts.asgi import ASGI
from holdfast.server.mux import ServeMux
from tests.hosts.serving import PATIENCE, served


def application(events, folder):
    @asynccontextmanager
    async def lifespan(app):
        events.append("start")
        yield {"events": events, "count": [0]}
        events.append("stop")

    async def count(request):
        request.state.count[0] += 1
        return JSONResponse({"count": request.state.count[0], "url": str(request.url)})

    async def echo(request):
        async def pieces():
            async for piece in request.stream():
                yield piece.upper()

        return StreamingResponse(pieces())

    async def big(request):
        return PlainTextResponse("text " * 10_000)

    async def where(request):
        return PlainTextResponse(str(request.url_for("named", name="x")))

    async def named(request):
        return PlainTextResponse(request.path_params["name"])

    routes = [
        Route("/count", count),
        Route("/echo", echo, methods=["POST"]),
        Route("/big", big),
        Mount(
            "/under",
            routes=[Route("/where", where), Route("/named/{name}", named, name="named")],
            name="under",
        ),
        Route("/where", where),
        Route("/named/{name}", named, name="named"),
        Mount("/static", StaticFiles(directory=folder)),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(GZipMiddleware)])


@pytest.fixture
def events():
    return []


@pytest.fixture
def app(events, tmp_path):
    (tmp_path / "page.html").write_text("<p>static</p>")
    return application(events, tmp_path)


@pytest.fixture
def client(app):
    with (
        served(ASGI(app, lifespan="on")) as at,
        httpx.Client(base_url=at.url, trust_env=False, timeout=PATIENCE) as client,
    ):
        yield client


def test_lifespan_state_is_shared_and_lifespan_ends_with_the_server(app, events):
    with served(ASGI(app, lifespan="on")) as at:
        for number in (1, 2):
            found = httpx.get(f"{at.url}/count?a=b", trust_env=False).json()
            assert found == {"count": number, "url": f"{at.url}/count?a=b"}
        assert events == ["start"]
    assert events == ["start", "stop"]


def test_a_start_that_fails_stops_the_server_from_starting():
    @asynccontextmanager
    async def lifespan(app):
        raise OSError("no database")
        yield

    import asyncio

    with pytest.raises(CannotStart, match="no database") as caught:
        asyncio.run(ASGI(Starlette(lifespan=lifespan)).startup())
    assert "Traceback" in caught.value.details


def test_a_request_body_is_streamed_back(client):
    found = client.post("/echo", content=(b"abc" * 10_000 for _ in range(20)))
    assert found.content == b"ABC" * 200_000


def test_gzip_is_left_as_it_is(client):
    found = client.get("/big")
    assert found.headers["content-encoding"] == "gzip"
    assert found.text == "text " * 10_000


def test_urls_are_built_from_the_scope(client):
    assert client.get("/where").text.endswith("/named/x")
    assert client.get("/named/a%20b").text == "a b"


def test_static_files_and_their_conditions(client):
    found = client.get("/static/page.html")
    assert found.text == "<p>static</p>"
    again = client.get("/static/page.html", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/static/page.html").headers["content-length"] == "13"
    assert client.get("/static/../page.html").status_code == 404


@pytest.mark.parametrize("root_path", ["", "/proxy"])
def test_below_a_mux_the_application_builds_its_own_urls(app, root_path):
    mux = ServeMux()
    asgi = ASGI(app, lifespan="off", root_path=root_path)

    async def stripped(w, r):
        await asgi.serve_http(w, r.with_url(r.url._replace(raw_path=r.url.raw_path.removeprefix("/app"))))

    mux.handle("/app/", stripped)
    with served(mux) as at:
        found = httpx.get(f"{at.url}/app/where", trust_env=False)
        assert found.text == f"{at.url}{root_path}/app/named/x"
        assert httpx.get(f"{at.url}/app/named/x", trust_env=False).text == "x"
