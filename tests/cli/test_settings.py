"""The settings as values."""

import pytest

from holdfast.cli.settings import Settings
from tests.cli.asking import ask


def test_settings_survive_the_way_to_a_worker():
    settings = ask("app:app", "--header", "X-A: b", "--bind", ":1", "--reload-dir", ".")
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("changes", "supervised"),
    [({}, False), ({"workers": 2}, True), ({"reload": True}, True)],
    ids=["one process", "workers", "reload"],
)
def test_when_there_is_a_supervisor(changes, supervised):
    assert Settings("a:a", **changes).supervised is supervised


def test_the_scheme_follows_the_certificate():
    assert Settings("a:a").scheme == "http"
    assert Settings("a:a", ssl_certfile="a.pem").scheme == "https"
