"""Status codes: the whole registry, and the lines made of it."""

from __future__ import annotations

import pytest

from holdfast.status import Status, allows_body, reason, status_line, status_line_reason

# nethttp.md 4.1
KNOWN = {
    *range(100, 104),
    *range(200, 209),
    226,
    *range(300, 306),
    *(307, 308),
    *range(400, 419),
    *range(421, 427),
    *(428, 429, 431, 451),
    *range(500, 509),
    *(510, 511),
}


def test_the_known_codes_are_those_of_go():
    assert {int(status) for status in Status} == KNOWN


def test_a_status_is_its_int_and_has_its_reason():
    assert Status.NOT_FOUND == 404
    assert f"{Status.NOT_FOUND:d}" == "404"
    assert Status(404) is Status.NOT_FOUND
    assert Status.NOT_FOUND.reason == "Not Found"


@pytest.mark.parametrize("status", Status, ids=lambda status: f"{status:d}")
def test_a_name_is_its_phrase_in_capitals(status):
    letters = status.reason.upper().replace("'", "").replace("-", "_").replace(" ", "_")
    assert status.name == letters


@pytest.mark.parametrize(
    ("code", "phrase", "in_line"),
    [
        (200, "OK", "OK"),
        (431, "Request Header Fields Too Large", "Request Header Fields Too Large"),
        (306, "", "status code 306"),
        (999, "", "status code 999"),
        (0, "", "status code 0"),
    ],
)
def test_reason(code, phrase, in_line):
    assert reason(code) == phrase
    assert status_line_reason(code) == in_line


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_status_line_of_every_code(version):
    for code in range(100, 1000):
        line = f"HTTP/{version} {code} {status_line_reason(code)}\r\n"
        assert status_line(version, code) == line.encode("ascii")


def test_status_line_takes_a_status():
    assert status_line("1.1", Status.OK) == b"HTTP/1.1 200 OK\r\n"


def test_status_lines_are_made_once():
    assert status_line("1.1", 404) is status_line("1.1", 404)


@pytest.mark.parametrize("code", [-200, 0, 99, 1000])
def test_a_code_has_three_digits(code):
    with pytest.raises(ValueError, match=rf"expected a status code from 100 to 999, got {code}$"):
        status_line("1.1", code)


@pytest.mark.parametrize("version", ["2", "HTTP/1.1", ""])
def test_other_versions_have_no_status_line(version):
    with pytest.raises(ValueError, match="expected version"):
        status_line(version, 200)


def test_the_codes_without_a_body():
    assert {code for code in range(100, 1000) if not allows_body(code)} == {*range(100, 200), 204, 304}
