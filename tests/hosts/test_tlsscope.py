from __future__ import annotations

import ssl

import pytest
import trustme

from holdfast.hosts.asgi import ASGI
from holdfast.hosts.tlsscope import _escaped, tls_extension
from tests.hosts.serving import PATIENCE, Talk, served

CA = trustme.CA()


class FakeTLS:
    def __init__(self, subject=None, der=None, version="TLSv1.3", cipher_suite=0x1301):
        self.peer_certificate = {"subject": subject} if subject else None
        self.peer_certificate_der = der
        self.version = version
        self.cipher_suite = cipher_suite


def test_without_a_client_certificate():
    assert tls_extension(FakeTLS(version="TLSv1.2", cipher_suite=None)) == {
        "server_cert": None,
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0303,
        "cipher_suite": None,
    }


def test_the_name_is_written_the_most_specific_part_first():
    subject = (
        (("countryName", "FR"),),
        (("organizationName", "A, B"),),
        (("commonName", "x"), ("userId", "7")),
    )
    found = tls_extension(FakeTLS(subject, b"der"))
    assert found["client_cert_name"] == "CN=x+UID=7,O=A\\, B,C=FR"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a+b", "a\\+b"), ("#a", "\\#a"), (" a ", "\\ a\\ "), (" ", "\\ "), ("a\\b", "a\\\\b")],
)
def test_what_rfc_4514_escapes(value, text):
    assert _escaped(value) == text


@pytest.mark.parametrize("certified", [False, True], ids=["anonymous", "with a certificate"])
def test_an_application_behind_tls_is_told_of_it(certified):
    found = []

    async def app(scope, receive, send):
        found.append(scope)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("localhost").configure_cert(context)
    CA.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    client = ssl.create_default_context()
    CA.configure_trust(client)
    if certified:
        CA.issue_cert("ada@example.com", common_name="Ada").configure_cert(client)
    with served(ASGI(app, lifespan="off"), tls=context) as at, at.connect() as talk:
        talk.sock.settimeout(PATIENCE)
        with Talk(client.wrap_socket(talk.sock, server_hostname="localhost")) as secure:
            assert secure.ask().status == 204
            suite = secure.sock.cipher()[0]
    scope, tls = found[0], found[0]["extensions"]["tls"]
    assert scope["scheme"] == "https"
    assert tls["tls_version"] == 0x0304
    assert tls["cipher_suite"] == {"TLS_AES_256_GCM_SHA384": 0x1302, "TLS_AES_128_GCM_SHA256": 0x1301}[suite]
    if certified:
        assert ssl.PEM_cert_to_DER_cert(tls["client_cert_chain"][0])
        assert tls["client_cert_name"].startswith("CN=Ada,")
    else:
        assert (tls["client_cert_chain"], tls["client_cert_name"]) == ([], None)
