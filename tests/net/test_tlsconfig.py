"""Certificates: mistakes found before serving, names, clients' certificates, resumption, renewal."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256

from holdfast.errors import TLSError
from holdfast.net import tlsconfig
from holdfast.net.tlsconfig import TLSConfig, server_context
from tests.net.tlspeer import NAME, Session, authority, client_side, issued, server_side

every_version = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)

DAMAGED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
DAMAGED_KEY = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


class Files:
    """A folder of certificates."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = self.write("ca.pem", authority().cert_pem.bytes())

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def pair(self, name, leaf=None):
        leaf = leaf or issued(name)
        return (
            self.write(f"{name.replace('*', '_')}.pem", leaf.cert_chain_pems[0].bytes()),
            self.write(f"{name.replace('*', '_')}.key", leaf.private_key_pem.bytes()),
        )


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def refuse(error):
    raise error


def context(config, alpn=("http/1.1",), **options):
    return server_context(config, alpn, on_error=options.pop("on_error", refuse), **options)


def encrypted(password):
    key = serialization.load_pem_private_key(issued(NAME).private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )


def shown(session):
    """The names in the certificate that the server showed."""
    return [name for _, name in session.client.getpeercert()["subjectAltName"]]


# --- mistakes


@pytest.mark.parametrize(
    ("cert", "key", "password", "message"),
    [
        ("missing", "good", None, "{missing}: No such file or directory"),
        ("good", "missing", None, "{missing}: No such file or directory"),
        ("folder", "good", None, "{folder}: Is a directory"),
        ("text", "good", None, "{text}: no certificate in PEM form"),
        ("empty", "good", None, "{empty}: no certificate in PEM form"),
        ("key", "good", None, "{key}: no certificate in PEM form"),
        ("damaged", "good", None, "{damaged}: a certificate in it is damaged"),
        ("good", "text", None, "{text}: no private key in PEM form"),
        ("good", None, None, "{good}: no private key in PEM form"),
        ("good", "damaged_key", None, "{damaged_key}: the private key cannot be read: it is damaged"),
        ("good", "other", None, "{other}: the private key does not belong to the certificate in {good}"),
        ("good", "encrypted", None, "{encrypted}: the private key is encrypted, and no password was given"),
        (
            "good",
            "encrypted",
            "wrong",
            "{encrypted}: the private key cannot be read: it is damaged, or the password is wrong",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(files, cert, key, password, message):
    good, good_key = files.pair(NAME)
    certs = {
        "good": good,
        "key": good_key,
        "missing": str(files.folder / "missing.pem"),
        "folder": str(files.folder),
        "text": files.write("text", b"hello\n"),
        "empty": files.write("empty", b""),
        "damaged": files.write("damaged", DAMAGED),
    }
    keys = certs | {
        "good": good_key,
        "damaged_key": files.write("damaged_key", DAMAGED_KEY),
        "other": files.pair("other.example")[1],
        "encrypted": files.write("encrypted", encrypted(b"right")),
        None: None,
    }
    with pytest.raises(TLSError) as caught:
        context(TLSConfig(certs[cert], keys[key], password=password))
    assert str(caught.value) == message.format(
        **(certs | {k: v for k, v in keys.items() if k and k != "good"})
    )


def test_a_key_that_openssl_finds_too_weak_is_named(files):
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(36500))
    weak = files.write("weak.pem", builder.sign(key, SHA256()).public_bytes(serialization.Encoding.PEM))
    with pytest.raises(TLSError, match=r"weak\.pem: ee key too small"):
        context(TLSConfig(weak, files.pair(NAME)[1]))


def test_mistakes_in_the_other_files_are_found_too(files):
    pair = files.pair(NAME)
    with pytest.raises(TLSError, match="nowhere: No such file"):
        context(TLSConfig(*pair, client_ca=str(files.folder / "nowhere"), client_cert="required"))
    with pytest.raises(TLSError, match="nothing: No such file"):
        context(TLSConfig(*pair, sni={"a.example": (str(files.folder / "nothing"), pair[1])}))
    with pytest.raises(TLSError, match="no cipher that OpenSSL knows in ciphers='ROT13'"):
        context(TLSConfig(*pair, ciphers="ROT13"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"client_cert": "maybe"}, "client_cert is one of none, optional, required"),
        ({"client_cert": "required"}, "needs client_ca"),
        ({"min_version": "1.1"}, "min_version is one of 1.2, 1.3"),
        ({"sni": {"a": TLSConfig("x", sni={"b": ("y", "z")})}}, "an sni of its own"),
    ],
)
def test_settings_that_contradict_each_other(settings, message):
    with pytest.raises(ValueError, match=message):
        TLSConfig("cert.pem", **settings)


