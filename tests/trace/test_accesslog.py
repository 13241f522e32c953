import json
import logging
import re

import pytest

from holdfast.trace.accesslog import AccessLog, compile_format, escape
from holdfast.trace.hooks import ExchangeDone


class FakeHead:
    def __init__(self, method="GET", target="/", version="1.1", **headers):
        self.method, self.target, self.version = method, target, version
        self.index = {
            name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()
        }


def done(head=None, **changes):
    values = dict(
        head=head or FakeHead(),
        peer="127.0.0.1:53388",
        status=200,
        bytes_sent=12,
        bytes_received=7,
        started=10.0,
        duration=0.25,
        time_to_first_byte=0.125,
    )
    return ExchangeDone(**values | changes)


@pytest.fixture
def lines():
    """The lines that the logger gets, as they are printed without a prefix."""
    kept = []

    class Keep(logging.Handler):
        def emit(self, record):
            kept.append(self.format(record))

    logger, handler = logging.getLogger("holdfast.access"), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(level)


def write(format, exchange, lines, **options):
    AccessLog(format, **options).trace().exchange_done(None, exchange)
    return lines[-1]


def test_the_uvicorn_line_is_what_tools_grep_for(lines):
    assert write("uvicorn", done(), lines) == '127.0.0.1:53388 - "GET / HTTP/1.1" 200 OK'


def test_the_close_reason_can_be_shown(lines):
    closing = done(close_reason="we are shutting down")
    assert write("uvicorn+close", closing, lines).endswith('200 OK "we are shutting down"')
    assert write("combined+close", done(), lines).endswith('"-" "-" "-"')


def test_the_combined_line_is_apaches(lines):
    head = FakeHead(
        "POST", "/a?b=1", authorization="Basic YWRhOnB3", referer="http://x/", user_agent="curl/8"
    )
    line = write("combined", done(head, bytes_sent=0, status=404), lines)
    before, time, after = re.fullmatch(r"(.*) \[(.*)\] (.*)", line).groups()
    assert before == "127.0.0.1 - ada"
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", time)
    assert after == '"POST /a?b=1 HTTP/1.1" 404 - "http://x/" "curl/8"'


def test_the_json_line_has_every_fact(lines):
    entry = json.loads(write("json", done(close_reason="reset", head=FakeHead(target="/\n")), lines))
    assert entry.pop("time") > 1e9
    assert entry == {
        "peer": "127.0.0.1:53388",
        "method": "GET",
        "target": "/\n",
        "version": "1.1",
        "status": 200,
        "bytes_received": 7,
        "bytes_sent": 12,
        "duration": 0.25,
        "time_to_first_byte": 0.125,
        "referer": None,
        "user_agent": None,
        "close_reason": "reset",
    }
    assert "\n" not in lines[-1]


WORDS = [
    ("%(h)s", "127.0.0.1"),
    ("%(l)s%%", "-%"),
    ("%(U)s %(q)s", "/p x=1"),
    ("%(m)s %(H)s", "GET HTTP/1.1"),
    ("%(s)s %(phrase)s", "200 OK"),
    ("%(B)s %(b)s", "12 12"),
    ("%(T)s %(M)s %(D)s %(L)s", "0 250 250000 0.250000"),
    ("%(ttfb)s", "0.125000"),
    ("%(bytes_received)s", "7"),
    ("%(close_reason)s", "-"),
    ("%({X-Id}i)s %({x-none}i)s", "77 -"),
    ("%({ETag}o)s", '\\"e\\"'),
]


@pytest.mark.parametrize(("format", "text"), WORDS, ids=[format for format, _ in WORDS])
def test_a_word_of_a_format(format, text):
    head = FakeHead(target="/p?x=1", x_id="77")
    assert compile_format(format)(done(head, response_fields=[(b"etag", b'"e"')])) == text


@pytest.mark.parametrize(
    ("peer", "host"),
    [("[::1]:80", "[::1]"), ("/run/a.sock", "/run/a.sock"), ("", "-")],
    ids=["IPv6", "unix", "none"],
)
def test_the_host_of_a_peer(peer, host):
    assert compile_format("%(h)s")(done(peer=peer)) == host


@pytest.mark.parametrize(
    "format", ["%(nope)s", "%d", "100%"], ids=["unknown word", "not a word", "lone percent"]
)
def test_a_wrong_format_is_refused_at_once(format):
    with pytest.raises(ValueError, match="log format"):
        AccessLog(format)


# CVE-2020-7694: a peer's bytes must not be able to end, forge or colour a line.
@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("/plain?a=b%20c", "/plain?a=b%20c"),
        ("/\r\nforged", "/\\x0d\\x0aforged"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x85\x9b\xe9", "\\x85\\x9b\\xe9"),
        ('a" 200 "b', 'a\\" 200 \\"b'),
        ("a\\x0a", "a\\\\x0a"),
        ("tab\there", "tab\\x09here"),
        ("\u2028", "\\u{2028}"),
    ],
    ids=[
        "plain",
        "CR LF",
        "escape sequence",
        "C1 and latin-1",
        "quote",
        "backslash",
        "tab",
        "line separator",
    ],
)
def test_a_value_is_escaped(text, safe):
    assert escape(text) == safe


@pytest.mark.parametrize("field", ["%(f)s", "%(a)s", "%(r)s", "%(u)s", "%({x-id}i)s"])
def test_no_word_passes_a_control_character(field):
    head = FakeHead(
        target="/\n", referer="\n", user_agent="\x1b", x_id="\x00", authorization="Basic Cg=="
    )  # Cg== is a newline
    line = compile_format(field)(done(head))
    assert line.isprintable()
    assert line != "-"


def test_wrong_basic_credentials_are_no_user():
    assert compile_format("%(u)s")(done(FakeHead(authorization="Basic !"))) == "-"


def test_colour_is_for_terminals_only(lines):
    assert write("uvicorn", done(), lines, colors=True).endswith("\x1b[32m200 OK\x1b[0m")
    assert "\x1b" not in write("uvicorn", done(), lines)


def test_the_exchange_can_be_had_from_the_record(lines):
    seen = []
    logging.getLogger("holdfast.access").addFilter(
        keep := lambda record: bool(seen.append(record.exchange)) or True
    )
    exchange = done()
    write("uvicorn", exchange, lines)
    logging.getLogger("holdfast.access").removeFilter(keep)
    assert seen == [exchange]


def test_a_log_that_nobody_sees_costs_nothing():
    logger = logging.getLogger("holdfast.access")
    level = logger.level
    logger.setLevel(logging.WARNING)
    assert AccessLog().trace().exchange_done is None
    logger.setLevel(level)
