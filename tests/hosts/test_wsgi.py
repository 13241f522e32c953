from __future__ import annotations

import contextvars
import io
import logging
import sys
import threading
import time
from wsgiref.validate import validator

import pytest

from holdfast.errors import LocalProtocolError
from holdfast.hosts.wsgi import WSGI, FileWrapper
from holdfast.server.mux import ServeMux
from tests.hosts.serving import PATIENCE, served

TEXT = [("Content-Type", "text/plain")]


def simple(data=b"ok", status="200 OK", headers=TEXT):
    def app(environ, start_response):
        start_response(status, list(headers))
        return [data]

    return app


def keeps_environ(found):
    def app(environ, start_response):
        found.append(environ)
        start_response("200 OK", list(TEXT))
        return [b"ok"]

    return app


def reads(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [environ["wsgi.input"].read()]


class Result:
    """An iterable that notes what is done with it."""

    def __init__(self, pieces, notes):
        self.pieces, self.notes = pieces, notes

    def __iter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            self.notes.append(piece)
            yield piece

    def close(self):
        self.notes.append("closed")


# --- environ ---


def test_environ_has_what_pep_3333_says():
    found = []
    with served(WSGI(keeps_environ(found))) as at:
        at.ask("POST", "/a%20b/%C3%A9?x=%20y", b"data", Content_Type="text/plain", X_One="1")
    environ = found[0]
    assert environ.pop("wsgi.errors").write("") == 0
    assert environ.pop("wsgi.input").read() == b"data"
    assert int(environ.pop("REMOTE_PORT")) != at.port
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/Ã©",
        "QUERY_STRING": "x=%20y",
        "REQUEST_URI": "/a%20b/%C3%A9?x=%20y",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "holdfast",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(at.port),
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "test",
        "HTTP_X_ONE": "1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
    }


def test_a_mounted_application_has_the_rest_as_its_script_name():
    found = []
    app = WSGI(keeps_environ(found), root_path="/proxy")

    async def strip(w, r):
        await app.serve_http(w, r.with_url(r.url._replace(raw_path=r.url.raw_path.removeprefix("/a%20b"))))

    mux = ServeMux()
    mux.handle("/", strip)
    with served(mux) as at, at.connect() as talk:
        for _ in range(2):
            assert talk.ask("GET", "/a%20b/x?q").body == b"ok"
    assert (found[0]["SCRIPT_NAME"], found[0]["PATH_INFO"]) == ("/proxy/a b", "/x")


# --- the input ---


@pytest.mark.parametrize("size", [0, 5, 64 << 10, (64 << 10) + 1, 1 << 20])
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_the_body_is_read_whole(size, chunked):
    data = b"x" * size
    with served(WSGI(validator(reads_by_piece))) as at, at.connect() as talk:
        if chunked:
            talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for begin in range(0, size, 50_000):
                piece = data[begin : begin + 50_000]
                talk.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            talk.send(b"0\r\n\r\n")
            assert talk.answer().body == data
        else:
            assert talk.ask("POST", "/", data).body == data
        assert talk.ask().body == b""


def reads_by_piece(environ, start_response):
    start_response("200 OK", list(TEXT))
    stream = environ["wsgi.input"]
    pieces = list(iter(lambda: stream.read(10_000), b""))
    return [b"".join(pieces)]


def test_lines_of_a_streamed_body():
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        stream = environ["wsgi.input"]
        found = [stream.readline(), stream.readline(2), *stream.readlines(1), *stream]
        return [repr(found).encode()]

    with served(WSGI(app)) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n")
        talk.send(b"b\r\no\nthree\nfou\r\n0\r\n\r\n")
        assert talk.answer().text == repr([b"one\n", b"tw", b"o\n", b"three\n", b"fou"])


def test_a_body_may_be_answered_while_it_comes():
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return iter(environ["wsgi.input"].readline, b"")

    with served(WSGI(app)) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            talk.send(b"5\r\nline\n\r\n")
        talk.until(b"\r\n\r\n")
        pieces = talk.chunks()
        assert next(pieces) == b"line\n"
        talk.send(b"0\r\n\r\n")
        assert b"".join(pieces) == b"line\nline\n"


