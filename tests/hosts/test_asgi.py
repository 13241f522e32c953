from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from http import HTTPStatus

import pytest

from holdfast.errors import CannotStart, UsageError
from holdfast.hosts.asgi import ASGI
from holdfast.net import tasks
from holdfast.server.mux import ServeMux
from tests.hosts.serving import PATIENCE, served

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


async def answer(send, data=b"ok", status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send(body(data))


async def read_body(receive):
    pieces = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the peer left")
        pieces.append(message["body"])
        more = message["more_body"]
    return b"".join(pieces)


def shows(app, **settings):
    """Run ``app`` for one block, on a server."""
    return served(ASGI(app, lifespan="off"), **settings)


def keeps_scope(found):
    async def app(scope, receive, send):
        found.append(scope)
        await answer(send)

    return app


# --- the scope ---


def test_the_scope_says_what_was_asked():
    found = []
    with shows(keeps_scope(found)) as at:
        at.ask("PUT", "/a%20b/%C3%A9?x=%20y", b"data", X_One="1")
    scope = found[0]
    client, server = scope.pop("client"), scope.pop("server")
    assert client[0] == "127.0.0.1"
    assert client[1] != at.port
    assert server == ("127.0.0.1", at.port)
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/a b/é",
        "raw_path": b"/a%20b/%C3%A9",
        "query_string": b"x=%20y",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"x-one", b"1"), (b"content-length", b"4")],
        "state": {},
        "extensions": {
            "http.response.trailers": {},
            "http.response.early_hint": {},
            "http.response.pathsend": {},
        },
    }


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", b""),
        ("/%FF", "/�", b""),
        ("//two", "//two", b""),
        ("/a?b?c", "/a", b"b?c"),
        ("/a%3Fb", "/a?b", b""),
        ("http://test/there?q", "/there", b"q"),
        ("http://test", "/", b""),
    ],
)
def test_the_path_is_decoded_and_the_query_is_not(target, path, query):
    found = []
    with shows(keeps_scope(found)) as at:
        assert at.ask("GET", target).status == 200
    assert (found[0]["path"], found[0]["query_string"]) == (path, query)


def test_root_path_is_part_of_the_path():
    found = []
    with served(ASGI(keeps_scope(found), lifespan="off", root_path="/api/")) as at:
        at.ask("GET", "/x")
    assert (found[0]["root_path"], found[0]["path"], found[0]["raw_path"]) == ("/api", "/api/x", b"/x")


def test_a_request_cannot_change_what_the_next_one_sees():
    seen = []

    async def app(scope, receive, send):
        seen.append((len(scope["headers"]), "mine" in scope["state"], "mine" in scope["extensions"]))
        scope["headers"].append((b"mine", b"1"))
        scope["state"]["mine"] = scope["extensions"]["mine"] = 1
        await answer(send)

    with shows(app) as at, at.connect() as talk:
        for _ in range(2):
            talk.ask()
    assert seen == [(1, False, False)] * 2


def test_an_asgi_2_application_is_called_twice():
    def app(scope):
        async def instance(receive, send):
            await answer(send, scope["path"].encode())

        return instance

    with shows(app) as at:
        assert at.ask("GET", "/two").body == b"/two"


def test_what_is_no_application_is_refused_at_once():
    with pytest.raises(TypeError, match="called with scope"):
        ASGI("app")
    with pytest.raises(ValueError, match="lifespan"):
        ASGI(answer, lifespan="maybe")


# --- the request ---


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_the_body_comes_in_pieces(chunked):
    async def app(scope, receive, send):
        await answer(send, await read_body(receive))

    with shows(app) as at, at.connect() as talk:
        if chunked:
            talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            talk.send(b"2\r\nde\r\n0\r\n\r\n")
        else:
            talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc")
            talk.send(b"de")
        assert talk.answer().body == b"abcde"
        assert talk.ask("GET").body == b""  # the connection goes on


