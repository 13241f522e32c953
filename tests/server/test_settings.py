import inspect
import re
from dataclasses import fields
from math import inf

import pytest

from holdfast import limits
from holdfast.server.settings import Settings

NAMES = [field.name for field in fields(Settings)]


def documented():
    """The names under ``Args`` in the class's docstring."""
    return re.findall(r"^ {4}(\w+): ", inspect.getdoc(Settings) or "", re.M)


def test_every_setting_is_one_documented_field():
    assert documented() == NAMES


def test_every_setting_has_a_default():
    assert vars(Settings()).keys() == set(NAMES)


def test_every_clock_that_protects_is_on_by_default():
    clocks = Settings().clocks()
    assert [name for name, seconds in clocks.items() if seconds == inf] == ["read_timeout", "write_timeout"]
    settings = Settings()
    assert settings.tls_handshake_timeout == limits.TLS_HANDSHAKE_TIMEOUT
    assert settings.shutdown_timeout == limits.SHUTDOWN_TIMEOUT
    assert settings.min_body_rate == limits.MIN_BODY_RATE


@pytest.mark.parametrize(
    ("settings", "name", "seconds"),
    [
        ({"read_header_timeout": 3}, "read_header_timeout", 3),
        ({"read_header_timeout": None}, "read_header_timeout", inf),
        ({"read_header_timeout": None, "read_timeout": 4}, "read_header_timeout", 4),
        ({"read_header_timeout": 9, "read_timeout": 4}, "read_header_timeout", 4),
        ({"read_header_timeout": 2, "read_timeout": 4}, "read_header_timeout", 2),
        ({"read_timeout": 4}, "read_timeout", 4),
        ({"idle_timeout": None}, "idle_timeout", inf),
        ({"idle_timeout": None, "read_timeout": 4}, "idle_timeout", 4),
        ({"idle_timeout": 60, "read_timeout": 4}, "idle_timeout", 60),
        ({"body_read_timeout": None, "read_timeout": 4}, "body_read_timeout", inf),
        ({"write_timeout": 5}, "write_timeout", 5),
        ({"write_stall_timeout": None}, "write_stall_timeout", inf),
        ({"linger_timeout": 0.1}, "linger_timeout", 0.1),
    ],
)
def test_a_clock_is_its_setting_or_what_stands_in_for_it(settings, name, seconds):
    assert Settings(**settings).clocks()[name] == seconds


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("_timeout", "_age", "_rate"))])
@pytest.mark.parametrize("value", [0, -1, -0.5])
def test_a_time_is_more_than_nothing(name, value):
    with pytest.raises(ValueError, match=f"^{name} "):
        Settings(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        *("backlog", "max_connections", "max_header_bytes", "max_header_count", "max_pipelined"),
        *("max_requests_per_connection", "pool_size", "threads"),
    ],
)
def test_a_number_is_at_least_one(name):
    with pytest.raises(ValueError, match=f"{name} is at least 1, not 0"):
        Settings(**{name: 0})
    assert getattr(Settings(**{name: 1}), name) == 1


@pytest.mark.parametrize(
    ("name", "choices"), [("concurrency", "task pool"), ("pipeline", "serial concurrent")]
)
def test_a_choice_is_one_of_its_words(name, choices):
    for choice in choices.split():
        assert getattr(Settings(**{name: choice}), name) == choice
    with pytest.raises(ValueError, match=f"{name} is .*, not 'threads'"):
        Settings(**{name: "threads"})


def test_two_servers_with_the_same_settings_are_two():
    assert Settings() != Settings()
    assert len({Settings(), Settings()}) == 2