def test_100_continue_is_sent_when_the_application_reads():
    with served(WSGI(reads)) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert talk.answer().status == 100
        talk.send(b"abc")
        assert talk.answer().body == b"abc"


def test_a_slow_sender_holds_no_thread():
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    with served(WSGI(reads), threads=1) as at, at.connect() as slow, at.connect() as quick:
        slow.send(head + b"a")
        assert quick.ask("POST", "/", b"abc").body == b"abc"
        slow.send(b"bc")
        assert slow.answer().body == b"abc"


def test_a_malformed_body_raises_an_os_error_and_the_peer_gets_400(caplog):
    raised = []

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(error)
            raise RuntimeError("as Django's UnreadablePostError") from error

    with served(WSGI(app)) as at, at.connect() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        assert talk.answer().status == 400
    assert raised
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


# --- the response ---


@pytest.mark.parametrize(
    ("result", "body", "length"),
    [
        ([b"hello"], b"hello", "5"),
        ((b"hel", b"lo"), b"hello", "5"),
        ([], b"", "0"),
        (iter([]), b"", "0"),
        (iter([b"", b"hel", b"", b"lo"]), b"hello", None),
    ],
    ids=["one", "two", "none", "empty iterator", "iterator"],
)
def test_the_length_is_said_where_it_is_known(result, body, length):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return result

    with served(WSGI(app)) as at:
        found = at.ask()
    assert (found.body, found.headers.get("content-length")) == (body, length)


@pytest.mark.parametrize("result", [[b"hello"], []], ids=["as GET", "no body"])
def test_head_has_a_head_only(result):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return result

    with served(WSGI(app)) as at, at.connect() as talk:
        assert talk.ask("HEAD").headers.get("content-length") == ("5" if result else None)
        assert talk.ask("HEAD").status == 200


def test_a_declared_length_without_a_body_answers_head():
    app = simple(b"", headers=[*TEXT, ("Content-Length", "5")])
    with served(WSGI(app)) as at:
        assert at.ask("HEAD").headers["content-length"] == "5"


def test_start_response_may_come_with_the_first_block():
    def app(environ, start_response):
        start_response("201 Made", list(TEXT))
        yield b"late"

    with served(WSGI(app)) as at:
        found = at.ask()
    assert (found.status, found.body) == (201, b"late")


def test_each_block_leaves_before_the_next_is_asked_for():
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        yield b"one"
        go_on.wait(PATIENCE)
        yield b"two"

    with served(WSGI(validator(app))) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        talk.until(b"\r\n\r\n")
        pieces = talk.chunks()
        assert next(pieces) == b"one"
        go_on.set()
        assert list(pieces) == [b"two"]


@pytest.mark.parametrize("declared", [True, False], ids=["iterator with a length", "list"])
def test_the_response_is_complete_before_close_is_called(declared):
    go_on, closed = threading.Event(), threading.Event()

    class Slow(list):
        def close(self):
            go_on.wait(PATIENCE)
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("Content-Length", "2")] if declared else list(TEXT))
        return Slow([b"ok"])

    with served(WSGI(app)) as at, at.connect() as talk:
        assert talk.ask().body == b"ok"
        assert talk.ask().body == b"ok"  # the connection goes on meanwhile
        assert not closed.is_set()
        go_on.set()
        assert closed.wait(PATIENCE)


def test_write_sends_at_once_and_before_what_is_returned():
    def app(environ, start_response):
        write = start_response("200 OK", list(TEXT))
        write(b"one ")
        write(b"two ")
        return [b"three"]

    with served(WSGI(validator(app))) as at:
        assert at.ask().body == b"one two three"


def test_the_iterable_is_closed_in_every_case():
    notes = []
    results = iter([Result([b"a", b"b"], notes), Result([b"a", ValueError("broken")], notes)])

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return next(results)

    with served(WSGI(app)) as at:
        assert at.ask().body == b"ab"
        with at.connect() as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert talk.rest().endswith(b"1\r\na\r\n")  # broken off: no last chunk
    assert notes == [b"a", b"b", "closed", b"a", "closed"]