def test_a_request_without_a_body_has_one_empty_message():
    messages = []

    async def app(scope, receive, send):
        messages.append(await receive())
        await answer(send)
        messages.append(await receive())

    with shows(app) as at:
        at.ask()
    assert messages == [
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_100_continue_is_sent_when_the_application_reads():
    async def app(scope, receive, send):
        await answer(send, await read_body(receive))

    with shows(app) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert talk.answer().status == 100
        talk.send(b"abc")
        assert talk.answer().body == b"abc"


def test_a_malformed_body_is_a_disconnect_and_the_peer_gets_400(caplog):
    seen = []

    async def app(scope, receive, send):
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])
        raise RuntimeError("the application gives up")

    with shows(app) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        assert talk.answer().status == 400
    assert seen == ["http.request", "http.disconnect"]
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


# --- the response ---


def test_a_response_in_one_piece_gets_its_length():
    async def app(scope, receive, send):
        await answer(send, b"hello", headers=[(b"x-a", b"1")])

    with shows(app) as at:
        found = at.ask()
    assert found.headers["content-length"] == "5"
    assert found.headers["x-a"] == "1"
    assert found.body == b"hello"


def test_a_response_in_pieces_is_chunked_and_each_piece_leaves_at_once():
    go_on = threading.Event()

    async def app(scope, receive, send):
        await send(START)
        await send(body(b"one", True))
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait, PATIENCE)
        await send(body(b"two", True))
        await send(body())

    with shows(app) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in talk.until(b"\r\n\r\n")
        pieces = talk.chunks()
        assert next(pieces) == b"one"
        go_on.set()
        assert list(pieces) == [b"two"]


@pytest.mark.parametrize(
    ("status", "data", "length"),
    [(200, b"hello", "5"), (200, b"", None), (204, b"", None), (304, b"", None)],
    ids=["as GET", "no body", "204", "304"],
)
def test_head_has_a_head_only(status, data, length):
    async def app(scope, receive, send):
        await answer(send, data, status)

    with shows(app) as at, at.connect() as talk:
        found = talk.ask("HEAD")
        assert (found.status, found.headers.get("content-length")) == (status, length)
        assert talk.ask("HEAD").status == status


@pytest.mark.parametrize("headers", [[[b"x-a", b"1"]], ((b"x-a", b"1"),), iter([(b"x-a", b"1")])])
def test_headers_are_any_iterable_of_pairs(headers):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send(body(bytearray(b"ok")))

    with shows(app) as at:
        assert at.ask().headers["x-a"] == "1"


