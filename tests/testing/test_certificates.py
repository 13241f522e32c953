"""The test certificate: one for a process, good for localhost, and an error where it cannot be made."""

from __future__ import annotations

import ssl
import sys

import pytest

from holdfast.errors import UsageError
from holdfast.testing import certificates
from holdfast.testing.certificates import client_side, server_side


def shake(hostname):
    """A handshake between the two sides, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side().wrap_bio(to_client, to_server, server_hostname=hostname)
    server = server_side().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return client.version()


def test_the_two_sides_trust_each_other():
    assert shake("localhost") == "TLSv1.3"
    assert shake("127.0.0.1") == "TLSv1.3"


def test_another_name_is_not_trusted():
    with pytest.raises(ssl.SSLCertVerificationError):
        shake("example.com")


def test_a_process_has_one():
    assert server_side() is server_side()


def test_the_package_that_makes_it_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(UsageError, match="pip install trustme"):
        certificates._authority.__wrapped__()
