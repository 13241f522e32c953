"""From what a user typed to what can be served, and one line when it cannot."""

import functools
import itertools
import sys

import pytest

from holdfast.cli.loading import Application, folder_of, interface_of, load
from holdfast.errors import CannotStart

MODULES = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """``module(source)`` writes a module that can be imported, and gives its name."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(source):
        name = f"loaded{next(MODULES)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    write.folder = str(tmp_path)
    yield write
    for name in set(sys.modules) - before:
        if name.startswith("loaded"):
            del sys.modules[name]


def failure(target, **options):
    with pytest.raises(CannotStart) as raised:
        load(target, **options)
    assert "\n" not in str(raised.value)
    return raised.value


async def asgi3(scope, receive, send): ...


def asgi2(scope):
    return lambda receive, send: None


def wsgi(environ, start_response): ...


async def native(w, r): ...


def native_plain(w, r): ...


def native_annotated(out: "holdfast.ResponseWriter", request): ...  # noqa: F821


class ASGI3Object:
    async def __call__(self, scope, receive, send): ...


class WSGIObject:
    def __call__(self, environ, start_response): ...


class ASGI2Class:
    def __init__(self, scope): ...


class Mux:
    def serve_http(self, w, r): ...


class ServerLike:
    def serve(self): ...
    def shutdown(self): ...
    def listen_and_serve(self): ...


@functools.wraps(wsgi)
def wrapped_wsgi(*args, **kwargs): ...


async def any_async(*args): ...


def any_plain(*args): ...


@pytest.mark.parametrize(
    ("value", "interface"),
    [
        (asgi3, "asgi3"),
        (ASGI3Object(), "asgi3"),
        (functools.partial(asgi3), "asgi3"),
        (any_async, "asgi3"),
        (asgi2, "asgi2"),
        (ASGI2Class, "asgi2"),
        (wsgi, "wsgi"),
        (WSGIObject(), "wsgi"),
        (wrapped_wsgi, "wsgi"),
        (native, "handler"),
        (native_plain, "handler"),
        (native_annotated, "handler"),
        (Mux(), "handler"),
        (ServerLike(), "server"),
        (any_plain, None),
        (print, None),
        (3, None),
    ],
    ids=lambda value: (
        getattr(value, "__name__", None) or (value if type(value) is str else type(value).__name__)
    ),
)
def test_what_it_speaks_is_seen_by_how_it_is_called(value, interface):
    assert interface_of(value) == interface


def test_frameworks_are_recognised():
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from fastapi import FastAPI
    from flask import Flask
    from starlette.applications import Starlette

    assert interface_of(FastAPI()) == interface_of(Starlette()) == "asgi3"
    assert interface_of(Flask("a")) == "wsgi"
    assert interface_of(object.__new__(ASGIHandler)) == "asgi3"
    assert interface_of(object.__new__(WSGIHandler)) == "wsgi"


def test_a_dotted_attribute_is_found(module):
    name = module("class site:\n    class shop:\n        async def app(scope, receive, send): ...\n")
    found = load(f"{name}:site.shop.app", app_dir=module.folder)
    assert found.interface == "asgi3"
    assert found.describe("a:site.shop.app") == "ASGI application a:site.shop.app"


def test_the_interface_can_be_said(module):
    name = module("def app(*args): ...")
    assert load(f"{name}:app", app_dir=module.folder, interface="wsgi").interface == "wsgi"


def test_a_factory_is_called(module):
    name = module("def make():\n    async def app(scope, receive, send): ...\n    return app\n")
    said = load(f"{name}:make", app_dir=module.folder, factory=True)
    guessed = load(f"{name}:make", app_dir=module.folder)
    assert said.interface == guessed.interface == "asgi3"
    assert said.warning == ""
    assert "--factory" in guessed.warning


def test_a_folder_is_its_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").mkdir()
    assert load("./public") == Application("folder", str(tmp_path / "public"))
    assert load("public").describe("public") == f"the files of {tmp_path / 'public'}"
    assert folder_of("app:app") is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("app", '"app" is neither a folder nor module:attribute; write app:app'),
        (":app", "neither a folder"),
        ("app:", "neither a folder"),
        ("shop/app.py:app", "shop/app.py:app is a file; write the module's name: shop.app:app"),
        ("./nowhere", "there is no folder ./nowhere"),
        ("a/b", "there is no folder a/b"),
    ],
)
def test_a_target_of_the_wrong_form(target, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in str(failure(target))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").touch()
    assert "is no folder" in str(failure(str(tmp_path / "a")))


def test_a_module_that_is_not_there_and_one_that_is_like_it(module, tmp_path):
    (tmp_path / "shop.py").touch()
    error = failure("shpo:app", app_dir=module.folder)
    assert str(error) == f'there is no module "shpo" in {module.folder}; did you mean "shop"?'
    assert error.details == ""
    assert error.exit_code == 3


def test_an_attribute_that_is_not_there_and_one_that_is_like_it(module):
    name = module("application = 1")
    error = failure(f"{name}:aplication", app_dir=module.folder)
    assert str(error).endswith('has no attribute "aplication"; did you mean "application"?')
    assert error.details == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f():\n    1 / 0\nf()", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise ValueError('a\\nb')", "ValueError: a"),
    ],
    ids=["missing dependency", "raises", "syntax", "message of two lines"],
)
def test_a_failure_of_the_users_code_has_their_traceback_and_only_theirs(module, source, message):
    name = module(source)
    error = failure(f"{name}:app", app_dir=module.folder)
    assert f"importing {name} failed: {message}" in str(error)
    assert f"{name}.py" in error.details
    assert "importlib" not in error.details
    assert "loading.py" not in error.details


def test_a_module_that_exits(module):
    name = module("import sys; sys.exit(4)")
    assert "exits (4)" in str(failure(f"{name}:app", app_dir=module.folder))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("app = 3", {}, "of type int, which is no application"),
        ("import os as app", {}, "a module (os), which is no application"),
        ("app = 3", {"interface": "wsgi"}, "of type int, which is no application"),
        ("def app(*a): ...", {}, "--interface"),
        ("def app(a, b, c, d): ...", {}, "--interface"),
        ("app = 3", {"factory": True}, "cannot be called"),
        ("def app(config): ...", {"factory": True}, "a factory has none"),
        ("def app(): return 3", {}, "which is no application"),
    ],
)
def test_what_cannot_be_served(module, source, options, message):
    assert message in str(failure(f"{module(source)}:app", app_dir=module.folder, **options))


def test_a_factory_that_fails_has_its_traceback(module):
    error = failure(f"{module('def app(): return 1 / 0')}:app", app_dir=module.folder, factory=True)
    assert "ZeroDivisionError" in str(error)
    assert "return 1 / 0" in error.details
    assert "loading.py" not in error.details
