"""From settings to a server: every flag reaches the thing it is about."""

import logging

import pytest

from holdfast.cli.build import build
from holdfast.cli.loading import Application
from holdfast.cli.settings import Settings
from holdfast.hosts.asgi import ASGI
from holdfast.server.server import Server


async def handler(w, r): ...


async def asgi3(scope, receive, send): ...


def made(application=None, **settings):
    application = application or Application("handler", handler)
    return build(Settings("app:app", **settings), application, None, lambda: None)


@pytest.mark.parametrize(
    ("flag", "value", "setting"),
    [
        ("timeout_keep_alive", 7.0, "idle_timeout"),
        ("tls_handshake_timeout", None, "tls_handshake_timeout"),
        ("read_header_timeout", 7.0, "read_header_timeout"),
        ("read_timeout", 7.0, "read_timeout"),
        ("body_read_timeout", None, "body_read_timeout"),
        ("min_body_rate", 7.0, "min_body_rate"),
        ("write_timeout", 7.0, "write_timeout"),
        ("write_stall_timeout", 7.0, "write_stall_timeout"),
        ("max_header_bytes", 7, "max_header_bytes"),
        ("max_header_count", 7, "max_header_count"),
        ("max_connections", 7, "max_connections"),
        ("max_connection_age", 7.0, "max_connection_age"),
        ("threads", 7, "threads"),
        ("date_header", False, "date_header"),
    ],
)
def test_a_flag_is_a_setting_of_the_server(flag, value, setting):
    assert getattr(made(**{flag: value}), setting) == value


def test_trace_shows_each_step():
    assert made(log_level="trace").debug
    assert not made(log_level="debug").debug


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({}, [("Server", "holdfast")]),
        ({"server_header": False}, []),
        ({"headers": (("X-A", "b"),)}, [("X-A", "b"), ("Server", "holdfast")]),
        ({"headers": (("server", "mine"),)}, [("server", "mine")]),
    ],
)
def test_the_fields_of_every_response(settings, headers):
    assert made(**settings).default_headers == headers


def test_an_asgi_application_gets_its_host():
    host = made(Application("asgi3", asgi3), root_path="/shop/").handler
    assert isinstance(host, ASGI)
    assert host.root_path == "/shop"


def test_a_server_of_the_users_is_used_as_it_is():
    heard = []
    from holdfast.trace.hooks import ServerTrace

    own = Server(handler, idle_timeout=7, trace=ServerTrace(exchange_done=lambda *args: heard.append("own")))
    server = made(Application("server", own), limit_max_requests=1, access_log=False)
    assert server is own
    assert server.idle_timeout == 7
    server.trace.exchange_done(None, None)
    assert heard == ["own"]


def test_the_number_of_requests_is_counted_once():
    worn = []
    application = Application("handler", handler)
    settings = Settings("app:app", limit_max_requests=3, access_log=False)
    server = build(settings, application, None, lambda: worn.append(1))
    for _ in range(5):
        server.trace.exchange_done(None, None)
    assert worn == [1]


def test_the_jitter_adds_no_more_than_it_says():
    for _ in range(50):
        counts = []
        settings = Settings("a:a", limit_max_requests=3, max_requests_jitter=2, access_log=False)
        server = build(
            settings, Application("handler", handler), None, lambda counts=counts: counts.append(1)
        )
        for _ in range(2):
            server.trace.exchange_done(None, None)
        assert not counts
        for _ in range(3):
            server.trace.exchange_done(None, None)
        assert counts


def test_the_access_log_listens_unless_nobody_would_see_it():
    logger = logging.getLogger("holdfast.access")
    level = logger.level
    logger.setLevel(logging.INFO)
    assert made().trace.exchange_done is not None
    assert made(access_log=False).trace.exchange_done is None
    logger.setLevel(logging.ERROR)
    assert made().trace.exchange_done is None
    logger.setLevel(level)


def front_of(server):
    """The objects whose methods stand before the handler, outermost first."""
    return type(getattr(server.front, "__self__", None)).__name__


def test_proxies_are_believed_by_default_and_concurrency_is_not_limited():
    assert front_of(made()) == "ForwardedHeaders"
    assert front_of(made(limit_concurrency=5)) == "Admission"
    assert front_of(made(proxy_headers=False)) == "NoneType"
