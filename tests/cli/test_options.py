"""Where a value comes from, and what is refused."""

import os

import pytest
from click.testing import CliRunner

from holdfast.cli.flags import SECTIONS
from holdfast.cli.options import serve_command
from holdfast.cli.settings import Settings
from tests.cli.asking import ask


def test_without_flags_the_settings_are_their_defaults():
    assert ask("app:app") == Settings(target="app:app")


WAYS = [
    ([], ("127.0.0.1:8000",)),
    (["--port", "80"], ("127.0.0.1:80",)),
    (["--port", "0"], ("127.0.0.1:0",)),
    (["--host", "0.0.0.0"], ("0.0.0.0:8000",)),
    (["--host", "::1", "--port", "1"], ("[::1]:1",)),
    (["--uds", "/run/a"], ("unix:/run/a",)),
    (["--fd", "3"], ("fd:3",)),
    (["--bind", ":80", "--bind", "unix:/run/a"], (":80", "unix:/run/a")),
]


@pytest.mark.parametrize(("flags", "bind"), WAYS, ids=[" ".join(flags) or "nothing" for flags, _ in WAYS])
def test_where_to_listen(flags, bind):
    assert ask("app:app", *flags).bind == bind


@pytest.mark.parametrize(
    ("env", "field", "value"),
    [
        ({"PORT": "5000"}, "bind", ("127.0.0.1:5000",)),
        ({"HOLDFAST_PORT": "1", "PORT": "5000"}, "bind", ("127.0.0.1:1",)),
        ({"HOLDFAST_BIND": ":1 :2"}, "bind", (":1", ":2")),
        ({"HOLDFAST_UDS": "/run/a", "PORT": "5000"}, "bind", ("unix:/run/a",)),
        ({"WEB_CONCURRENCY": "3"}, "workers", 3),
        ({"HOLDFAST_WORKERS": "2", "WEB_CONCURRENCY": "3"}, "workers", 2),
        ({"FORWARDED_ALLOW_IPS": "*"}, "forwarded_allow_ips", "*"),
        ({"HOLDFAST_ACCESS_LOG": "0"}, "access_log", False),
        ({"HOLDFAST_HEADER": "X-A: b c\nX-B: d"}, "headers", (("X-A", "b c"), ("X-B", "d"))),
        ({"HOLDFAST_READ_TIMEOUT": "2.5"}, "read_timeout", 2.5),
    ],
    ids=lambda value: (
        " ".join(f"{name}={text!r}" for name, text in value.items()) if type(value) is dict else ""
    ),
)
def test_the_environment(env, field, value):
    assert getattr(ask("app:app", env=env), field) == value


def test_the_application_may_come_from_the_environment():
    assert ask(env={"HOLDFAST_APP": "shop:app"}).target == "shop:app"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path):
    config = tmp_path / "holdfast.toml"
    config.write_text(
        'app = "a:a"\nport = 1\nbacklog = 10\nworkers = 4\naccess-log = false\nheader = ["X-A: b"]\n'
    )
    settings = ask("--config", str(config), "--workers", "2", env={"HOLDFAST_BACKLOG": "20"})
    assert settings == Settings(
        target="a:a", bind=("127.0.0.1:1",), backlog=20, workers=2, access_log=False, headers=(("X-A", "b"),)
    )


def test_a_bind_on_the_command_line_wins_over_a_port_elsewhere():
    assert ask("app:app", "--bind", ":80", env={"PORT": "5000"}).bind == (":80",)


def test_the_sockets_of_systemd_are_used_when_nothing_else_is_asked_for(monkeypatch):
    for given, bind in [((), ("fd:3", "fd:4")), (("--port", "1"), ("127.0.0.1:1",))]:
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "2")
        assert ask("app:app", *given).bind == bind
    monkeypatch.setenv("LISTEN_PID", "1")
    assert ask("app:app").bind == ("127.0.0.1:8000",)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Missing argument"),
        (["a:a", "--prot", "1"], "--port"),
        (["a:a", "--port", "99999"], "99999"),
        (["a:a", "--workers", "0"], "--workers"),
        (["a:a", "--workers", "2", "--reload"], "exclude each other"),
        (["a:a", "--uds", "/a", "--port", "1"], "exclude each other"),
        (["a:a", "--header", "no colon"], "Name: value"),
        (["a:a", "--header", "Bad Name: x"], "Bad Name"),
        (["a:a", "--log-format", "%(nope)s"], "%(nope)s"),
        (["a:a", "--ssl-certfile", "/nowhere.pem"], "/nowhere.pem"),
        (["a:a", "--ssl-keyfile", __file__], "--ssl-certfile"),
        (["a:a", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["a:a", "--env-file", "/nowhere"], "/nowhere"),
        (["a:a", "--timeout-keep-alive", "0"], "--timeout-keep-alive"),
        (["a:a", "--interface", "rsgi"], "rsgi"),
    ],
    ids=lambda value: " ".join(value) if type(value) is list else "",
)
def test_a_wrong_command_line_is_told_in_one_line(arguments, text):
    message = ask(*arguments)
    assert isinstance(message, str)
    assert text in message
    assert "\n" not in message


def test_the_help_has_every_flag_in_a_section_and_examples():
    output = CliRunner().invoke(serve_command(bool), ["--help"]).output
    for title, options in SECTIONS.items():
        assert f"\n{title}:\n" in output
        assert all(option.opts[0] in output for option in options)
    assert "holdfast serve app:app\n" in output
