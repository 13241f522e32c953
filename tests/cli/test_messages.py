import io
import json
import logging
import sys

import pytest

from holdfast.cli.messages import configure_logging, log, reopen_log_files, running_on, wants_colors
from holdfast.cli.settings import Settings
from holdfast.errors import CannotStart

NAMES = ("holdfast", "holdfast.error", "holdfast.access", "holdfast.debug")


@pytest.fixture(autouse=True)
def loggers_as_they_were():
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def configure(**settings):
    configure_logging(Settings("app:app", **settings))


def access(text):
    logging.getLogger("holdfast.access").info(text)


def test_lines_look_like_uvicorns(capsys):
    configure()
    log.info("Started")
    log.warning("Careful")
    access("a request")
    captured = capsys.readouterr()
    assert captured.err == "INFO:     Started\nWARNING:  Careful\n"
    assert captured.out == "INFO:     a request\n"


@pytest.mark.parametrize("format", ["combined", "json", "%(h)s", "combined+close"])
def test_a_format_of_ones_own_has_no_level_before_it(format, capsys):
    configure(log_format=format)
    access("a request")
    assert capsys.readouterr().out == "a request\n"


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", ["debug", "info", "error"]), (None, ["info", "error"]), ("error", ["error"])],
)
def test_the_level(level, shown, capsys):
    configure(log_level=level)
    for name in ("debug", "info", "error"):
        getattr(log, name)(name)
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == shown


def test_each_step_is_shown_at_trace_only(capsys):
    for level, shown in [("info", False), ("trace", True)]:
        configure(log_level=level)
        logging.getLogger("holdfast.debug").debug("IDLE -> HEAD")
        assert ("IDLE -> HEAD" in capsys.readouterr().err) is shown


def test_colours(capsys):
    configure(use_colors=True)
    log.error("x")
    assert capsys.readouterr().err == "\x1b[31mERROR\x1b[0m:    x\n"


@pytest.mark.parametrize(
    ("asked", "tty", "env", "colors"),
    [
        (None, True, {}, True),
        (None, False, {}, False),
        (None, True, {"NO_COLOR": "1"}, False),
        (True, False, {"NO_COLOR": "1"}, True),
        (False, True, {}, False),
    ],
)
def test_when_to_colour(asked, tty, env, colors, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: tty
    assert wants_colors(Settings("a:a", use_colors=asked), stream) is colors


def test_a_log_config_of_ones_own_replaces_ours(tmp_path, capsys):
    file = tmp_path / "log.json"
    handler = {"class": "logging.FileHandler", "filename": str(tmp_path / "log"), "delay": True}
    loggers = {"holdfast": {"handlers": ["file"], "level": "WARNING"}}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"file": handler},
        "loggers": loggers,
    }
    file.write_text(json.dumps(config))
    logging.getLogger("holdfast.error").setLevel(logging.NOTSET)
    configure(log_config=str(file))
    log.info("hidden")
    log.warning("shown")
    assert (tmp_path / "log").read_text() == "shown\n"
    assert capsys.readouterr().err == ""


def test_an_ini_file_is_read_too(tmp_path, capsys):
    file = tmp_path / "log.ini"
    file.write_text(
        "[loggers]\nkeys=root,holdfast\n[handlers]\nkeys=out\n[formatters]\nkeys=\n"
        "[logger_root]\nhandlers=\n[logger_holdfast]\nqualname=holdfast\nhandlers=out\nlevel=INFO\n"
        "[handler_out]\nclass=StreamHandler\nargs=(sys.stdout,)\n"
    )
    root = logging.getLogger().handlers[:]
    configure(log_config=str(file), log_level="info")
    logging.getLogger().handlers[:] = root
    log.info("shown")
    assert capsys.readouterr().out == "shown\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.json", "{"),
        ("log.json", "[]"),
        ("log.json", '{"version": 1, "handlers": {"x": {"class": "no.such.Class"}}}'),
        ("log.ini", "text"),
    ],
)
def test_a_wrong_log_config_is_one_line_that_names_the_file(name, text, tmp_path):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(CannotStart) as raised:
        configure(log_config=str(file))
    assert str(raised.value).startswith(f"--log-config {file}: ")
    assert "\n" not in str(raised.value)


def test_yaml_is_read_where_it_can_be(tmp_path, monkeypatch):
    file = tmp_path / "log.yaml"
    file.write_text("version: 1")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(CannotStart, match="PyYAML"):
        configure(log_config=str(file))


def test_a_log_file_that_was_moved_away_is_opened_anew(tmp_path):
    handler = logging.FileHandler(tmp_path / "log")
    logging.getLogger("holdfast").handlers = [handler]
    log.error("before")
    (tmp_path / "log").rename(tmp_path / "log.1")
    reopen_log_files()
    log.error("after")
    assert (tmp_path / "log.1").read_text() == "before\n"
    assert (tmp_path / "log").read_text() == "after\n"


def test_it_is_said_what_is_served_where():
    assert running_on(["http://a:1", "https://b:2"], "the files of /x") == [
        "Serving the files of /x",
        "Holdfast running on http://a:1 (Press CTRL+C to quit)",
        "Holdfast running on https://b:2 (Press CTRL+C to quit)",
    ]