def test_a_context_made_for_clients_is_refused():
    with pytest.raises(TLSError, match="PROTOCOL_TLS_SERVER"):
        context(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


# --- what handshakes get


def test_key_and_certificate_in_one_file_encrypted(files):
    both = files.write("both.pem", encrypted(b"right") + issued(NAME).cert_chain_pems[0].bytes())
    for password in ("right", b"right"):
        assert shown(Session(server=context(TLSConfig(both, password=password)))) == [NAME]


def test_a_callers_context_is_used_as_it_is():
    own = server_side(["h2"])
    assert context(own).select("anything") is own
    assert Session(client_side(["h2", "http/1.1"]), context(own)).alpn == "h2"


@pytest.mark.parametrize(
    ("configured", "agreed"),
    [(None, "http/1.1"), (["x", "h2"], "h2"), ([], None)],
    ids=["server's", "own", "none"],
)
def test_alpn_is_the_servers_unless_configured(files, configured, agreed):
    server = context(TLSConfig(*files.pair(NAME), alpn=configured), ["http/1.1"])
    assert Session(client_side(["h2", "http/1.1"]), server).alpn == agreed


def test_what_is_old_is_off(files):
    made = context(TLSConfig(*files.pair(NAME))).select(None)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
        assert made.options & option


def test_a_client_older_than_min_version_is_refused(files):
    server = context(TLSConfig(*files.pair(NAME), min_version="1.3"))
    session = Session(client_side(version=ssl.TLSVersion.TLSv1_2), server, shake=False)
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol version"):
        session.shake()


def test_ciphers_of_tls_1_2_can_be_chosen(files):
    server = context(TLSConfig(*files.pair(NAME), ciphers="ECDHE-ECDSA-CHACHA20-POLY1305"))
    session = Session(client_side(version=ssl.TLSVersion.TLSv1_2), server)
    assert session.tls.get_extra_info("tls").cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"


# --- names


@pytest.mark.parametrize(
    ("asked", "certificate"),
    [
        ("a.example", "a.example"),
        ("A.EXAMPLE", "a.example"),
        ("x.a.example", "*.a.example"),
        ("www.a.example", "www.a.example"),
        ("y.x.a.example", NAME),
        ("other.example", NAME),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        (None, NAME),
    ],
)
@pytest.mark.parametrize("step", [None, 1])
def test_the_name_asked_for_chooses_the_certificate(files, asked, certificate, step):
    sni = {
        "a.example": files.pair("a.example"),
        "*.A.Example": files.pair("*.a.example"),
        "www.a.example": TLSConfig(*files.pair("www.a.example")),
        "bücher.example": files.pair("xn--bcher-kva.example"),
    }
    client = client_side()
    client.check_hostname = False
    server = context(TLSConfig(*files.pair(NAME), sni=sni))
    session = Session(client, server, name=asked, shake=False)
    session.shake(step)
    assert shown(session) == [certificate]
    assert session.tls.get_extra_info("tls").server_name == (asked and asked.lower())


# --- clients' certificates


def refused(session):
    """Whether the server refused the handshake, and why."""
    try:
        session.shake()
    except ssl.SSLError:
        pass
    session.lose()
    return str(session.failed[0]).partition(": ")[2] if session.failed else None


@every_version
@pytest.mark.parametrize(
    ("demand", "shows", "reason"),
    [
        ("none", None, None),
        ("none", "alice.example", None),
        ("optional", None, None),
        ("optional", "alice.example", None),
        ("optional", "stranger", "certificate verify failed: unable to get local issuer certificate"),
        ("required", "alice.example", None),
        ("required", None, "peer did not return a certificate"),
        ("required", "stranger", "certificate verify failed: unable to get local issuer certificate"),
    ],
)
def test_clients_certificates(files, version, demand, shows, reason):
    config = TLSConfig(*files.pair(NAME), client_ca=files.ca, client_cert=demand)
    client = client_side(version=version)
    if shows == "stranger":
        trustme.CA().issue_cert("alice.example").configure_cert(client)
    elif shows:
        issued(shows).configure_cert(client)
    session = Session(client, context(config), shake=False)
    assert refused(session) == reason
    if reason is None:
        info = session.tls.get_extra_info("tls")
        assert (info.peer_certificate is not None) == (demand != "none" and shows is not None)


@every_version
def test_one_name_may_demand_a_certificate_that_the_others_do_not(files, version):
    sni = {
        "inner.example": TLSConfig(*files.pair("inner.example"), client_ca=files.ca, client_cert="required")
    }
    server = context(TLSConfig(*files.pair(NAME), sni=sni))
    assert refused(Session(client_side(version=version), server, shake=False)) is None
    inner = Session(client_side(version=version), server, name="inner.example", shake=False)
    assert refused(inner) == "peer did not return a certificate"


def test_a_pair_inherits_what_is_demanded_of_clients(files):
    sni = {"inner.example": files.pair("inner.example")}
    server = context(TLSConfig(*files.pair(NAME), client_ca=files.ca, client_cert="required", sni=sni))
    inner = Session(client_side(), server, name="inner.example", shake=False)
    assert refused(inner) == "peer did not return a certificate"


# --- resumption


def session_of(session):
    """The client's TLS session, once its ticket has come."""
    session.tls.write(b"the tickets come with this")
    session.receive()
    return session.client.session


@every_version
def test_a_session_is_continued_under_the_same_name_only(files, version):
    """One name must not open another whose demands were never met (the class of CVE-2025-23419)."""
    inner = TLSConfig(*files.pair("inner.example"), client_ca=files.ca, client_cert="required")
    server = context(TLSConfig(*files.pair(NAME), sni={"inner.example": inner}))
    client = client_side(version=version)
    ticket = session_of(Session(client, server))
    assert Session(client, server, session=ticket).tls.get_extra_info("tls").resumed
    crossing = Session(client, server, name="inner.example", session=ticket, shake=False)
    assert refused(crossing) == "peer did not return a certificate"


@every_version
def test_a_client_stays_known_when_its_session_continues(files, version):
    server = context(TLSConfig(*files.pair(NAME), client_ca=files.ca, client_cert="required"))
    client = client_side(version=version, name="alice.example")
    ticket = session_of(Session(client, server))
    info = Session(client, server, session=ticket).tls.get_extra_info("tls")
    assert info.resumed
    assert ("DNS", "alice.example") in info.peer_certificate["subjectAltName"]


# --- renewal


class Renewed:
    """A server whose certificate is about to change, on a clock of its own."""

    def __init__(self, files, **settings):
        self.files = files
        self.now = 100.0
        self.errors = []
        self.pair = files.pair(NAME)
        self.server = context(
            TLSConfig(*self.pair, **settings), on_error=self.errors.append, now=lambda: self.now
        )

    def replace(self, name, certificate=True, key=True):
        leaf = issued(name)
        stamp = os.stat(self.files.folder).st_mtime_ns + 1_000_000_000
        for wanted, path, content in (
            (certificate, self.pair[0], leaf.cert_chain_pems[0].bytes()),
            (key, self.pair[1], leaf.private_key_pem.bytes()),
        ):
            if wanted:
                with open(path, "wb") as file:
                    file.write(content)
                os.utime(path, ns=(stamp, stamp))

    def shown(self):
        client = client_side()
        client.check_hostname = False
        return shown(Session(client, self.server))


def test_a_changed_certificate_is_shown_within_a_second(files):
    renewed = Renewed(files)
    renewed.replace("new.example")
    renewed.now += 0.9
    assert renewed.shown() == [NAME]
    renewed.now += 0.1
    assert renewed.shown() == ["new.example"]
    assert renewed.errors == []


def test_a_half_replaced_pair_keeps_the_old_one_and_is_reported_once(files):
    renewed = Renewed(files)
    renewed.replace("new.example", key=False)
    for _ in range(3):
        renewed.now += 1
        assert renewed.shown() == [NAME]
    assert [str(error) for error in renewed.errors] == [
        f"{renewed.pair[1]}: the private key does not belong to the certificate in {renewed.pair[0]}; "
        "the certificate that was read before stays in use"
    ]
    renewed.replace("new.example", certificate=False)
    renewed.now += 1
    assert renewed.shown() == ["new.example"]
    assert len(renewed.errors) == 1


def test_a_file_that_vanishes_keeps_the_old_one_and_comes_back(files):
    renewed = Renewed(files)
    os.rename(renewed.pair[0], renewed.pair[0] + ".old")
    for _ in range(2):
        renewed.now += 1
        assert renewed.shown() == [NAME]
    assert len(renewed.errors) == 1
    renewed.replace("new.example")
    renewed.now += 1
    assert renewed.shown() == ["new.example"]


@pytest.mark.parametrize("which", [0, 1], ids=["certificate", "key"])
def test_a_file_that_vanishes_between_two_looks_keeps_the_old_one(files, monkeypatch, which):
    renewed = Renewed(files)
    renewed.replace("new.example")
    renewed.now += 1
    read = tlsconfig._read

    def read_and_remove(path):
        content = read(path)
        if path == renewed.pair[which]:
            os.remove(path)
        return content

    monkeypatch.setattr(tlsconfig, "_read", read_and_remove)
    assert renewed.shown() == [NAME]
    assert "No such file" in str(renewed.errors[0])


def test_no_reload_where_none_is_wanted(files):
    renewed = Renewed(files, reload=False)
    renewed.replace("new.example")
    renewed.now += 100
    assert renewed.shown() == [NAME]


def test_a_session_from_before_the_renewal_starts_anew(files):
    renewed = Renewed(files)
    client = client_side()
    ticket = session_of(Session(client, renewed.server))
    renewed.replace(NAME)
    renewed.now += 1
    assert not Session(client, renewed.server, session=ticket).tls.get_extra_info("tls").resumed
