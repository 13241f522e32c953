import os

import pytest

from holdfast.cli.channel import Lines, Report, tell


@pytest.fixture
def pipe():
    read, write = os.pipe()
    os.set_blocking(read, False)
    ends = [write]
    yield Lines(read), write, lambda: os.close(ends.pop())
    for end in [read, *ends]:
        os.close(end)


def test_lines_come_whole(pipe):
    lines, write, _ = pipe
    os.write(write, b"dra")
    assert lines.read() == []
    os.write(write, b"in\nclose\nre")
    assert lines.read() == ["drain", "close"]
    tell(write, "open")
    assert lines.read() == ["reopen"]


def test_nothing_there_is_not_the_end(pipe):
    lines, _, close = pipe
    assert (lines.read(), lines.closed) == ([], False)
    close()
    assert (lines.read(), lines.closed) == ([], True)


def test_a_report_survives_the_way():
    report = Report("failed", 'text "é"', "line\nline\n", 4)
    assert "\n" not in report.to_line()
    assert Report.from_line(report.to_line()) == report


def test_a_traceback_without_end_keeps_its_end():
    assert Report.from_line(Report("failed", details="x" * 100_000 + "the end").to_line()).details.endswith(
        "the end"
    )
    assert len(Report("failed", details="\x00" * 100_000, text="\x00" * 100_000).to_line()) < 1 << 16


def test_whoever_has_died_does_not_hear():
    read, write = os.pipe()
    os.close(read)
    tell(write, "drain")
    os.close(write)
