import pytest

from holdfast.cli import main as module
from holdfast.cli.main import main
from holdfast.errors import CannotStart


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(list(arguments))
    captured = capsys.readouterr()
    return exit.value.code, captured.out, captured.err


def serving(monkeypatch, serve):
    monkeypatch.setattr(module, "serve", serve)


def test_the_exit_code_is_what_serving_returns(capsys, monkeypatch):
    serving(monkeypatch, lambda settings: 0)
    assert run(capsys, "serve", "a:a") == (0, "", "")


def test_what_cannot_start_is_its_details_and_one_line(capsys, monkeypatch):
    def serve(settings):
        raise CannotStart("it cannot", details="where\n", exit_code=4)

    serving(monkeypatch, serve)
    assert run(capsys, "serve", "a:a") == (4, "", "where\nholdfast: it cannot\n")


def test_ctrl_c_before_there_is_a_server_is_no_traceback(capsys, monkeypatch):
    def serve(settings):
        raise KeyboardInterrupt

    serving(monkeypatch, serve)
    assert run(capsys, "serve", "a:a") == (130, "", "\n")


def test_a_wrong_command_line_is_one_line(capsys):
    assert run(capsys, "sreve") == (2, "", "holdfast: No such command 'sreve'. Did you mean 'serve'?\n")


def test_without_a_command_the_help_is_shown(capsys):
    code, out, err = run(capsys)
    assert code == 0
    assert "serve" in out
    assert err == ""
