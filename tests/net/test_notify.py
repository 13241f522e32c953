import os
import socket
import sys

import pytest

from holdfast.net.notify import notify


@pytest.mark.parametrize(
    "name",
    [
        "notify.sock",
        pytest.param(
            f"@holdfast-test-{os.getpid()}",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets"),
        ),
    ],
)
def test_the_service_manager_hears(name, tmp_path):
    path = name if name.startswith("@") else str(tmp_path / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path.replace("@", "\0"))
        manager.settimeout(5)
        notify("READY=1", {"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "vsock:2:1"}],
)
def test_without_a_service_manager_nothing_happens(environ):
    notify("READY=1", environ)