def test_exc_info_replaces_a_head_that_was_not_sent():
    def app(environ, start_response):
        start_response("200 OK", [("X-Old", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("503 Later", list(TEXT), sys.exc_info())
        return [b"sorry"]

    with served(WSGI(app)) as at:
        found = at.ask()
    assert (found.status, found.body) == (503, b"sorry")
    assert "x-old" not in found.headers


def test_exc_info_is_raised_once_the_head_was_sent(caplog):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        yield b"begun"
        try:
            raise ValueError("in the middle")
        except ValueError:
            start_response("500 No", [], sys.exc_info())

    with served(WSGI(app)) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert talk.rest().endswith(b"5\r\nbegun\r\n")
    assert "in the middle" in caplog.text


def starts(*args):
    def app(environ, start_response):
        start_response(*args)
        return [b"x"]

    return app


def starts_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])


MISTAKES = {
    "status number": (starts(200, []), "a status is like"),
    "status text": (starts("OK", []), "a status is like"),
    "status 100": (starts("100 Continue", []), "a status is like"),
    "headers tuple": (starts("200 OK", ()), "a list of tuples"),
    "header list": (starts("200 OK", [["a", "b"]]), "a header is a tuple"),
    "header bytes": (starts("200 OK", [(b"a", b"b")]), "are str"),
    "bad name": (starts("200 OK", [("a b", "c")]), "not a header name"),
    "split value": (starts("200 OK", [("a", "c\r\nd: e")]), "control character"),
    "beyond latin-1": (starts("200 OK", [("a", "€")]), "beyond latin-1"),
    "length": (starts("200 OK", [("Content-Length", "many")]), "number of bytes"),
    "two lengths": (
        starts("200 OK", [("Content-Length", "1"), ("content-length", "2")]),
        "more than one Content-Length",
    ),
    "twice": (starts_twice, "without exc_info"),
    "never": (lambda environ, start_response: [b"x"], "before it called start_response"),
    "str body": (simple("text"), "made of bytes, not str"),
    "none": (lambda environ, start_response: None, "NoneType"),
    "too long": (simple(b"xx", headers=[("Content-Length", "1")]), "2 bytes written, 1 left"),
    "too short": (simple(b"x", headers=[("Content-Length", "2")]), "1 bytes short"),
    "204 with a body": (simple(b"x", "204 No Content"), "has no body"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_raises_and_the_peer_gets_500(name, caplog):
    app, text = MISTAKES[name]
    with served(WSGI(app)) as at:
        found = at.ask()
    assert (found.status, found.headers["connection"]) == (500, "close")
    assert text in caplog.text


def test_a_mistake_raises_where_it_was_made():
    raised = []

    def app(environ, start_response):
        try:
            start_response("200 OK", [("a", "b\n")])
        except LocalProtocolError as error:
            raised.append(error)
        start_response("200 OK", list(TEXT))
        return [b"mended"]

    with served(WSGI(app)) as at:
        assert at.ask().body == b"mended"
    assert raised


def test_hop_by_hop_fields_are_the_servers():
    app = simple(
        headers=[("Connection", "keep-alive"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "x")]
    )
    with served(WSGI(app)) as at:
        found = at.ask()
    assert not {"connection", "transfer-encoding", "keep-alive"} & found.headers.keys()
    with served(WSGI(simple(headers=[("Connection", "close")]))) as at:
        assert at.ask().headers["connection"] == "close"


def test_set_cookie_lines_stay_apart():
    app = simple(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    with served(WSGI(app)) as at:
        assert at.ask().raw.count(b"Set-Cookie: ") == 2


# --- a peer that leaves, or is slow ---


def test_an_application_hears_that_the_peer_has_gone_and_nothing_is_logged(caplog):
    notes = []

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return Result((b"x" * 10_000 for _ in iter(int, 1)), notes)

    with served(WSGI(app)) as at:
        with at.connect() as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            talk.until(b"\r\n\r\n")
        deadline = time.monotonic() + PATIENCE
        while "closed" not in notes and time.monotonic() < deadline:
            time.sleep(0.01)
    assert notes[-1] == "closed"
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_slow_reader_holds_the_application():
    notes = []

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return Result((b"x" * 50_000 for _ in range(400)), notes)

    with served(WSGI(app)) as at, at.connect() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        talk.until(b"\r\n\r\n")
        time.sleep(0.3)
        assert len(notes) < 400
        assert sum(map(len, talk.chunks())) == 400 * 50_000


# --- threads and context ---


def test_one_request_runs_on_one_thread_in_one_context():
    variable = contextvars.ContextVar("variable", default="fresh")
    found = []

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        found.append((threading.get_ident(), variable.get()))
        variable.set("mine")
        for _ in range(3):
            yield b"x" * 70_000
            found.append((threading.get_ident(), variable.get()))

    with served(WSGI(app)) as at, at.connect() as talk:
        for _ in range(2):
            assert len(talk.ask().body) == 210_000
    assert [value for _, value in found] == ["fresh", "mine", "mine", "mine"] * 2
    assert len({ident for ident, _ in found[:4]}) == 1


def test_an_application_that_blocks_holds_its_thread_only():
    go_on = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            go_on.wait(PATIENCE)
        start_response("200 OK", list(TEXT))
        return [environ["PATH_INFO"].encode()]

    with served(WSGI(app), threads=2) as at, at.connect() as waiting:
        waiting.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert at.ask("GET", "/quick").body == b"/quick"
        go_on.set()
        assert waiting.answer().body == b"/wait"


def test_what_fails_after_the_response_is_logged(caplog):
    class Result(list):
        def close(self):
            raise ValueError("in close")

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        return Result([b"ok"])

    with served(WSGI(app)) as at, at.connect() as talk:
        assert talk.ask().body == b"ok"
        assert talk.ask().body == b"ok"
    assert "in close" in caplog.text


def test_wsgi_errors_is_the_log(caplog):
    def app(environ, start_response):
        print("one\ntwo", file=environ["wsgi.errors"])
        environ["wsgi.errors"].writelines(["three\n"])
        environ["wsgi.errors"].flush()
        return simple()(environ, start_response)

    with served(WSGI(app)) as at:
        at.ask()
    assert [record.getMessage() for record in caplog.records] == ["one", "two", "three"]


# --- files ---


@pytest.mark.parametrize(("offset", "declared"), [(0, False), (7, False), (0, True)])
def test_a_file_wrapper_sends_the_rest_of_a_file(tmp_path, offset, declared):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    opened = []

    def app(environ, start_response):
        file = path.open("rb")
        file.seek(offset)
        opened.append(file)
        start_response("200 OK", [*TEXT, ("Content-Length", "1000")] if declared else list(TEXT))
        return environ["wsgi.file_wrapper"](file)

    with served(WSGI(app)) as at, at.connect() as talk:
        found = talk.ask()
        assert talk.ask("HEAD").headers["content-length"] == found.headers["content-length"]
        talk.ask()
    assert found.body == path.read_bytes()[offset:][: 1000 if declared else None]
    assert all(file.closed for file in opened)


def test_a_file_wrapper_reads_what_is_no_file():
    app = validator(lambda environ, start_response: wraps(environ, start_response))

    def wraps(environ, start_response):
        start_response("200 OK", list(TEXT))
        return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100_000), 8192)

    with served(WSGI(app)) as at:
        assert at.ask().body == b"x" * 100_000


# --- the handler itself ---


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_the_validator_has_nothing_to_say(method):
    with served(WSGI(validator(simple()))) as at, at.connect() as talk:
        for _ in range(2):
            found = talk.ask(method, "/path?query", b"data" if method == "POST" else b"")
            assert (found.status, found.body) == (200, b"" if method == "HEAD" else b"ok")


def test_what_is_no_application_is_refused_at_once():
    with pytest.raises(TypeError, match="environ and start_response"):
        WSGI("app")
    with pytest.raises(ValueError, match="at least one thread"):
        WSGI(simple(), threads=0)