STREAM = [START, body(b"x", True)]
MISTAKES = {
    "body first": ([body(b"x")], "expected http.response.start"),
    "two starts": ([START, START], "expected http.response.body"),
    "start after body": ([*STREAM, START], "expected http.response.body"),
    "after the end": ([START, body(b"x"), body(b"y")], "expected nothing after the end"),
    "unknown type": ([{"type": "http.response.pull"}], "sent 'http.response.pull'"),
    "websocket": ([{"type": "websocket.accept"}], "sent 'websocket.accept'"),
    "push": ([START, {"type": "http.response.push", "path": "/", "headers": []}], "http.response.push"),
    "trailers unannounced": ([START, {"type": "http.response.trailers"}], "expected http.response.body"),
    "status text": ([{**START, "status": "200"}], "a final status is a number"),
    "status 100": ([{**START, "status": 100}], "a final status is a number"),
    "status 1000": ([{**START, "status": 1000}], "a final status is a number"),
    "str body": ([START, body("text")], "a body is bytes, not str"),
    "str header": ([{**START, "headers": [("a", "b")]}], "names and values are bytes"),
    "half a header": ([{**START, "headers": [(b"a",)]}], "a header is a pair"),
    "bad name": ([{**START, "headers": [(b"a b", b"c")]}], "not a header name"),
    "split value": ([{**START, "headers": [(b"a", b"c\r\nSet-Cookie: d")]}], "has a control character"),
    "length no number": ([{**START, "headers": [(b"content-length", b"x")]}], "number of bytes"),
    "two lengths": (
        [{**START, "headers": [(b"content-length", b"1"), (b"content-length", b"2")]}, body(b"x")],
        "more than one Content-Length",
    ),
    "too long": ([{**START, "headers": [(b"content-length", b"1")]}, body(b"xx")], "2 bytes written, 1 left"),
    "204 with a body": ([{**START, "status": 204}, body(b"x")], "no body"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_raises_where_it_was_made_and_nothing_malformed_is_sent(name, caplog):
    messages, text = MISTAKES[name]
    raised = []

    async def app(scope, receive, send):
        for message in messages[:-1]:
            await send(message)
        try:
            await send(messages[-1])
        except Exception as error:
            raised.append(error)
            raise

    with shows(app) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sent = talk.rest() if name != "after the end" else b""
    assert text in str(raised[0])
    if name == "start after body":
        assert not sent.endswith(b"0\r\n\r\n")  # broken off
    elif sent:
        assert sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert b"Connection: close" in sent
    assert text in caplog.text


def test_an_application_that_raises_costs_its_own_connection_only(caplog):
    async def app(scope, receive, send):
        if scope["path"] == "/fail":
            raise ZeroDivisionError("one by nought")
        await answer(send)

    with shows(app) as at, at.connect() as other:
        assert other.ask().status == 200
        found = at.ask("GET", "/fail")
        assert (found.status, found.headers["connection"]) == (500, "close")
        assert other.ask().status == 200
    assert "one by nought" in caplog.text


@pytest.mark.parametrize(
    ("messages", "status", "text"),
    [
        ([], 500, "returned without a response"),
        ([START], 500, "returned without a response"),
        (STREAM, None, "before its response was complete"),
    ],
    ids=["nothing", "the start", "half a body"],
)
def test_an_application_that_returns_too_early_is_told_so_in_the_log(messages, status, text, caplog):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    with shows(app) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sent = talk.rest()
    assert text in caplog.text
    if status:
        assert sent.startswith(b"HTTP/1.1 500 ")
    else:
        assert sent.endswith(b"1\r\nx\r\n")


def test_an_application_may_start_anew_after_a_mistake():
    async def app(scope, receive, send):
        with pytest.raises(Exception, match="not a header name"):
            await send({**START, "headers": [(b"", b"")]})
        await answer(send)

    with shows(app) as at:
        assert at.ask().body == b"ok"


# --- the peer leaves ---


def test_receive_tells_that_the_peer_has_gone():
    told = threading.Event()

    async def app(scope, receive, send):
        await receive()
        if (await receive())["type"] == "http.disconnect":
            told.set()

    with shows(app) as at:
        with at.connect() as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.05)
        assert told.wait(PATIENCE)


def test_send_raises_an_os_error_when_the_peer_has_gone_and_nothing_is_logged(caplog):
    raised = threading.Event()

    async def app(scope, receive, send):
        await send(START)
        try:
            while True:
                await send(body(b"x" * 10_000, True))
                await asyncio.sleep(0.001)
        except OSError as error:
            raised.set()
            raise RuntimeError("as Starlette's ClientDisconnect") from error

    with shows(app) as at:
        with at.connect() as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            talk.until(b"\r\n\r\n")
        assert raised.wait(PATIENCE)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_peer_that_closed_its_half_still_gets_the_answer():
    async def app(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await answer(send, b"still here")

    with shows(app) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        talk.sock.shutdown(1)
        assert talk.answer().body == b"still here"


def test_whoever_waits_for_the_disconnect_is_woken_by_the_end_of_the_response():
    async def app(scope, receive, send):
        await receive()
        waiting = tasks.spawn(receive())
        await asyncio.sleep(0)
        await answer(send)
        assert (await waiting)["type"] == "http.disconnect"

    with shows(app) as at, at.connect() as talk:
        assert talk.ask().status == 200
        assert talk.ask().status == 200


def test_whoever_waits_for_the_rest_of_the_body_is_told_when_the_response_is_complete():
    told = []
    done = threading.Event()

    async def app(scope, receive, send):
        if scope["method"] == "POST":
            await receive()
            waiting = tasks.spawn(receive())
            await asyncio.sleep(0)
            await answer(send)
            told.append((await waiting)["type"])
            done.set()
        else:
            await answer(send)

    with shows(app) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
        assert talk.answer().status == 200
        assert done.wait(5)
        talk.send(b"56789")  # is dropped
        assert talk.ask().status == 200
        assert told == ["http.disconnect"]


def test_a_slow_reader_holds_the_sender():
    sent = []

    async def app(scope, receive, send):
        await send(START)
        for _ in range(400):
            await send(body(b"x" * 50_000, True))
            sent.append(1)
        await send(body())

    with shows(app) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        talk.until(b"\r\n\r\n")
        time.sleep(0.3)
        assert len(sent) < 400
        assert sum(map(len, talk.chunks())) == 400 * 50_000


# --- the task and its context ---


def test_a_context_variable_does_not_reach_the_next_request():
    variable = contextvars.ContextVar("variable", default="fresh")
    found = []

    async def app(scope, receive, send):
        found.append(variable.get())
        variable.set("set by another request")
        await asyncio.sleep(0)
        found.append(variable.get())
        await answer(send)

    with shows(app) as at, at.connect() as talk:
        for _ in range(2):
            talk.ask()
    assert found == ["fresh", "set by another request"] * 2


def test_timeouts_and_tasks_work_inside_a_call():
    async def app(scope, receive, send):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(PATIENCE)
        async with asyncio.TaskGroup() as group:
            group.create_task(answer(send))

    with shows(app) as at:
        assert at.ask().body == b"ok"


def test_work_after_the_response_does_not_hold_the_connection(caplog):
    go_on = threading.Event()
    done = []

    async def app(scope, receive, send):
        await answer(send, scope["path"].encode())
        if scope["path"] == "/slow":
            async with asyncio.timeout(PATIENCE):  # belongs to the task it began in
                await asyncio.get_running_loop().run_in_executor(None, go_on.wait, PATIENCE)
            done.append(1)
            raise RuntimeError("failed in the background")

    with shows(app) as at, at.connect() as talk:
        assert talk.ask("GET", "/slow").body == b"/slow"
        for _ in range(2):
            assert talk.ask("GET", "/next").body == b"/next"
        assert done == []
        go_on.set()
        while not done:
            time.sleep(0.01)
        assert talk.ask("GET", "/next").body == b"/next"
    assert "failed in the background" in caplog.text


@pytest.mark.parametrize(
    "head", ["HTTP/1.0", "HTTP/1.1\r\nHost: x\r\nConnection: close"], ids=["1.0", "close"]
)
def test_work_after_the_response_does_not_hold_the_end_of_the_connection(head):
    go_on = threading.Event()

    async def app(scope, receive, send):
        await send(START)
        await send(body(b"o", True))
        await send(body(b"k"))
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait, PATIENCE)

    with shows(app) as at, at.connect() as talk:
        talk.send(f"GET / {head}\r\n\r\n".encode())
        assert b"k" in talk.rest()
        go_on.set()


def test_the_server_waits_for_work_after_the_response_before_it_ends():
    done = []

    async def app(scope, receive, send):
        await answer(send)
        await asyncio.sleep(0.2)
        done.append(1)

    with shows(app) as at:
        assert at.ask().body == b"ok"
    assert done


# --- extensions ---


def test_trailers_are_sent_to_who_wants_them():
    async def app(scope, receive, send):
        await send({**START, "headers": [(b"trailer", b"x-sum")], "trailers": True})
        await send(body(b"data"))
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})

    with shows(app) as at, at.connect() as talk:
        wanted = talk.ask(TE="trailers")
        unwanted = talk.ask()
    assert (wanted.body, wanted.headers["trailer x-sum"], wanted.headers["trailer x-more"]) == (
        b"data",
        "1",
        "2",
    )
    assert unwanted.body == b"data"
    assert "trailer x-sum" not in unwanted.headers


