"""What may answer a request, and the front door of native handlers."""

from __future__ import annotations

import functools
import threading

import pytest

from holdfast.handlers import FileServer
from holdfast.server.handlers import as_handler, native_front
from holdfast.server.mux import ServeMux
from holdfast.server.response import ResponseWriter
from holdfast.testing import recorder, serving


async def answer(w, r):
    await w.write("answered")


def answer_blocking(w, r):
    w.write(f"answered {threading.current_thread() is threading.main_thread()}")


class Answer:
    async def serve_http(self, w, r):
        await w.write("answered")


class AnswerBlocking:
    def serve_http(self, w, r):
        answer_blocking(w, r)


class Called:
    async def __call__(self, w, r):
        await w.write("answered")


class CalledBlocking:
    def __call__(self, w, r):
        answer_blocking(w, r)


def mux():
    mux = ServeMux()
    mux.handle("/", answer)
    return mux


@pytest.mark.parametrize(
    ("handler", "body"),
    [
        (answer, b"answered"),
        (functools.partial(answer), b"answered"),
        (lambda w, r: answer_blocking(w, r), b"answered False"),
        (answer_blocking, b"answered False"),
        (Answer(), b"answered"),
        (Answer().serve_http, b"answered"),
        (AnswerBlocking(), b"answered False"),
        (Called(), b"answered"),
        (CalledBlocking(), b"answered False"),
        (mux(), b"answered"),
    ],
    ids=[
        "coroutine function",
        "partial of one",
        "lambda",
        "function",
        "object",
        "bound method",
        "blocking object",
        "callable",
        "blocking callable",
        "mux",
    ],
)
async def test_every_kind_of_handler_answers_and_what_blocks_does_so_on_a_thread(handler, body):
    async with serving(handler) as (client, _):
        assert (await client.get("/")).body == body


def test_what_can_be_awaited_is_taken_as_it_is():
    assert as_handler(answer) is answer
    handler = Answer()
    assert as_handler(handler) == handler.serve_http


@pytest.mark.parametrize(
    "handler",
    [Answer, FileServer, None, "answer", 404, object()],
    ids=["class", "class of ours", "None", "text", "number", "object"],
)
def test_what_is_no_handler_is_refused_and_shown(handler):
    with pytest.raises(TypeError, match=r"serve_http\(w, r\); got ") as raised:
        as_handler(handler)
    assert repr(handler) in str(raised.value)


# --- the front door ---


async def through_the_front(handler, method="GET", **request):
    """What the peer gets of ``handler``, whose response nobody else ends."""
    w, _ = recorder(method, "/", **request)
    await native_front(handler)(w.exchange)
    ended = w.exchange.ended
    return ended, await w.result()


async def test_a_handler_gets_a_writer_and_a_request_of_the_same_exchange():
    seen = []

    async def handler(w, r):
        seen.append((type(w), w.exchange, r.method, r.path))

    w, _ = recorder("PUT", "/thing")
    await native_front(handler)(w.exchange)
    assert seen == [(ResponseWriter, w.exchange, "PUT", "/thing")]
    await w.result()


async def test_a_handler_that_writes_nothing_has_answered_200():
    async def handler(w, r):
        pass

    ended, response = await through_the_front(handler)
    assert (ended, response.status, response.header("Content-Length")) == (True, 200, "0")


@pytest.mark.parametrize("size", [1, 2048, 2049, 100_000])
async def test_what_a_handler_left_in_the_writer_is_sent(size):
    async def handler(w, r):
        await w.write(b"x" * size)

    ended, response = await through_the_front(handler)
    assert (ended, response.body) == (True, b"x" * size)


async def test_a_small_body_that_was_not_read_is_read_before_the_answer():
    async def handler(w, r):
        await w.write("no need")

    ended, response = await through_the_front(handler, "POST", body=[b"ab", b"cd"])
    assert (ended, response.body, response.header("Connection")) == (True, b"no need", None)


async def test_trailers_end_the_response():
    async def handler(w, r):
        w.trailers["X-Sum"] = "1"
        await w.write("body")

    ended, response = await through_the_front(handler)
    assert (ended, response.trailers) == (True, [("X-Sum", "1")])


async def test_what_a_handler_raises_is_the_servers_to_answer():
    async def handler(w, r):
        await w.write("not this")
        raise KeyError("inside")

    w, _ = recorder()
    with pytest.raises(KeyError, match="inside"):
        await native_front(handler)(w.exchange)
    assert (w.exchange.status, w.exchange.ended) == (0, False)
    await w.result()


async def test_what_was_ended_elsewhere_is_not_ended_again():
    async def handler(w, r):
        w.exchange.start(204, [])
        w.exchange.end()

    ended, response = await through_the_front(handler)
    assert (ended, response.status) == (True, 204)
