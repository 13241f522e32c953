"""The table of flags against what it fills."""

import pytest

from holdfast.cli.flags import SECTIONS
from holdfast.cli.settings import Settings
from tests.cli.asking import ask

OPTIONS = [option for section in SECTIONS.values() for option in section]


def test_every_flag_is_a_setting():
    names = {option.name for section in SECTIONS.values() for option in section}
    for name in ("host", "port", "uds", "fd", "http", "config", "env_file"):
        names.remove(name)
    names = (names - {"header"}) | {"headers", "target"}
    assert names == set(Settings._fields)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_a_flag_is_explained_in_one_sentence_or_two(option):
    assert option.help
    assert option.help[0].isupper() or option.help.startswith(("host:port", "uvicorn"))
    assert option.help.endswith(".")


def test_no_flag_appears_twice():
    names = [name for option in OPTIONS for name in option.opts + option.secondary_opts]
    assert len(names) == len(set(names))


def test_the_default_of_a_flag_is_that_of_its_setting():
    defaults = ask("app:app")
    assert defaults == Settings(target="app:app")
