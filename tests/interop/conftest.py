"""The servers that the other programs talk to: real processes, one of each kind for a module of tests."""

from __future__ import annotations

import pytest
import trustme

from tests.cli.process import serve
from tests.interop.programs import HERE, URL_OF, Served

COMMON = ("--no-access-log", "--no-proxy-headers")
APP = ("resources:mux", "--app-dir", str(HERE))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """``resources`` on a port."""
    with serve(tmp_path_factory.mktemp("plain"), *APP, *COMMON) as served:
        yield Served(f"http://127.0.0.1:{served.port}", served.port)


@pytest.fixture(scope="module")
def on_tls(tmp_path_factory):
    """The same with TLS; its authority's certificate is the file ``ca``."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    made = authority.issue_cert("localhost", "127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    with serve(folder, *APP, *COMMON, "--ssl-certfile", "cert.pem", until=URL_OF["https"]) as served:
        yield Served(f"https://localhost:{served.port}", served.port, ca=folder / "ca.pem")


@pytest.fixture(scope="module")
def on_unix(tmp_path_factory):
    """The same on a Unix socket: its path."""
    path = tmp_path_factory.mktemp("unix") / "socket"
    with serve(path.parent, *APP, *COMMON, "--uds", str(path), until=URL_OF["unix"]):
        yield path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder ``public`` that is served; beside it lies a secret."""
    root = tmp_path_factory.mktemp("files")
    public = root / "public"
    (public / "sub").mkdir(parents=True)
    (public / "digits.txt").write_text("0123456789")
    (public / "sub" / "page.html").write_text('<a href="../digits.txt">digits</a>')
    (root / "secret.txt").write_text("secret")
    with serve(root, "./public", *COMMON) as served:
        yield Served(f"http://127.0.0.1:{served.port}", served.port, root=public)
