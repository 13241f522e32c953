"""Applications of every kind, asked without sockets."""

from __future__ import annotations

import pytest

from holdfast.testing import memory_client


class Asgi:
    """Echoes, and notes its lifespan."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{word}"
                self.seen.append(word)
                await send({"type": f"lifespan.{word}.complete"})
            return
        body = (await receive())["body"]
        kind = dict(scope["headers"]).get(b"content-type", b"text/plain")
        headers = [(b"content-type", kind), (b"x-asked", f"{scope['method']} {scope['path']}".encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read()
    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    kind = environ.get("CONTENT_TYPE") or "text/plain"
    start_response("202 Accepted", [("Content-Type", kind), ("X-Asked", asked)])
    return [body]


async def native(w, r):
    w.headers["Content-Type"] = r.headers.get("Content-Type", "text/plain")
    w.headers["X-Asked"] = f"{r.method} {r.path}"
    body = await r.read()
    w.write_header(202)
    await w.write(body)


@pytest.mark.parametrize("app", [Asgi(), wsgi, native], ids=["asgi", "wsgi", "native"])
async def test_requests(app):
    async with memory_client(app) as client:
        for method in ("get", "head", "post", "put", "delete"):
            response = await getattr(client, method)("/a")
            assert (response.status_code, response.headers["x-asked"]) == (202, f"{method.upper()} /a")
        response = await client.request("POST", "/", json={"ä": [1]})
        assert (response.json(), response.headers["content-type"]) == ({"ä": [1]}, "application/json")
        response = await client.post(
            "/", content=b"\xe4", headers={"Content-Type": "text/plain; charset=latin-1"}
        )
        assert (response.content, response.text) == (b"\xe4", "ä")
        assert repr(response) == "<AppResponse 202, 1 bytes>"


async def test_an_asgi_application_starts_and_stops():
    app = Asgi()
    async with memory_client(app) as client:
        assert app.seen == ["startup"]
        await client.get("/")
    assert app.seen == ["startup", "shutdown"]


async def test_text_without_a_type_is_utf8():
    async def handler(w, r):
        w.headers.suppress("Content-Type")
        await w.write("ä")

    async with memory_client(handler, default_headers=[("X-B", "1")]) as client:
        response = await client.get("/")
    assert (response.text, response.headers["x-b"]) == ("ä", "1")
    assert "Content-Type" not in response.headers
