"""Where the application called us from."""

from __future__ import annotations

import logging

from holdfast.server.caller import caller
from holdfast.testing import recorder


def test_it_names_the_file_and_the_line():
    file, _, line = caller().rpartition(":")
    assert file == __file__
    assert line.isdigit()


async def test_our_own_frames_are_left_out(caplog):
    w, _ = recorder()
    w.write_header(200)
    with caplog.at_level(logging.WARNING, "holdfast.error"):
        w.write_header(201)
    assert f"write_header(201) from {__file__}:" in caplog.text
