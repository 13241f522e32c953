"""What a handshake agreed on, as a handler sees it."""

from __future__ import annotations

import ssl

import pytest

from tests.net.tlspeer import NAME, Session, client_side, server_side


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_version_cipher_alpn_and_name(version):
    session = Session(client_side(["http/1.1"], version=version), server_side(["http/1.1"]))
    info = session.tls.get_extra_info("tls")
    assert info.version == session.client.version()
    assert info.cipher == session.client.cipher()[0]
    assert info.alpn == "http/1.1"
    assert info.server_name == NAME
    assert not info.resumed
    assert repr(info) == f"<TLSInfo {info.version} http/1.1 for {NAME}>"


def test_a_client_without_a_certificate_has_none():
    session = Session(server=server_side(client_cert=ssl.CERT_OPTIONAL))
    info = session.tls.get_extra_info("tls")
    assert info.peer_certificate is None
    assert info.peer_certificate_der is None


def test_a_clients_certificate():
    session = Session(client_side(name="alice.example"), server_side(client_cert=ssl.CERT_REQUIRED))
    info = session.tls.get_extra_info("tls")
    assert ("DNS", "alice.example") in info.peer_certificate["subjectAltName"]
    assert info.peer_certificate_der.startswith(b"\x30\x82")


def test_a_client_that_asks_for_no_name_and_no_protocol():
    client = client_side()
    client.check_hostname = False
    info = Session(client, name=None).tls.get_extra_info("tls")
    assert info.server_name is None
    assert info.alpn is None
    assert repr(info) == "<TLSInfo TLSv1.3 no ALPN for no name>"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_session_that_is_continued(version):
    client, server = client_side(version=version), server_side()
    first = Session(client, server)
    first.tls.write(b"the tickets come with this")
    first.receive()
    again = Session(client, server, session=first.client.session)
    assert again.client.session_reused
    assert again.tls.get_extra_info("tls").resumed
