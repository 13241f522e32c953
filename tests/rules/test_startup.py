"""What ``holdfast serve`` of a plain ASGI application has imported by its first answer, and what it has not.

A time cannot be asserted on a shared machine; what time is spent on can.  Each name below cost a
millisecond or more once, and is needed by others only: whoever uses TLS, forms, files or native
handlers imports it then.
"""

import pytest

from tests.cli.process import serve

NEVER = {
    "TLS": ["holdfast.net.tls", "holdfast.net.tlsconfig"],
    "native handlers": [
        "holdfast.message",
        "holdfast.server.handlers",
        "holdfast.server.mux",
        "holdfast.server.response",
        "html",
    ],
    "cookies, forms, uploads": [
        "email",
        "holdfast.cookies",
        "holdfast.formdata",
        "holdfast.forms",
        "holdfast.mime",
        "holdfast.server.uploads",
        "json",
        "mimetypes",
        "shutil",
        "tempfile",
    ],
    "files": ["holdfast.server.files", "holdfast.server.folder"],
    "WSGI": ["holdfast.hosts.wsgi"],
    "looking at the server": ["holdfast.server.snapshot"],
    "the access log": ["holdfast.trace.accesslog"],
    "more processes than one": ["holdfast.cli.reload", "holdfast.cli.supervisor", "multiprocessing"],
    "files of settings": ["logging.config", "tomllib"],
    "mistakes": ["difflib", "rich", "unittest"],
    "clients": ["http", "urllib.request"],
    "host names that are not ASCII": ["encodings.idna", "stringprep", "unicodedata"],
    "chance": ["hashlib", "random"],
}

APP = """
import sys

async def app(scope, receive, send):
    names = "\\n".join(sys.modules).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": names})
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The names of the modules, as the application sees them when it answers the first request."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "plain.py").write_text(APP)
    with serve(folder, "plain:app", "--no-access-log", "--lifespan", "off") as served:
        return set(served.get("/")[1].splitlines())


def test_the_application_saw_the_modules(imported):
    assert {"asyncio", "holdfast.hosts.asgi", "holdfast.server.server", "plain"} <= imported


@pytest.mark.parametrize("names", NEVER.values(), ids=NEVER)
def test_a_plain_start_does_without(names, imported):
    assert imported.isdisjoint(names)