def test_early_hints_come_before_the_response():
    async def app(scope, receive, send):
        await send(START)
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await send(body(b"ok", True))
        await send({"type": "http.response.early_hint", "links": [b"</too-late.css>"]})
        await send(body())

    with shows(app) as at, at.connect() as talk:
        hint = talk.ask()
        assert (hint.status, hint.headers["link"]) == (103, "</a.css>; rel=preload")
        assert talk.answer().body == b"ok"


def test_pathsend_sends_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 20_000)

    async def app(scope, receive, send):
        await send(START)
        await send({"type": "http.response.pathsend", "path": str(path)})

    with shows(app) as at, at.connect() as talk:
        assert talk.ask().body == path.read_bytes()
        assert talk.ask("HEAD").headers["content-length"] == "200000"
        assert talk.ask().headers["content-length"] == "200000"


def test_pathsend_without_the_file_is_the_applications_error(tmp_path):
    async def app(scope, receive, send):
        await send(START)
        try:
            await send({"type": "http.response.pathsend", "path": str(tmp_path / "none")})
        except FileNotFoundError:
            await send(body(b"not there"))

    with shows(app) as at:
        assert at.ask().body == b"not there"


# --- mounting ---


class Stripped:
    """As StripPrefix does it."""

    def __init__(self, prefix, handler):
        self.prefix, self.handler = prefix, handler

    async def serve_http(self, w, r):
        url = r.url._replace(raw_path=r.url.raw_path.removeprefix(self.prefix))
        await self.handler.serve_http(w, r.with_url(url))


