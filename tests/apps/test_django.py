"""Django's own development project, made by ``django-admin``: static files, the admin's form with CSRF."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]

# What `runserver` does for static files, with Holdfast in the place of its server.
SERVE = """
import sys
from holdfast.net import tasks
from holdfast.server.server import Server

if sys.argv[1] == "wsgi":
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from holdfast.hosts.wsgi import WSGI
    from site_of_test.wsgi import application
    handler = WSGI(StaticFilesHandler(application))
else:
    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
    from holdfast.hosts.asgi import ASGI
    from site_of_test.asgi import application
    handler = ASGI(ASGIStaticFilesHandler(application))

async def main():
    async with Server(handler, addr="127.0.0.1:0") as server:
        print(server.url, flush=True)
        await server.thread_pool.run(sys.stdin.read)

tasks.run(main())
"""


def environment():
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "DJANGO_SUPERUSER_PASSWORD": "secret"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("django")

    def manage(*arguments):
        subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )

    manage("-m", "django", "startproject", "site_of_test", ".")
    manage("manage.py", "migrate")
    manage("manage.py", "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com")
    (folder / "serve.py").write_text(SERVE)
    return folder


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def url(project, request):
    command = [sys.executable, "serve.py", request.param]
    with subprocess.Popen(
        command, cwd=project, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            assert process.wait(20) == 0


@pytest.fixture
def client(url):
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        yield client


def token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]


def test_the_first_page_is_djangos_rocket(client):
    found = client.get("/")
    assert found.status_code == 200
    assert "The install worked successfully" in found.text


def test_static_files_are_served(client):
    found = client.get("/static/admin/css/base.css")
    assert found.headers["content-type"].startswith("text/css")
    assert int(found.headers["content-length"]) == len(found.content) > 10_000
    since = {"If-Modified-Since": found.headers["last-modified"]}
    assert client.get("/static/admin/css/base.css", headers=since).status_code == 304
    assert client.get("/static/none.css").status_code == 404


def test_the_admins_form_is_guarded_against_forgery(client):
    page = client.get("/admin/login/")
    form = {"username": "ada", "password": "secret", "next": "/admin/"}
    assert client.post("/admin/login/", data=form).status_code == 403
    wrong = client.post("/admin/login/", data=form | {"password": "no", "csrfmiddlewaretoken": token(page)})
    assert "Please enter the correct username" in wrong.text
    entered = client.post("/admin/login/", data=form | {"csrfmiddlewaretoken": token(page)})
    assert (entered.status_code, entered.headers["location"]) == (302, "/admin/")
    assert "Site administration" in client.get("/admin/").text


def test_a_form_writes_to_the_database(client):
    page = client.get("/admin/login/")
    form = {"username": "ada", "password": "secret", "next": "/admin/", "csrfmiddlewaretoken": token(page)}
    client.post("/admin/login/", data=form)
    page = client.get("/admin/auth/group/add/")
    name = f"group of {client.base_url.port}"
    added = client.post(
        "/admin/auth/group/add/",
        data={"name": name, "csrfmiddlewaretoken": token(page)},
        follow_redirects=True,
    )
    assert "was added successfully" in added.text
    assert name in client.get("/admin/auth/group/").text


def test_a_page_that_is_not_there(client):
    found = client.get("/none?x=1")
    assert found.status_code == 404
    assert "Page not found" in found.text
