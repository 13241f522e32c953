"""``--config`` and ``--env-file``; which one wins is tested in ``test_options``."""

import os

import pytest

from tests.cli.asking import ask


def test_an_env_file_adds_to_the_environment_and_counts_for_flags(tmp_path, monkeypatch):
    monkeypatch.setenv("KEPT", "before")
    names = ["GREETING", "QUOTED", "HOLDFAST_WORKERS"]
    for name in names:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setitem(os.environ, name, "")  # so that it is taken out again at the end
        del os.environ[name]
    file = tmp_path / ".env"
    file.write_text(
        '# words\n\nexport GREETING=hello # said\nQUOTED="a # b"\nKEPT=after\nHOLDFAST_WORKERS=7\n'
    )
    assert ask("app:app", "--env-file", str(file)).workers == 7
    assert [os.environ[name] for name in ("GREETING", "QUOTED", "KEPT")] == ["hello", "a # b", "before"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("prot = 1", "there is no flag --prot"), ("port = ", "is not TOML"), ("config = 'a'", "--config")],
    ids=["unknown key", "no TOML", "a file in a file"],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, text, message):
    file = tmp_path / "a.toml"
    file.write_text(text)
    said = ask("a:a", "--config", str(file))
    assert message in said
    assert "\n" not in said


def test_a_wrong_line_of_an_env_file_is_named(tmp_path):
    file = tmp_path / ".env"
    file.write_text("\nwords\n")
    assert "line 2" in ask("a:a", "--env-file", str(file))