def test_what_a_handler_above_stripped_is_the_root_path():
    found = []
    app = ASGI(keeps_scope(found), lifespan="off", root_path="/proxy")
    with served(Stripped("/a%20b", app)) as at, at.connect() as talk:
        for _ in range(2):
            assert talk.ask("GET", "/a%20b/x%20y?q=1").body == b"ok"
    scope = found[0]
    assert (scope["root_path"], scope["path"]) == ("/proxy/a b", "/proxy/a b/x y")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b/x%20y", b"q=1")


def test_below_a_mux_nothing_is_stripped():
    found = []
    mux = ServeMux()
    mux.handle("GET /api/", ASGI(keeps_scope(found), lifespan="off"))
    with served(mux) as at, at.connect() as talk:
        for _ in range(2):
            assert talk.ask("GET", "/api/x").body == b"ok"
        assert talk.ask("GET", "/other").status == 404
    assert (found[0]["root_path"], found[0]["path"]) == ("", "/api/x")


def test_below_a_handler_the_body_is_the_one_it_limited():
    async def app(scope, receive, send):
        await answer(send, await read_body(receive))

    asgi = ASGI(app, lifespan="off")

    async def limits(w, r):
        r.limit_body(3)
        await asgi.serve_http(w, r)

    with served(limits) as at:
        assert at.ask("POST", "/", b"abc").body == b"abc"
        assert at.ask("POST", "/", b"abcd").status == 413


def test_a_writer_that_is_wrapped_is_refused():
    class Wrapper:
        status = 0

    with pytest.raises(UsageError, match="cannot stand behind Wrapper"):
        asyncio.run(ASGI(answer, lifespan="off").serve_http(Wrapper(), None))


# --- lifespan ---


def test_lifespan_state_reaches_every_request():
    events = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            events.append((await receive())["type"])
            scope["state"]["pool"] = ["shared"]
            await send({"type": "lifespan.startup.complete"})
            events.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            return
        await answer(send, scope["state"]["pool"][0].encode())

    with served(ASGI(app)) as at:
        assert at.ask().body == b"shared"
        assert events == ["lifespan.startup"]
    assert events == ["lifespan.startup", "lifespan.shutdown"]


def test_a_start_that_failed_is_raised():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(CannotStart, match="no database"):
        asyncio.run(ASGI(app).startup())
