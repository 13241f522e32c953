"""The kinds of value, and what is no such value."""

import pytest

from tests.cli.asking import ask


def test_zero_turns_a_clock_off():
    settings = ask("app:app", "--read-header-timeout", "0", "--write-stall-timeout", "5")
    assert (settings.read_header_timeout, settings.write_stall_timeout) == (None, 5.0)


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--header", "X-A:b"], "headers", (("X-A", "b"),)),
        (["--header", "X-A: b: c", "--header", "X-E:"], "headers", (("X-A", "b: c"), ("X-E", ""))),
        (["--log-format", "json"], "log_format", "json"),
        (["--log-format", "%(h)s"], "log_format", "%(h)s"),
        (["--write-timeout", "1.5"], "write_timeout", 1.5),
    ],
    ids=lambda value: " ".join(value) if type(value) is list else "",
)
def test_a_value(flags, field, value):
    assert getattr(ask("a:a", *flags), field) == value


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--header", "X-A"], "Name: value"),
        (["--header", ": b"], "--header"),
        (["--header", "X-A: b\r\nX-B: c"], "--header"),
        (["--log-format", "%d"], "%(word)s"),
        (["--write-timeout", "-1"], "--write-timeout"),
    ],
    ids=lambda value: repr(" ".join(value)) if type(value) is list else "",
)
def test_what_is_no_such_value(flags, text):
    assert text in ask("a:a", *flags)
