"""From the --ssl- flags to TLS; what is wrong with the files themselves is in tests/net/test_tlsconfig.py."""

import pytest

from holdfast.cli.settings import Settings
from holdfast.cli.tls import tls_config
from holdfast.errors import CannotStart


def test_without_a_certificate_there_is_no_tls():
    assert tls_config(Settings("app:app")) is None


def test_every_flag_reaches_its_field():
    flags = {
        "ssl_certfile": "cert.pem",
        "ssl_keyfile": "key.pem",
        "ssl_keyfile_password": "secret",
        "ssl_ca_certs": "ca.pem",
        "ssl_cert_reqs": 2,
        "ssl_ciphers": "ECDHE+AESGCM",
    }
    config = tls_config(Settings("app:app", **flags))
    assert config is not None
    assert (config.certfile, config.keyfile, config.password) == ("cert.pem", "key.pem", "secret")
    assert (config.client_ca, config.client_cert, config.ciphers) == ("ca.pem", "required", "ECDHE+AESGCM")


def test_flags_that_contradict_each_other_cannot_start():
    with pytest.raises(CannotStart):
        tls_config(Settings("app:app", ssl_certfile="cert.pem", ssl_cert_reqs=2))
